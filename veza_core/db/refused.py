"""Why a session did not begin, or was lost: libpq's words once, and what they do not say."""

import re

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

#: psycopg's own line between the last failure and all of them, the last one included.
ALL_FAILURES = "Multiple connection attempts failed. All failures were:"

#: How psycopg begins a failure: the address if there are several, and in front of libpq's words
#: a few of its own. libpq's words name the address too; a timeout is psycopg's alone.
BEGINS = re.compile(r"(?:- (host: .*?): )?(connection (?:failed|is bad): )")

#: For SQLSTATE 57P03, which libpq keeps to itself (PostgreSQL, "PQping", 34.1).
WAIT = "the server takes no connections while it starts, stops or recovers: wait, and try again"

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
    """Whether a server answers there, and takes no connections just now.

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
