"""Django's settings. Those that the environment gives are read in `variables`."""

import os
from importlib.util import find_spec

from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP

from veza_core.db.libpq import settle_environment
from veza_core.db.url import (
    connection_parameters,
    database_settings,
    embedded_settings,
    missing_settings,
    replica_settings,
)
from veza_site.logs import logging_settings
from veza_site.requests import LARGEST
from veza_site.variables import *  # noqa: F403 - each of them is a setting
from veza_site.variables import (
    BEHIND_TLS_PROXY,
    CONN_MAX_AGE,
    DATABASE_REPLICA_URL,
    DATABASE_SUPPORT_URL,
    DATABASE_URL,
    DATABASE_WEB_URL,
    DEBUG,
    EMBEDDED_DATABASE,
    EMBEDDED_DIRECTORY,
    LOG_FORMAT,
    SESSION_IDLE_MINUTES,
    SESSION_MINUTES,
)

# Databases ------------------------------------------------------------------------------------

settle_environment(embedded=not DATABASE_URL)
if DATABASE_URL:
    _database = database_settings(DATABASE_URL)
elif DEBUG:
    _database = embedded_settings(EMBEDDED_DIRECTORY, EMBEDDED_DATABASE)
else:
    # In a pod, an embedded server would be mistaken for the platform's.
    _database = missing_settings()
_kept = {"CONN_MAX_AGE": CONN_MAX_AGE, "CONN_HEALTH_CHECKS": True}
DATABASES = {"default": _database | _kept}

if "DATABASE_SUPPORT_URL" in os.environ and not (DATABASE_SUPPORT_URL or DEBUG):
    raise ImproperlyConfigured(
        "DATABASE_SUPPORT_URL is set but empty, and the admin would read with the role that has "
        "all privileges: name the role that reads, or unset it"
    )
if DATABASE_WEB_URL:
    # Refused now, in one line, and not only when a command uses it.
    connection_parameters(DATABASE_WEB_URL, "DATABASE_WEB_URL")
if DATABASE_SUPPORT_URL:
    DATABASES["support"] = database_settings(DATABASE_SUPPORT_URL, "DATABASE_SUPPORT_URL") | _kept
_replicas = replica_settings(DATABASE_REPLICA_URL, DATABASES.get("support"))
DATABASES |= _replicas
# The aliases of the replicas.
REPLICAS = [*_replicas]
DATABASE_ROUTERS = ["veza_site.support.router.SupportRouter"]

# The apps whose tables are the platform's, in schema public. All other tables are in schema django.
PUBLIC_SCHEMA_APPS = ["veza_core", "veza_streaming", "veza_media", "veza_legacy_chat"]

# The tables of the lab's schema, with the headings and in the order of the first audit's gap table
# (audit_schema --format markdown). Later tables have had UUID keys from the start.
AUDIT_DOMAINS = {
    "Auth": """
        refresh_tokens password_reset_tokens email_verification_tokens user_sessions users
        federated_identities
    """,
    "RBAC": "roles permissions user_roles role_permissions",
    "Profiles": "user_profiles user_settings",
    "Streaming": """
        bitrate_adaptation_logs hls_streams hls_transcode_queue playback_analytics track_comments
        track_history track_likes track_plays track_shares track_versions tracks
    """,
    "Social": "playlist_collaborators playlist_follows playlist_tracks playlists",
    "Chat (Legacy)": "rooms",
}

# Tables in schema django whose triggers allow only INSERT. `manage.py flush` does not empty them.
APPEND_ONLY_TABLES = ["veza_site_stafflogentry", "veza_site_note"]

# Tables in schema django for the sign-in, which no screen reads.
SIGN_IN_TABLES = ["veza_site_attemptcount", "veza_site_hashingslot", "veza_site_staffsession"]

# Apps -----------------------------------------------------------------------------------------

INSTALLED_APPS = [
    # First, because the first app with a command wins: ours replace Django's `migrate`.
    *PUBLIC_SCHEMA_APPS,
    # Before Django's admin, whose templates it replaces.
    "veza_site",
    "veza_demo",
    "veza_site.apps.SupportAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    # Tools for developers, if they are installed: graph_models, shell_plus. The first app has those
    # whose output is masked.
    *(
        ["veza_site.development", "django_extensions"]
        if DEBUG and find_spec("django_extensions")
        else []
    ),
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
]

