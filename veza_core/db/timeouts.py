"""`lock_timeout`, and who was in the way when it struck (SQLSTATE 55P03)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.libpq import parameters_of_another

LOCK_NOT_AVAILABLE = "55P03"

BLOCKERS = """
SELECT pid, application_name, query, clock_timestamp() - coalesce(xact_start, backend_start)
FROM pg_stat_activity
WHERE pid = ANY(pg_blocking_pids(%s))
ORDER BY 4 DESC
"""

# The wait that goes on: when it began, and for how many seconds it has lasted.
WAIT = """
SELECT waitstart, EXTRACT(epoch FROM clock_timestamp() - waitstart)::float8
FROM pg_locks WHERE pid = %s AND waitstart IS NOT NULL
"""


def is_lock_timeout(error: BaseException | None) -> bool:
    """Whether the error, or the one that it wraps, is a lock timeout and nothing else."""
    while error is not None:
        if isinstance(error, psycopg.Error):
            return error.sqlstate == LOCK_NOT_AVAILABLE
        error = error.__cause__
    return False


def set_lock_timeout(connection: BaseDatabaseWrapper, seconds: float, *, local: bool) -> None:
    """Limit how long each statement waits for a lock; `local`: in this transaction only.

    Raises `ValueError` for a time that PostgreSQL would take for "no limit".
    """
    milliseconds = round(seconds * 1000)
    if milliseconds < 1:
        raise ValueError("a lock timeout is at least 0.001 s")
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, %s)", [f"{milliseconds}ms", local])


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session that holds, or is queued for, a lock that a migration waits for."""

    pid: int
    application: str | None
    query: str | None
    age: timedelta | None

    def __str__(self) -> str:
        query = " ".join((self.query or "query unknown").split())
        shown = query if len(query) <= 100 else f"{query[:99]}…"
        age = f"{self.age.total_seconds():.0f} s old" if self.age else "age unknown"
        return f"pid {self.pid} ({self.application or 'unnamed'}, transaction {age}): {shown}"


class BlockerWatch:
    """Looks, from a second session, at whom a connection waits for, and for how long.

    After the timeout it is too late to ask: PostgreSQL knows of waits that go on.
    """

    def __init__(self) -> None:
        self.blockers: list[Blocker] = []
        self._waits: dict[datetime, float] = {}

    @property
    def waited(self) -> float:
        """The seconds that the connection has waited for locks, all waits that were seen."""
        return sum(self._waits.values())

    @contextmanager
    def over(self, connection: BaseDatabaseWrapper, interval: float) -> Iterator[None]:
        """Look every `interval` seconds while the block runs."""
        connection.ensure_connection()
        pid = connection.connection.info.backend_pid
        parameters = parameters_of_another(connection)
        done = threading.Event()
        watcher = threading.Thread(
            target=self._watch, args=(parameters, pid, interval, done), daemon=True
        )
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def _watch(
        self, parameters: dict[str, Any], pid: int, interval: float, done: threading.Event
    ) -> None:
        # Most migrations wait for nobody: connect only once one has had the time to wait.
        if done.wait(interval):
            return
        try:
            with psycopg.connect(**parameters, autocommit=True) as session:
                while True:
                    if wait := session.execute(WAIT, [pid]).fetchone():
                        began, seconds = wait
                        self._waits = {**self._waits, began: seconds}
                    if wait and (rows := session.execute(BLOCKERS, [pid]).fetchall()):
                        self.blockers = [Blocker(*row) for row in rows]
                    if done.wait(interval):
                        return
        except psycopg.OperationalError:
            # No second session is to be had: the message then names nobody, no more.
            return
