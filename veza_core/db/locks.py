"""One run at a time, of migrations, purges or counts: PostgreSQL advisory locks on the session.

It is taken by trying, never by waiting in the server: a session that waits holds a snapshot, on
which CREATE INDEX CONCURRENTLY in the session that has the lock would wait in turn, and both
would wait for ever. Trying also keeps `lock_timeout` and `statement_timeout` out of it.
(PostgreSQL, "Advisory Locks", 13.3.5.)
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

from veza_core.db.sessions import SESSION_COLUMNS, OtherSession

#: They name the locks within a database: "veza", "vezp" and "vezr" in ASCII. Nothing else may use
#: them.
LOCK_KEY = 0x76657A61
PURGE_LOCK_KEY = 0x76657A70
RECOUNT_LOCK_KEY = 0x76657A72

READY = (TransactionStatus.IDLE, TransactionStatus.INTRANS)

SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 1.0

HOLDER = f"""
SELECT {SESSION_COLUMNS}
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND classid = 0 AND objid = %s AND objsubid = 1 AND granted
    AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class LockNotAvailableError(Exception):
    """Somebody else held the lock for as long as this run was willing to wait."""


@contextmanager
def migration_lock(
    connection: BaseDatabaseWrapper, wait: float, report: Callable[[OtherSession], None]
) -> Iterator[None]:
    """Hold the lock within the block; the session's end gives it back, however it ends.

    `wait` is in seconds; `report` is told once of each session that is waited for.
    Raises `LockNotAvailableError` when the wait is over.
    """
    with _lock(connection, LOCK_KEY, wait, report):
        yield


@contextmanager
def job_lock(connection: BaseDatabaseWrapper, key: int) -> Iterator[None]:
    """Hold the lock of a job within the block, in the same way; `key` names it.

    Raises `LockNotAvailableError` at once when another session has it.
    """
    with _lock(connection, key, 0.0, lambda holder: None):
        yield


@contextmanager
def _lock(
    connection: BaseDatabaseWrapper, key: int, wait: float, report: Callable[[OtherSession], None]
) -> Iterator[None]:
    deadline = time.monotonic() + wait
    pause = SHORTEST_PAUSE
    told: OtherSession | None = None
    while not _try(connection, key):
        holder = _holder(connection, key)
        if holder and (told is None or holder.pid != told.pid):
            report(holder)
            told = holder
        if time.monotonic() >= deadline:
            raise LockNotAvailableError(str(told or "another session"))
        # Jittered, so that pods that started together do not knock together.
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())) * random.uniform(0.5, 1.0))  # noqa: S311
        pause = min(pause * 1.5, LONGEST_PAUSE)
    try:
        yield
    finally:
        _unlock(connection, key)


def _try(connection: BaseDatabaseWrapper, key: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        return bool(cursor.fetchone()[0])


def _unlock(connection: BaseDatabaseWrapper, key: int) -> None:
    session = connection.connection
    # A session that was lost has given the lock back already. One whose statement was interrupted
    # may still be busy with it, and gives it back when it ends.
    if session is not None and session.info.transaction_status in READY:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


def _holder(connection: BaseDatabaseWrapper, key: int) -> OtherSession | None:
    with connection.cursor() as cursor:
        cursor.execute(HOLDER, [key])
        row = cursor.fetchone()
    return OtherSession(*row) if row else None
