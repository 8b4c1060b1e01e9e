"""Settings, all of them from the environment (or from `.env`, which `make` writes once)."""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvError, validate

from veza_core.db.url import database_settings, embedded_settings

BASE_DIR = Path(__file__).resolve().parent.parent

env = Env()
env.read_env(str(BASE_DIR / ".env"), recurse=False)

MOST_DAYS = 36_500


@env.parser_for("days")
def days(value: str) -> int | None:
    """A number of days; None, for ever, when nothing is given."""
    if not value:
        return None
    if not value.isdecimal() or int(value) > MOST_DAYS:
        raise EnvError(f"a number of days is needed, from 0 to {MOST_DAYS}, or nothing")
    return int(value)


try:
    # Off unless asked for: a deployment that forgets it must not run with it.
    DEBUG = env.bool("DEBUG", default=False)
    SECRET_KEY = env.str("SECRET_KEY", default="")
    ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=[])
    CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
    # A proxy that ends TLS says so in X-Forwarded-Proto. Only behind one that always sets it.
    BEHIND_TLS_PROXY = env.bool("BEHIND_TLS_PROXY", default=False)
    CONN_MAX_AGE = env.int("CONN_MAX_AGE", default=0)
    DATABASE_URL = env.str("DATABASE_URL", default="")
    # How long a migration's statement waits for a lock, in seconds, and how often it is tried.
    MIGRATE_LOCK_TIMEOUT = env.float("MIGRATE_LOCK_TIMEOUT", default=5.0)
    MIGRATE_LOCK_ATTEMPTS = env.int(
        "MIGRATE_LOCK_ATTEMPTS", default=10, validate=validate.Range(min=1)
    )
    # What `purge` deletes, and how many days after it ended, was deleted or was written.
    PURGE_AFTER_DAYS: dict[str, int | None] = {
        kind: env.days(f"PURGE_{kind.upper()}_AFTER_DAYS", default)
        for kind, default in {
            "tokens": "30",
            "sessions": "30",
            "deleted": "30",
            "bitrate_logs": "90",
            "analytics": "365",
            "plays": "",
            "history": "",
        }.items()
    }
    # Without DATABASE_URL: where the embedded server keeps its data, and which database.
    EMBEDDED_DIRECTORY = env.str("EMBEDDED_DIRECTORY", default=str(BASE_DIR / ".postgres"))
    EMBEDDED_DATABASE = env.str("EMBEDDED_DATABASE", default="veza")
except EnvError as error:
    raise ImproperlyConfigured(str(error)) from error

if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set: give it 50 random characters or more, "
            "or set DEBUG=1 on a machine for development"
        )
    SECRET_KEY = "django-insecure-for-development-only"  # noqa: S105 - it says so

# Databases ------------------------------------------------------------------------------------

DATABASES = {
    "default": {
        **(
            database_settings(DATABASE_URL)
            if DATABASE_URL
            else embedded_settings(EMBEDDED_DIRECTORY, EMBEDDED_DATABASE)
        ),
        "CONN_MAX_AGE": CONN_MAX_AGE,
        "CONN_HEALTH_CHECKS": True,
    }
}

# The apps whose tables are the platform's, in schema public. All others live in schema django.
PUBLIC_SCHEMA_APPS = ["veza_core", "veza_streaming", "veza_media", "veza_legacy_chat"]

# Apps -----------------------------------------------------------------------------------------

INSTALLED_APPS = [
    # First, since the first app to bring a command wins: ours replace Django's `migrate`.
    *PUBLIC_SCHEMA_APPS,
    # Without autodiscovery, which would import every admin module for every command.
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_extensions",
]

MIDDLEWARE = [
    # Before all others, which would turn a probe away: see there.
    "veza_site.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "veza_site.urls"
WSGI_APPLICATION = "veza_site.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Accounts -------------------------------------------------------------------------------------

AUTH_USER_MODEL = "veza_core.User"
AUTHENTICATION_BACKENDS = ["veza_core.authentication.LiveUserBackend"]
PASSWORD_HASHERS = ["veza_core.passwords.BCryptPasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "veza_core.passwords.MaximumBytesValidator"},
]
SILENCED_SYSTEM_CHECKS = [
    # "The sign-in name is not unique": it is among live rows, by a partial unique index, and
    # LiveUserBackend looks at live rows only.
    "auth.W004",
]

# Security -------------------------------------------------------------------------------------

SESSION_COOKIE_SECURE = not DEBUG
CSRF_COOKIE_SECURE = not DEBUG
SECURE_SSL_REDIRECT = not DEBUG
SECURE_HSTS_SECONDS = 0 if DEBUG else 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = not DEBUG
SECURE_HSTS_PRELOAD = not DEBUG
X_FRAME_OPTIONS = "DENY"
if BEHIND_TLS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# The rest -------------------------------------------------------------------------------------

# For the tables of Django's own apps, in schema django.
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
STATIC_URL = "static/"
