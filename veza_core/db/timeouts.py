"""`lock_timeout`, and the sessions that caused it (SQLSTATE 55P03)."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

from veza_core.db.fetch import fetch_value
from veza_core.db.other_sessions import (
    PREPARED_COLUMNS,
    PREPARED_OF_LOCK,
    SESSION_COLUMNS,
    OtherSession,
)

SET_TIMEOUT = "SELECT set_config('lock_timeout', %s, %s)"

LOCK_NOT_AVAILABLE = "55P03"
DEADLOCK_DETECTED = "40P01"

#: How many times during a timeout the blocking sessions are read.
LOOKS = 20
#: How long a commit waits for a synchronous replica before this is reported, in seconds.
SILENT = 5

# For a blocking prepared transaction, PostgreSQL reports process 0 (pg_blocking_pids).
BLOCKERS = f"""
SELECT {SESSION_COLUMNS}
FROM pg_stat_activity
WHERE pid = ANY(pg_blocking_pids(%(pid)s))
UNION ALL
SELECT DISTINCT {PREPARED_COLUMNS}
FROM pg_locks AS wanted
JOIN pg_locks AS held ON held.pid IS NULL AND held.granted
    AND held.locktype = wanted.locktype AND held.database IS NOT DISTINCT FROM wanted.database
    AND held.relation IS NOT DISTINCT FROM wanted.relation
    AND held.transactionid IS NOT DISTINCT FROM wanted.transactionid
{PREPARED_OF_LOCK}
WHERE wanted.pid = %(pid)s AND NOT wanted.granted AND 0 = ANY(pg_blocking_pids(%(pid)s))
ORDER BY age DESC
"""

# The current wait: when it began, and how many seconds it has lasted.
WAIT = """
SELECT waitstart, EXTRACT(epoch FROM clock_timestamp() - waitstart)::float8
FROM pg_locks WHERE pid = %s AND waitstart IS NOT NULL
"""

# Whether its commit waits for a synchronous replica, and for longer than a connected one takes.
AWAITS_REPLICA = """
SELECT current_setting('synchronous_standby_names') FROM pg_stat_activity
WHERE pid = %s AND wait_event = 'SyncRep'
    AND clock_timestamp() - query_start > make_interval(secs => %s)
"""


def is_lock_timeout(error: BaseException | None) -> bool:
    """Whether the error, or the error that it wraps, is a lock timeout (or of NOWAIT)."""
    return _sqlstate(error) == LOCK_NOT_AVAILABLE


def is_obstacle(error: BaseException | None) -> bool:
    """Whether it is a lock timeout or a deadlock, so that a retry may succeed."""
    return _sqlstate(error) in {LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED}


def _sqlstate(error: BaseException | None) -> str | None:
    while error is not None:
        if isinstance(error, psycopg.Error):
            return error.sqlstate
        error = error.__cause__
    return None


@contextmanager
def no_lock_timeout(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """In the block, wait for locks without a limit, outside of a transaction.

    For statements behind which nobody queues: CREATE INDEX CONCURRENTLY waits for older
    transactions, and a timeout would discard the index that it has built.
    """
    before = fetch_value(connection, "SELECT current_setting('lock_timeout')")
    fetch_value(connection, SET_TIMEOUT, ["0", False])
    try:
        yield
    finally:
        # A lost session, or one whose statement was interrupted, accepts no statement.
        session = connection.connection
        if session is not None and session.info.transaction_status == TransactionStatus.IDLE:
            fetch_value(connection, SET_TIMEOUT, [before, False])


def set_lock_timeout(connection: BaseDatabaseWrapper, seconds: float, *, local: bool) -> None:
    """Limit how long each statement waits for a lock; `local`: in this transaction only.

    Raises `ValueError` for a time that PostgreSQL would read as "no limit".
    """
    milliseconds = round(seconds * 1000)
    if milliseconds < 1:
        raise ValueError("a lock timeout is at least 0.001 s")
    fetch_value(connection, SET_TIMEOUT, [f"{milliseconds}ms", local])


def extend_lock_timeout(connection: BaseDatabaseWrapper) -> None:
    """Make the other nodes of Citus use this lock timeout, in this transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL citus.propagate_set_commands = 'local'")
        cursor.execute("SELECT current_setting('lock_timeout')")
        # As a command: Citus does not propagate a function that sets it.
        cursor.execute(f"SET LOCAL lock_timeout = '{cursor.fetchone()[0]}'")


class BlockerWatch:
    """Reads from a second session for whom a connection waits, and for how long.

    After the timeout it is too late: PostgreSQL shows only current waits.
    """

    def __init__(
        self,
        report: Callable[[list[OtherSession]], None] = lambda blockers: None,
        without_replica: Callable[[str], None] | None = None,
    ) -> None:
        #: Called each time when the blocking sessions change.
        self.report = report
        #: Called with `synchronous_standby_names` when a commit waits for them.
        self.without_replica = without_replica
        self.blockers: list[OtherSession] = []
        self._waits: dict[datetime, float] = {}

    @property
    def waited(self) -> float:
        """The seconds that the connection has waited for locks, over all observed waits."""
        return sum(self._waits.values())

    @contextmanager
    def over(
        self, connection: BaseDatabaseWrapper, parameters: dict[str, Any], interval: float
    ) -> Iterator[None]:
        """Read every `interval` seconds while the block runs.

        `parameters` are those of the second session.
        """
        pid = connection.connection.info.backend_pid
        done = threading.Event()
        watcher = threading.Thread(
            target=self.look, args=(parameters, pid, interval, done), daemon=True
        )
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def look(
        self, parameters: dict[str, Any], pid: int, interval: float, done: threading.Event
    ) -> None:
        """Read every `interval` seconds, until `done`, for whom process `pid` waits.

        `parameters` are those of the reading session. If nobody blocks the process, it names
        nobody.
        """
        # Most migrations wait for nobody, so connect only after there was time to wait.
        if done.wait(interval):
            return
        try:
            with psycopg.connect(**parameters, autocommit=True) as session:
                while True:
                    if wait := session.execute(WAIT, [pid]).fetchone():
                        began, seconds = wait
                        self._waits = {**self._waits, began: seconds}
                    if wait and (rows := session.execute(BLOCKERS, {"pid": pid}).fetchall()):
                        before = {(other.pid, other.gid) for other in self.blockers}
                        self.blockers = [OtherSession(*row) for row in rows]
                        if before != {(other.pid, other.gid) for other in self.blockers}:
                            self.report(self.blockers)
                    if not wait and self.without_replica:
                        for (names,) in session.execute(AWAITS_REPLICA, [pid, SILENT]):
                            self.without_replica(names)
                    if done.wait(interval):
                        return
        except psycopg.OperationalError:
            return
