"""The settings that the environment gives; README.md describes them."""

from django.core.exceptions import ImproperlyConfigured
from environs import EnvError, validate

from veza_site.environment import (
    BASE_DIR,
    MINUTES,
    MOST_DAYS,
    POSITIVE,
    SECONDS,
    SEVERAL,
    WEB_THREADS,
    long_or_absent,
    read_environment,
    without_comma,
)
from veza_site.processors import usable_processors

env = read_environment()

try:
    # Off by default, so that a deployment cannot turn it on by omission.
    DEBUG = env.bool("DEBUG", default=False)
    SECRET_KEY = env.str("SECRET_KEY", default="", validate=without_comma).strip()
    # Earlier keys. They sign nothing, but what they signed stays valid.
    SECRET_KEY_FALLBACKS: list[str] = env.names("SECRET_KEY_FALLBACKS", default="")
    ALLOWED_HOSTS: list[str] = env.names("ALLOWED_HOSTS", default="")
    CSRF_TRUSTED_ORIGINS: list[str] = env.names("CSRF_TRUSTED_ORIGINS", default="")
    # A proxy that terminates TLS says so in X-Forwarded-Proto. Only behind one that always sets it.
    BEHIND_TLS_PROXY = env.bool("BEHIND_TLS_PROXY", default=False)
    CONN_MAX_AGE = env.int("CONN_MAX_AGE", default=0, validate=validate.Range(min=0))
    DATABASE_URL = env.str("DATABASE_URL", default="")
    # The role that the admin reads with, without secrets: see `manage.py sync_roles`.
    DATABASE_SUPPORT_URL = env.str("DATABASE_SUPPORT_URL", default="")
    # Replicas that the admin reads from, with the same role: a list of URLs.
    DATABASE_REPLICA_URL = env.str("DATABASE_REPLICA_URL", default="")
    # How many seconds such a replica may be behind; beyond that, the primary is read instead.
    REPLICA_MAX_LAG = env.float(
        "REPLICA_MAX_LAG", default=30.0, validate=[validate.Range(min=1), SECONDS]
    )
    # The role of the site's own process, only for `manage.py sync_roles`: that process has it in
    # DATABASE_URL.
    DATABASE_WEB_URL = env.str("DATABASE_WEB_URL", default="")
    # How many seconds a statement with these roles may take.
    SUPPORT_STATEMENT_TIMEOUT = env.float(
        "SUPPORT_STATEMENT_TIMEOUT", default=10.0, validate=[validate.Range(min=0.1), SECONDS]
    )
    # Whether the admin asks for a second factor.
    SECOND_FACTOR_REQUIRED = env.bool("SECOND_FACTOR_REQUIRED", default=not DEBUG)
    # After how many minutes a drastic action asks for a new code.
    SECOND_FACTOR_AGAIN_MINUTES = env.int(
        "SECOND_FACTOR_AGAIN_MINUTES", default=10, validate=MINUTES
    )
    # The longest pause after wrong codes, in minutes.
    SECOND_FACTOR_PAUSE_MINUTES = env.int(
        "SECOND_FACTOR_PAUSE_MINUTES", default=15, validate=MINUTES
    )
    # Failed attempts at one name: from one network, and from a browser that signed in before.
    SIGN_IN_ATTEMPTS = env.int("SIGN_IN_ATTEMPTS", default=5, validate=POSITIVE)
    # Failed attempts from one network at all names together, and at one name from all networks
    # together.
    SIGN_IN_ATTEMPTS_PER_NETWORK = env.int(
        "SIGN_IN_ATTEMPTS_PER_NETWORK", default=20, validate=POSITIVE
    )
    SIGN_IN_ATTEMPTS_PER_NAME = env.int("SIGN_IN_ATTEMPTS_PER_NAME", default=10, validate=POSITIVE)
    # The pause after that, and the longest pause, in minutes.
    SIGN_IN_PAUSE_MINUTES = env.int("SIGN_IN_PAUSE_MINUTES", default=15, validate=MINUTES)
    SIGN_IN_LONGEST_PAUSE_MINUTES = env.int(
        "SIGN_IN_LONGEST_PAUSE_MINUTES", default=60, validate=MINUTES
    )
    # Passwords that all processes together hash at the same time.
    SIGN_IN_HASHES_AT_ONCE = env.int(
        "SIGN_IN_HASHES_AT_ONCE",
        default=max(1, usable_processors() // 2),
        validate=SEVERAL,
    )
    # Sign-in attempts that one process handles at the same time: half of its threads are for pages.
    SIGN_INS_AT_ONCE = max(1, env.int("WEB_THREADS", default=WEB_THREADS, validate=SEVERAL) // 2)
    # For how many days attempts of others do not delay a browser that signed in.
    KNOWN_BROWSER_DAYS = env.int(
        "KNOWN_BROWSER_DAYS", default=90, validate=validate.Range(min=0, max=MOST_DAYS)
    )
    # How long a session may be idle, and how long it lasts, in minutes.
    SESSION_IDLE_MINUTES = env.int("SESSION_IDLE_MINUTES", default=30, validate=MINUTES)
    SESSION_MINUTES = env.int("SESSION_MINUTES", default=8 * 60, validate=MINUTES)
    # The most rows in an export from the admin.
    EXPORT_MAX_ROWS = env.int("EXPORT_MAX_ROWS", default=10_000, validate=POSITIVE)
    # How many seconds a migration's statement waits for a lock, and how often it is tried.
    MIGRATE_LOCK_TIMEOUT = env.float("MIGRATE_LOCK_TIMEOUT", default=5.0, validate=SECONDS)
    MIGRATE_LOCK_ATTEMPTS = env.int("MIGRATE_LOCK_ATTEMPTS", default=10, validate=POSITIVE)
    # How many seconds a replica may be behind while jobs write, and which replicas are ignored.
    JOB_MAX_REPLICA_LAG: float | None = env.seconds("JOB_MAX_REPLICA_LAG", default="10")
    JOB_IGNORED_REPLICAS: list[str] = env.names("JOB_IGNORED_REPLICAS", default="")
    # The most rows that a batch of a backfill changes.
    BACKFILL_BATCH_SIZE = env.int("BACKFILL_BATCH_SIZE", default=1000, validate=POSITIVE)
    # What `purge` deletes, and how many days after the row expired, was deleted or was written.
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
    # Without DATABASE_URL: where the embedded server keeps its data, and the name of the database.
    EMBEDDED_DIRECTORY = env.text("EMBEDDED_DIRECTORY", default=str(BASE_DIR / ".postgres"))
    EMBEDDED_DATABASE = env.text("EMBEDDED_DATABASE", default="veza")
    # Where `collectstatic` puts the static files, and the web server finds them.
    STATIC_ROOT = env.text("STATIC_ROOT", default=str(BASE_DIR / "staticfiles"))
    # The token that a client of /metrics must send. Without it, the page does not exist.
    METRICS_TOKEN = env.str("METRICS_TOKEN", default="", validate=long_or_absent)
    LOG_FORMAT = env.str("LOG_FORMAT", default="text", validate=validate.OneOf(["text", "json"]))
except EnvError as error:
    raise ImproperlyConfigured(" ".join(str(error).split())) from error

# Empty in a production without a key: only the web server needs one, and refuses to start
# (veza_site.wsgi). Django refuses to sign with an empty key.
if DEBUG and not SECRET_KEY:
    SECRET_KEY = "django-insecure-for-development-only"  # noqa: S105 - it says so
