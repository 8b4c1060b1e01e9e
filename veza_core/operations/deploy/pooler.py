"""Detects a connection pooler that loses the locks and the settings of a session."""

import psycopg
from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.fetch import fetch_value
from veza_core.db.libpq import parameters_of_another
from veza_core.db.session import settings_that_differ

DIRECT = (
    "this needs a direct connection, or a pooler in session mode: "
    "give the server's own address in DATABASE_URL"
)


def check_direct(connection: BaseDatabaseWrapper) -> None:
    """Refuse a pooler in transaction or statement mode. Raises `CommandError`.

    A pooler that shares sessions gives libpq a process ID that is not the server's. Only then, two
    more sessions are opened. If both use the same server process, the pooler shares sessions.
    """
    connection.ensure_connection()
    announced = connection.connection.info.backend_pid
    actual = fetch_value(connection, "SELECT pg_backend_pid()")
    if dropped := settings_that_differ(connection):
        raise CommandError(
            f"a connection pooler dropped this session's settings ({', '.join(dropped)}): {DIRECT}"
        )
    if announced != actual and _shares_sessions(connection):
        raise CommandError(
            "the connection uses a pooler in transaction mode, where the lock against a second "
            "run would not work: " + DIRECT
        )


def _shares_sessions(connection: BaseDatabaseWrapper) -> bool:
    """Whether two open sessions use the same server process."""
    parameters = parameters_of_another(connection)
    with (
        psycopg.connect(**parameters, autocommit=True) as first,
        psycopg.connect(**parameters, autocommit=True) as second,
    ):
        pids = [
            session.execute("SELECT pg_backend_pid()").fetchone() for session in (first, second)
        ]
    return pids[0] == pids[1]
