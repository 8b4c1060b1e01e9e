"""The settings that the environment gives; README.md describes them."""

from veza_site import values
from veza_site.environment import BASE_DIR, WEB_THREADS, check_names, setting
from veza_site.processors import usable_processors

check_names()

# Off by default, so that a deployment cannot turn it on by omission.
DEBUG = setting("DEBUG", values.flag, default=False)
SECRET_KEY = setting("SECRET_KEY", values.key, "")
# Earlier keys. They sign nothing, but what they signed stays valid.
SECRET_KEY_FALLBACKS: list[str] = setting("SECRET_KEY_FALLBACKS", values.names, [])
ALLOWED_HOSTS: list[str] = setting("ALLOWED_HOSTS", values.names, [])
CSRF_TRUSTED_ORIGINS: list[str] = setting("CSRF_TRUSTED_ORIGINS", values.names, [])
# A proxy that terminates TLS says so in X-Forwarded-Proto. Only behind one that always sets it.
BEHIND_TLS_PROXY = setting("BEHIND_TLS_PROXY", values.flag, default=False)
CONN_MAX_AGE = setting("CONN_MAX_AGE", values.integer(0, values.MOST_SECONDS, "seconds"), 0)
DATABASE_URL = setting("DATABASE_URL", str, "")
DATABASE_SUPPORT_URL = setting("DATABASE_SUPPORT_URL", str, "")
DATABASE_REPLICA_URL = setting("DATABASE_REPLICA_URL", str, "")
REPLICA_MAX_LAG = setting("REPLICA_MAX_LAG", values.number(1, values.MOST_SECONDS, "seconds"), 30.0)
DATABASE_WEB_URL = setting("DATABASE_WEB_URL", str, "")
SUPPORT_STATEMENT_TIMEOUT = setting(
    "SUPPORT_STATEMENT_TIMEOUT", values.number(0.1, values.MOST_SECONDS, "seconds"), 10.0
)
SECOND_FACTOR_REQUIRED = setting("SECOND_FACTOR_REQUIRED", values.flag, default=not DEBUG)
SECOND_FACTOR_AGAIN_MINUTES = setting("SECOND_FACTOR_AGAIN_MINUTES", values.MINUTES, 10)
SECOND_FACTOR_PAUSE_MINUTES = setting("SECOND_FACTOR_PAUSE_MINUTES", values.MINUTES, 15)
SIGN_IN_ATTEMPTS = setting("SIGN_IN_ATTEMPTS", values.POSITIVE, 5)
SIGN_IN_ATTEMPTS_PER_NETWORK = setting("SIGN_IN_ATTEMPTS_PER_NETWORK", values.POSITIVE, 20)
SIGN_IN_ATTEMPTS_PER_NAME = setting("SIGN_IN_ATTEMPTS_PER_NAME", values.POSITIVE, 10)
SIGN_IN_PAUSE_MINUTES = setting("SIGN_IN_PAUSE_MINUTES", values.MINUTES, 15)
SIGN_IN_LONGEST_PAUSE_MINUTES = setting("SIGN_IN_LONGEST_PAUSE_MINUTES", values.MINUTES, 60)
SIGN_IN_HASHES_AT_ONCE = setting(
    "SIGN_IN_HASHES_AT_ONCE", values.SEVERAL, max(1, usable_processors() // 2)
)
# Sign-in attempts that one process handles at the same time: half of its threads are for pages.
SIGN_INS_AT_ONCE = max(1, setting("WEB_THREADS", values.SEVERAL, WEB_THREADS) // 2)
KNOWN_BROWSER_DAYS = setting("KNOWN_BROWSER_DAYS", values.DAYS, 90)
SESSION_IDLE_MINUTES = setting("SESSION_IDLE_MINUTES", values.MINUTES, 30)
SESSION_MINUTES = setting("SESSION_MINUTES", values.MINUTES, 8 * 60)
EXPORT_MAX_ROWS = setting("EXPORT_MAX_ROWS", values.POSITIVE, 10_000)
MIGRATE_LOCK_TIMEOUT = setting("MIGRATE_LOCK_TIMEOUT", values.SECONDS, 5.0)
MIGRATE_LOCK_ATTEMPTS = setting("MIGRATE_LOCK_ATTEMPTS", values.POSITIVE, 10)
JOB_MAX_REPLICA_LAG: float | None = setting("JOB_MAX_REPLICA_LAG", values.SECONDS_OR_NONE, 10.0)
JOB_IGNORED_REPLICAS: list[str] = setting("JOB_IGNORED_REPLICAS", values.names, [])
BACKFILL_BATCH_SIZE = setting("BACKFILL_BATCH_SIZE", values.POSITIVE, 1000)
# What `purge` deletes, and how many days after the row expired, was deleted or was written.
PURGE_AFTER_DAYS: dict[str, int | None] = {
    kind: setting(f"PURGE_{kind.upper()}_AFTER_DAYS", values.DAYS_OR_NEVER, default)
    for kind, default in {
        "tokens": 30,
        "sessions": 30,
        "deleted": 30,
        "bitrate_logs": 90,
        "analytics": 365,
        "plays": None,
        "history": None,
    }.items()
}
EMBEDDED_DIRECTORY = setting("EMBEDDED_DIRECTORY", values.text, str(BASE_DIR / ".postgres"))
EMBEDDED_DATABASE = setting("EMBEDDED_DATABASE", values.text, "veza")
STATIC_ROOT = setting("STATIC_ROOT", values.text, str(BASE_DIR / "staticfiles"))
METRICS_TOKEN = setting("METRICS_TOKEN", values.token, "")
LOG_FORMAT = setting("LOG_FORMAT", values.log_format, "text")

# Empty in a production without a key: only the web server needs one, and refuses to start
# (veza_site.wsgi). Django refuses to sign with an empty key.
if DEBUG and not SECRET_KEY:
    SECRET_KEY = "django-insecure-for-development-only"  # noqa: S105 - it says so
