"""The time limit of a report: for its statements, and for everything else that a question waits
for.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import TIMEOUT_MAX
from time import monotonic
from typing import Any

#: By the monotonic clock. Without a report, there is no limit.
_END: ContextVar[float] = ContextVar("end", default=TIMEOUT_MAX)

#: In seconds. With less time, a statement might not be cancelled in time.
SHORTEST = 0.01


class NoTimeLeftError(Exception):
    """The report has no time left; the text says so."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """In this block, everything that waits has at most so many seconds from now."""
    token = _END.set(monotonic() + seconds)
    try:
        yield
    finally:
        _END.reset(token)


def left() -> float:
    """The seconds that are left, or 0.0."""
    return max(_END.get() - monotonic(), 0.0)


class Bounded:
    """Limits each statement, in seconds, to the time that the report has left.

    For `connection.execute_wrapper`, in a transaction. PostgreSQL's `statement_timeout` limits each
    statement by itself, but a question may have several. Raises `NoTimeLeftError`.
    """

    def __init__(self, statement: float, wait: float) -> None:
        self.statement, self.wait = statement, wait

    def __call__(
        self, execute: Callable[..., Any], query: Any, params: Any, many: bool, context: Any
    ) -> Any:
        seconds = left()
        if seconds < SHORTEST:
            raise NoTimeLeftError("no time was left")
        limit = int(min(seconds, self.statement) * 1000)
        # Shorter, or PostgreSQL would never report the lock as the reason.
        wait = min(limit - 1, int(self.wait * 1000))
        limits = f"SET LOCAL statement_timeout = {limit}; SET LOCAL lock_timeout = {wait}"
        execute(limits, None, False, context)
        return execute(query, params, many, context)
