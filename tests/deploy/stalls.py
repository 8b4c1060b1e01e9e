"""How long services wait for locks during a migration, and what limits this."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

#: The application_name of services.
SERVICE = "service"
#: The longest current wait of a service, in seconds.
WAITING = """
SELECT max(EXTRACT(epoch FROM clock_timestamp() - waitstart))::float8
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE datname = current_database() AND application_name = %s
"""
LOCK_TIMEOUT = "SELECT setting::integer FROM pg_settings WHERE name = 'lock_timeout'"

UNQUEUED = re.compile(r"\s*(SELECT|(CREATE|DROP) INDEX CONCURRENTLY)\b")


@contextmanager
def in_a_thread(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run the work in a thread; the end of the block sets its event."""
    done = threading.Event()
    worker = threading.Thread(target=work, args=[done])
    worker.start()
    try:
        yield
    finally:
        done.set()
        worker.join()


@contextmanager
def longest_wait(parameters: dict[str, Any], found: list[float]) -> Iterator[None]:
    """Measure the waits of services during the block; append the longest one, in seconds.

    PostgreSQL reports when a wait began (`pg_locks.waitstart`), so a late query only misses the end
    of a wait.
    """
    longest = 0.0

    def look(done: threading.Event) -> None:
        nonlocal longest
        with psycopg.connect(**parameters, autocommit=True) as session:
            while not done.wait(0.01):
                [seconds] = session.execute(WAITING, [SERVICE]).fetchone() or [None]
                longest = max(longest, seconds or 0.0)

    try:
        with in_a_thread(look):
            yield
    finally:
        found.append(longest)


@contextmanager
def locks_in_the_way(
    parameters: dict[str, Any], table: str, chance: Random, longest: float
) -> Iterator[None]:
    """During the block, writing transactions hold the table for up to `longest` seconds."""

    def hold(done: threading.Event) -> None:
        with psycopg.connect(**parameters) as session:
            while not done.is_set():
                session.execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE".encode())
                done.wait(chance.uniform(0, longest))
                session.rollback()
                done.wait(chance.uniform(0, longest))

    with in_a_thread(hold):
        yield


class Limited:
    """For `connection.execute_wrapper`: each statement waits for a lock for at most `timeout`.

    This limits the waits of others, who queue behind a waiting statement. Nobody queues behind a
    SELECT, or a concurrent build of an index. `timeout` is in milliseconds.
    """

    def __init__(self, connection: BaseDatabaseWrapper, timeout: int) -> None:
        self.connection, self.timeout = connection, timeout
        self.seen = 0
        self.unlimited: list[str] = []

    def __call__(self, execute: Callable[..., Any], sql: Any, *arguments: Any) -> Any:
        session = self.connection.connection
        # Neither in a transaction that has failed, nor in a session that was ended.
        if session.info.transaction_status in {TransactionStatus.IDLE, TransactionStatus.INTRANS}:
            with self.connection.wrap_database_errors:
                [limit] = session.execute(LOCK_TIMEOUT).fetchone()
            self.seen += 1
            if not 0 < limit <= self.timeout and not UNQUEUED.match(str(sql)):
                self.unlimited.append(str(sql))
        return execute(sql, *arguments)
