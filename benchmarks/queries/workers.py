"""Sessions that run one operation again and again, and measure each run.

Each session is a process that uses libpq through psycopg's lowest layer. So a round trip costs only
a few microseconds here, as with pgbench. pgbench itself cannot be used: its variables are only
numbers, and the keys here are UUIDs. Statements are prepared, as by pgx and sqlx.
"""

import multiprocessing
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import cycle
from types import TracebackType
from typing import Any, Self

from psycopg import pq

from benchmarks.queries.statements import count_parameters

#: Seconds for which a session runs before its times count.
WARM = 0.1
#: Seconds after which a statement is cancelled.
TIMEOUT = 60
#: Seconds within which all sessions must be ready.
READY = 120

Parameters = Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Work:
    """The work of a session: prepared statements in turn, with the next parameters each time."""

    url: str
    statements: Sequence[str]
    parameters: Sequence[Parameters]
    seconds: float
    #: Whether COMMIT waits for the disk. The comparison leaves this wait out.
    durable: bool = False


@dataclass(frozen=True, slots=True)
class Times:
    """The measurements of all sessions together; times are in milliseconds."""

    count: int
    throughput: float
    p50: float
    p95: float
    p99: float

    def as_dict(self) -> dict[str, float]:
        """Return the times for JSON."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


class Sessions:
    """A number of processes, which are used for all measurements."""

    def __init__(self, count: int) -> None:
        self.count = count
        # Spawned, not forked, so that a child does not have its parent's connections.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(
            count, mp_context=context, initializer=_meet_at, initargs=[context.Barrier(count)]
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown()

    def run(self, work: Work) -> Times:
        """Run the work in all sessions at once. Raises `RuntimeError` with PostgreSQL's message."""
        # Sessions start with different parameters and, if there are enough, share none.
        shares = [work.parameters[n :: self.count] or work.parameters for n in range(self.count)]
        futures = [self._pool.submit(_session, work, share) for share in shares]
        results = [future.result() for future in futures]
        times = sorted(taken for times, _ in results for taken in times)
        seconds = statistics.mean(seconds for _, seconds in results)
        return Times(len(times), len(times) / seconds, *(_at(times, p) for p in (50, 95, 99)))


def _at(times: Sequence[int], percent: int) -> float:
    return times[min(len(times) - 1, len(times) * percent // 100)] / 1e6


_barrier: Any = None


def _meet_at(barrier: Any) -> None:
    global _barrier
    _barrier = barrier


def _session(work: Work, parameters: Sequence[Parameters]) -> tuple[list[int], float]:
    """Return the nanoseconds of each operation, and the seconds of all."""
    connection = pq.PGconn.connect(work.url.encode())
    try:
        _command(connection, f"SET statement_timeout = '{TIMEOUT}s'")
        _command(connection, f"SET synchronous_commit = {'on' if work.durable else 'off'}")
        names = [_prepare(connection, work, n) for n in range(len(work.statements))]
        counts = [count_parameters(statement) for statement in work.statements]
        operations = cycle(
            [
                (name, [value and value.encode() for value in row[:count]])
                for name, count in zip(names, counts, strict=True)
            ]
            for row in parameters
        )
        execute = connection.exec_prepared
        error = None
        try:
            _repeat(connection, execute, operations, WARM)
        except RuntimeError as raised:
            error = raised
        # The others wait here for this session, even if it failed.
        _barrier.wait(READY)
        if error:
            raise error
        started = time.perf_counter()
        times = _repeat(connection, execute, operations, work.seconds)
        return times, time.perf_counter() - started
    finally:
        connection.finish()


def _prepare(connection: pq.abc.PGconn, work: Work, number: int) -> bytes:
    """Prepare the statement, and return its name."""
    _check(connection, connection.prepare(b"q%d" % number, work.statements[number].encode()))
    return b"q%d" % number


def _repeat(connection: pq.abc.PGconn, execute: Any, operations: Any, seconds: float) -> list[int]:
    times, clock = [], time.perf_counter_ns
    end = clock() + int(seconds * 1e9)
    before = clock()
    while before < end:
        for name, values in next(operations):
            result = execute(name, values)
            if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
                _check(connection, result)
        after = clock()
        times.append(after - before)
        before = after
    return times


def _command(connection: pq.abc.PGconn, statement: str) -> None:
    _check(connection, connection.exec_(statement.encode()))


def _check(connection: pq.abc.PGconn, result: pq.abc.PGresult) -> None:
    if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
        raise RuntimeError(connection.error_message.decode().strip())
