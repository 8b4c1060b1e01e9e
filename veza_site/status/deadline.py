"""When a report has to end: for its statements, and for what else a question waits for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import TIMEOUT_MAX
from time import monotonic
from typing import Any

#: By the monotonic clock; without a report nothing is bounded.
_END: ContextVar[float] = ContextVar("end", default=TIMEOUT_MAX)

#: In seconds: with less, what undoes a statement might not be done in time either.
SHORTEST = 0.01


class NoTimeLeftError(Exception):
    """The report's time is over; the text says so."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Whatever waits within the block may do so until so many seconds from now."""
    token = _END.set(monotonic() + seconds)
    try:
        yield
    finally:
        _END.reset(token)


def left() -> float:
    """The seconds until then, or 0.0."""
    return max(_END.get() - monotonic(), 0.0)


class Bounded:
    """Gives each statement its limits, in seconds, and never more than the report has left.

    For `connection.execute_wrapper`, in a transaction. PostgreSQL's `statement_timeout` limits each
    statement by itself, and a question may take several. Raises `NoTimeLeftError`.
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
        # Shorter, or PostgreSQL would never say that it was a lock.
        wait = min(limit - 1, int(self.wait * 1000))
        limits = f"SET LOCAL statement_timeout = {limit}; SET LOCAL lock_timeout = {wait}"
        execute(limits, None, False, context)
        return execute(query, params, many, context)
