"""Recovery conflicts: on a replica, replay cancels sessions that block it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.core.management.base import CommandError
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.trust import parameters_for_catalog

#: The server's counters. From a program such as pg_dump we get no SQLSTATE, only a message in the
#: server's language.
CONFLICTS = """
SELECT coalesce(sum(confl_tablespace + confl_lock + confl_snapshot + confl_bufferpin
    + confl_deadlock), 0)
FROM pg_stat_database_conflicts WHERE datname = current_database()
"""

#: How many times the counters are read again, and within how many seconds.
LOOKS, PATIENCE = 20, 2
EXPLANATION = (
    "this server is a replica, and its replay ended a query that ran for too long (conflict with "
    "recovery): run it again at a quieter time, raise max_standby_streaming_delay on the replica, "
    "or give the primary in DATABASE_URL"
)


@contextmanager
def conflicts_explained(connection: BaseDatabaseWrapper, *, in_recovery: bool) -> Iterator[None]:
    """Raise `CommandError`, in one line, for an error in the block that replay caused."""
    if not in_recovery:
        yield
        return
    parameters = parameters_for_catalog(connection)
    before = _count(parameters)
    try:
        yield
    except (CommandError, DatabaseError) as error:
        if _has_risen(parameters, before):
            raise CommandError(EXPLANATION) from error
        raise


def _has_risen(parameters: dict[str, object], before: int) -> bool:
    """Whether there are more conflicts than before. One is counted when its session ends."""
    for _ in range(LOOKS):
        if _count(parameters) > before:
            return True
        time.sleep(PATIENCE / LOOKS)
    return False


def _count(parameters: dict[str, object]) -> int:
    with psycopg.connect(**parameters) as session:  # type: ignore[arg-type]
        row = session.execute(CONFLICTS).fetchone()
    return int(row[0]) if row else 0