MIDDLEWARE = [
    "veza_site.headers.HeadersMiddleware",
    # Before all others, which would refuse a probe: see there.
    "veza_site.health.HealthMiddleware",
    "veza_site.metrics.MetricsMiddleware",
    "veza_site.forwarding.ForwardingMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "veza_site.requests.RequestsMiddleware",
    # In development the staticfiles app serves them, without `collectstatic`.
    *([] if DEBUG else ["veza_site.static_files.StaticFilesMiddleware"]),
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    # Sets request.access, on which everything in the admin depends.
    "veza_site.support.middleware.AccessMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # The last, since it calls the view: see there.
    "veza_site.replicas.middleware.ReplicaMiddleware",
]

ROOT_URLCONF = "veza_site.urls"
WSGI_APPLICATION = "veza_site.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.csp",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Accounts -------------------------------------------------------------------------------------

AUTH_USER_MODEL = "veza_core.User"

# `dumpdata` also writes where its rows are from.
SERIALIZATION_MODULES = {name: f"veza_site.serializers.{name}" for name in ("json", "jsonl", "xml")}
AUTHENTICATION_BACKENDS = ["veza_site.support.backend.SupportBackend"]
PASSWORD_HASHERS = ["veza_core.passwords.BCryptPasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "veza_core.passwords.MaximumBytesValidator"},
]
SILENCED_SYSTEM_CHECKS = [
    # "The sign-in name is not unique": it is unique among live rows, by a partial unique index, and
    # LiveUserBackend reads only live rows.
    "auth.W004",
    # "Python-level on_delete, but the referenced model uses database-level": Django's log and
    # django-otp's devices refer to users. So no foreign key to users could use the database's ON
    # DELETE, as all our tables do. The audit reports a table of ours without it (`fk-on-delete`).
    "fields.E323",
]

# Sign-in --------------------------------------------------------------------------------------

OTP_TOTP_ISSUER = "Veza support"
# Its own throttling has no upper limit, so strangers could lock the owner out. Codes are counted in
# `veza_site.support.attempts`, like passwords.
OTP_TOTP_THROTTLE_FACTOR = 0
OTP_STATIC_THROTTLE_FACTOR = 0

# Rows in schema django, so that a session can be ended from elsewhere. The server measures the idle
# time (`veza_site.support.sessions`), and the cookie ends with the browser.
SESSION_ENGINE = "veza_site.support.session_store"
SESSION_COOKIE_AGE = SESSION_IDLE_MINUTES * 60
SESSION_ABSOLUTE_AGE = SESSION_MINUTES * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# Security -------------------------------------------------------------------------------------

KNOWN_BROWSER_COOKIE_NAME = "browser"
SESSION_COOKIE_SECURE = not DEBUG
CSRF_COOKIE_SECURE = not DEBUG
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "veza_site.support.views.forged"
if not DEBUG:
    # A browser accepts a cookie with such a name only from this host, and only over TLS.
    SESSION_COOKIE_NAME = "__Host-session"
    KNOWN_BROWSER_COOKIE_NAME = "__Host-browser"
    CSRF_COOKIE_NAME = "__Host-csrf"
SECURE_SSL_REDIRECT = not DEBUG
SECURE_HSTS_SECONDS = 0 if DEBUG else 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = not DEBUG
SECURE_HSTS_PRELOAD = not DEBUG
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Only what this site serves. A style or script inside a page needs its nonce (`{% csp_nonce_attr
# %}`), and attributes cannot contain either.
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.NONCE],
    "img-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
if BEHIND_TLS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Requests -------------------------------------------------------------------------------------

DATA_UPLOAD_MAX_MEMORY_SIZE = LARGEST
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
DATA_UPLOAD_MAX_NUMBER_FILES = 0

# The rest -------------------------------------------------------------------------------------

# For the tables of Django's own apps, in schema django.
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
STATIC_URL = "static/"
# No other site needs them.
WHITENOISE_ALLOW_ALL_ORIGINS = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
LOGGING = logging_settings(LOG_FORMAT, debug=DEBUG)
DEFAULT_EXCEPTION_REPORTER = "veza_site.error_reports.Reporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "veza_site.error_reports.SettingsFilter"
