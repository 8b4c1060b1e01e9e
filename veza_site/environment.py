"""Reads the settings from the environment. A name that is not a setting is refused.

A misspelt setting would otherwise be ignored, and its default used: `PURGE_TOKEN_AFTER_DAYS=365`
would delete after 30 days. `.env` is only for development: manage.py, the tests and the benchmarks
call `read_file`, which puts it into the environment. No web server does.
"""

import os
import re
import stat
import sys
from collections.abc import Callable
from difflib import get_close_matches
from io import StringIO
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from dotenv import load_dotenv
from dotenv.parser import parse_stream

BASE_DIR = Path(__file__).resolve().parent.parent

#: All settings. README.md describes each of them.
NAMES = {
    "ALLOWED_HOSTS",
    "BACKFILL_BATCH_SIZE",
    "BEHIND_TLS_PROXY",
    "BIND",
    "CONN_MAX_AGE",
    "CSRF_TRUSTED_ORIGINS",
    "DATABASE_REPLICA_URL",
    "DATABASE_SUPPORT_URL",
    "DATABASE_URL",
    "DATABASE_WEB_URL",
    "DEBUG",
    "EMBEDDED_DATABASE",
    "EMBEDDED_DIRECTORY",
    "EXPORT_MAX_ROWS",
    "JOB_IGNORED_REPLICAS",
    "JOB_MAX_REPLICA_LAG",
    "KNOWN_BROWSER_DAYS",
    "LOG_FORMAT",
    "METRICS_TOKEN",
    "MIGRATE_LOCK_ATTEMPTS",
    "MIGRATE_LOCK_TIMEOUT",
    "PURGE_ANALYTICS_AFTER_DAYS",
    "PURGE_BITRATE_LOGS_AFTER_DAYS",
    "PURGE_DELETED_AFTER_DAYS",
    "PURGE_HISTORY_AFTER_DAYS",
    "PURGE_PLAYS_AFTER_DAYS",
    "PURGE_SESSIONS_AFTER_DAYS",
    "PURGE_TOKENS_AFTER_DAYS",
    "REPLICA_MAX_LAG",
    "SECOND_FACTOR_AGAIN_MINUTES",
    "SECOND_FACTOR_PAUSE_MINUTES",
    "SECOND_FACTOR_REQUIRED",
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "SESSION_IDLE_MINUTES",
    "SESSION_MINUTES",
    "SIGN_IN_ATTEMPTS",
    "SIGN_IN_ATTEMPTS_PER_NAME",
    "SIGN_IN_ATTEMPTS_PER_NETWORK",
    "SIGN_IN_HASHES_AT_ONCE",
    "SIGN_IN_LONGEST_PAUSE_MINUTES",
    "SIGN_IN_PAUSE_MINUTES",
    "STATIC_ROOT",
    "SUPPORT_STATEMENT_TIMEOUT",
    "WEB_THREADS",
    "WEB_WORKERS",
}

#: Settings with secrets, recognised by their names. `veza_site.secrecy` masks them.
SECRET_NAMES = frozenset(
    name for name in NAMES if re.search("KEY|TOKEN|SECRET|PASS|CREDENTIAL|DSN|_URL$", name)
)

#: Only our variables begin with these. Platforms set others that begin like ours (WEB_CONCURRENCY,
#: LOG_LEVEL, DATABASE_PORT_5432_TCP): those are refused only if they look like a misspelling.
OWN_PREFIXES = (
    *("PURGE_", "MIGRATE_LOCK_", "EMBEDDED_", "SECOND_FACTOR_", "SIGN_IN_"),
    *("SUPPORT_STATEMENT_", "BACKFILL_"),
)
#: How similar two names are, 0 to 1, if one is a misspelling of the other by one letter: missing,
#: added or wrong.
MISSPELT = 0.9


#: The number of the user who may do everything.
ROOT = 0

#: Threads of a web process. A page spends more time on waiting for the database than on computing.
WEB_THREADS = 4


def check_names() -> None:
    """Raise `ImproperlyConfigured` if a variable of the environment looks like a setting but is
    none.
    """
    for name in sorted(os.environ.keys() - NAMES):
        close = get_close_matches(name, NAMES, n=1, cutoff=MISSPELT)
        if close or name.upper().startswith(OWN_PREFIXES):
            raise ImproperlyConfigured(f"there is no setting {name}{_nearest(name)}")


def setting[T, D](name: str, parse: Callable[[str], T], default: D) -> T | D:
    """Return the value of a variable, or the default if it is not set.

    Raises `ImproperlyConfigured` if `parse` raises `ValueError`. Its text says what is needed, and
    never contains the value, which may be a secret.
    """
    if (value := os.environ.get(name)) is None:
        return default
    try:
        return parse(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from error


def read_file() -> None:
    """Add the values of `.env` to the environment of a development process.

    If the environment names a database, it does nothing: that may be production's, and the file
    turns DEBUG on. Raises `ImproperlyConfigured` for a line that is not a setting, for a file that
    is not a regular file or that somebody else may have written, and for a file that others can
    read and whose mode we cannot change.
    """
    file = BASE_DIR / ".env"
    if os.environ.get("DATABASE_URL") or not file.exists():
        return
    try:
        # Without O_NONBLOCK, a named pipe without a writer would block for ever.
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK), encoding="utf-8") as stream:
            _settle(file, stream.fileno())
            text = stream.read()
    except OSError as error:
        raise ImproperlyConfigured(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ImproperlyConfigured(f"{file} is not a text in UTF-8") from error
    _check(file, text)
    load_dotenv(stream=StringIO(text))


def _settle(file: Path, descriptor: int) -> None:
    """Let only the owner read the file, and say so, because it may contain passwords."""
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise ImproperlyConfigured(f"{file} is not a regular file: name it differently, or move it")
    # The owner of the checkout could change manage.py too.
    if found.st_uid not in (os.getuid(), ROOT, BASE_DIR.stat().st_uid):
        raise ImproperlyConfigured(
            f"{file} belongs to user {found.st_uid}, who could have written anything into it"
        )
    if not found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return
    refusal = ImproperlyConfigured(
        f"others can read {file}, which may contain passwords: its owner must chmod it to 600"
    )
    if file.is_symlink():
        # Others may need the file that it points to, such as a file of the system.
        raise refusal
    try:
        os.fchmod(descriptor, stat.S_IRUSR | stat.S_IWUSR)
    except OSError as error:
        raise refusal from error
    sys.stderr.write(f"others could read {file}: its mode is now 600\n")


def _check(file: Path, text: str) -> None:
    for line in parse_stream(StringIO(text)):
        where = f"{file}, line {line.original.line}"
        # What is not a name may be a URL with a password, whose `?sslmode=` looks like one.
        named = line.key is None or re.fullmatch(r"[A-Za-z_]\w*", line.key)
        valued = line.key is None or (line.value is not None and "\0" not in line.value)
        if line.error or not (named and valued):
            raise ImproperlyConfigured(f"{where}: it is not of the form NAME=value")
        # libpq's own variables, such as PGSSLROOTCERT, are not misspelt settings.
        if line.key is None or line.key in NAMES or line.key.startswith("PG"):
            continue
        raise ImproperlyConfigured(f"{where}: there is no setting {line.key}{_nearest(line.key)}")


def _nearest(name: str) -> str:
    close = get_close_matches(name.upper(), sorted(NAMES), n=1)
    return f": did you mean {close[0]}?" if close else ": README.md lists all of them"
