"""`lock_timeout`, and who was in the way when it struck (SQLSTATE 55P03)."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

from veza_core.db.sessions import PREPARED_COLUMNS, SESSION_COLUMNS, OtherSession

LOCK_NOT_AVAILABLE = "55P03"
DEADLOCK_DETECTED = "40P01"

#: How often, within a timeout, is looked for whom a session waits.
LOOKS = 20

# PostgreSQL tells of a prepared transaction in the way as process 0 (pg_blocking_pids).
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
JOIN pg_locks AS own ON own.pid IS NULL AND own.locktype = 'transactionid'
    AND own.virtualtransaction = held.virtualtransaction
JOIN pg_prepared_xacts ON pg_prepared_xacts.transaction = own.transactionid
WHERE wanted.pid = %(pid)s AND NOT wanted.granted AND 0 = ANY(pg_blocking_pids(%(pid)s))
ORDER BY age DESC
"""

# The wait that goes on: when it began, and for how many seconds it has lasted.
WAIT = """
SELECT waitstart, EXTRACT(epoch FROM clock_timestamp() - waitstart)::float8
FROM pg_locks WHERE pid = %s AND waitstart IS NOT NULL
"""


def is_lock_timeout(error: BaseException | None) -> bool:
    """Whether the error, or the one that it wraps, is a lock timeout and nothing else."""
    return _sqlstate(error) == LOCK_NOT_AVAILABLE


def is_obstacle(error: BaseException | None) -> bool:
    """Whether it is a lock timeout or a deadlock: the same may succeed a moment later."""
    return _sqlstate(error) in {LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED}


def _sqlstate(error: BaseException | None) -> str | None:
    while error is not None:
        if isinstance(error, psycopg.Error):
            return error.sqlstate
        error = error.__cause__
    return None


@contextmanager
def no_lock_timeout(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Wait for locks without a limit within the block, in no transaction.

    For what nobody queues behind: CREATE INDEX CONCURRENTLY waits for transactions that are older
    than itself, and a timeout would throw away the index that it has built.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('lock_timeout')")
        [before] = cursor.fetchone()
        cursor.execute("SET lock_timeout = 0")
    try:
        yield
    finally:
        # A session that was lost, or whose statement was interrupted, takes nothing any more.
        session = connection.connection
        if session is not None and session.info.transaction_status == TransactionStatus.IDLE:
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [before])


def set_lock_timeout(connection: BaseDatabaseWrapper, seconds: float, *, local: bool) -> None:
    """Limit how long each statement waits for a lock; `local`: in this transaction only.

    Raises `ValueError` for a time that PostgreSQL would take for "no limit".
    """
    milliseconds = round(seconds * 1000)
    if milliseconds < 1:
        raise ValueError("a lock timeout is at least 0.001 s")
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, %s)", [f"{milliseconds}ms", local])


def extend_lock_timeout(connection: BaseDatabaseWrapper) -> None:
    """Have the other nodes of Citus wait for locks no longer than this one, in this transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL citus.propagate_set_commands = 'local'")
        cursor.execute("SELECT current_setting('lock_timeout')")
        # As a command: a function that sets it is not passed on.
        cursor.execute(f"SET LOCAL lock_timeout = '{cursor.fetchone()[0]}'")


class BlockerWatch:
    """Looks, from a second session, at whom a connection waits for, and for how long.

    After the timeout it is too late to ask: PostgreSQL knows of waits that go on.
    """

    def __init__(
        self, report: Callable[[list[OtherSession]], None] = lambda blockers: None
    ) -> None:
        #: Told whenever others are in the way than before.
        self.report = report
        self.blockers: list[OtherSession] = []
        self._waits: dict[datetime, float] = {}

    @property
    def waited(self) -> float:
        """The seconds that the connection has waited for locks, all waits that were seen."""
        return sum(self._waits.values())

    @contextmanager
    def over(
        self, connection: BaseDatabaseWrapper, parameters: dict[str, Any], interval: float
    ) -> Iterator[None]:
        """Look every `interval` seconds while the block runs.

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
        """Look every `interval` seconds until `done`, for whom process `pid` waits.

        `parameters` are those of the session that looks. It names nobody where there is none.
        """
        # Most migrations wait for nobody: connect only once one has had the time to wait.
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
                    if done.wait(interval):
                        return
        except psycopg.OperationalError:
            return
