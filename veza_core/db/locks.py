"""One run at a time, of migrations, purges or counts: PostgreSQL advisory locks of the session.

The lock is polled with pg_try_advisory_lock, and never waited for in the server. A session that
waits there holds a snapshot. CREATE INDEX CONCURRENTLY in the session with the lock would wait for
this snapshot, and both would wait for ever. Polling is also not affected by `lock_timeout` and
`statement_timeout`. (PostgreSQL, "Advisory Locks", 13.3.5.)
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

from veza_core.db.fetch import fetch_row, fetch_value
from veza_core.db.other_sessions import SESSION_COLUMNS, OtherSession

#: The locks' numbers in a database: "veza", "vezp" and "vezr" in ASCII. Nothing else may use them.
MIGRATION_LOCK_KEY = 0x76657A61
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
    """Another session held the lock for the whole time that this run was willing to wait."""


@contextmanager
def run_lock(
    connection: BaseDatabaseWrapper,
    key: int,
    wait: float = 0.0,
    report: Callable[[OtherSession], None] = lambda holder: None,
) -> Iterator[None]:
    """Hold the lock with this number in the block; the end of the session releases it.

    `wait` is in seconds; `report` is called once for each session that holds it. Raises
    `LockNotAvailableError` after the wait.
    """
    deadline = time.monotonic() + wait
    pause = SHORTEST_PAUSE
    reported: OtherSession | None = None
    while not fetch_value(connection, "SELECT pg_try_advisory_lock(%s)", [key]):
        row = fetch_row(connection, HOLDER, [key])
        holder = OtherSession(*row) if row else None
        if holder and (reported is None or holder.pid != reported.pid):
            report(holder)
            reported = holder
        if time.monotonic() >= deadline:
            raise LockNotAvailableError(str(reported or "another session"))
        # With jitter, so that pods that started together do not poll at the same moments.
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())) * random.uniform(0.5, 1.0))  # noqa: S311
        pause = min(pause * 1.5, LONGEST_PAUSE)
    try:
        yield
    finally:
        _unlock(connection, key)


def _unlock(connection: BaseDatabaseWrapper, key: int) -> None:
    session = connection.connection
    # The end of a lost session has released the lock. A session whose statement was interrupted may
    # still be busy; it releases the lock when it ends.
    if session is not None and session.info.transaction_status in READY:
        fetch_value(connection, "SELECT pg_advisory_unlock(%s)", [key])
