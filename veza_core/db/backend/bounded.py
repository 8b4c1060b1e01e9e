"""A connection that is there within a time, and answers, or is not waited for.

libpq takes no `connect_timeout` below 2 seconds (PostgreSQL, "Parameter Key Words", 34.1.2), it
counts neither the look-up of a name nor a second address, and a pooler accepts clients whose server
is gone. A server that stands still keeps its connections open: its machine acknowledges what
they send, and `tcp_user_timeout` does not end them.
"""

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, InvalidStateError
from typing import Any

import psycopg


def within(seconds: float, connect: Callable[[], Any]) -> Any:
    """What `connect` returns, a session that has answered, if it is there in so many seconds.

    Raises `psycopg.errors.ConnectionTimeout` otherwise; a session that comes later is closed.
    """
    found: Future[Any] = Future()
    threading.Thread(target=_connect, args=(connect, found), daemon=True).start()
    try:
        return found.result(timeout=seconds)
    except TimeoutError:
        if not found.cancel():
            return found.result()
        message = f"no answer within {seconds:g} s"
        raise psycopg.errors.ConnectionTimeout(message) from None


def watch(session: psycopg.Connection[Any], seconds: float, connect: Callable[[], Any]) -> None:
    """End the session when a statement has no answer, and its server takes no connection either.

    It asks the server again after every so many seconds of silence, so that a statement may take
    long. The statement then raises `psycopg.OperationalError`.
    """
    wait = session.wait

    def ask() -> None:
        try:
            within(seconds, connect).close()
        except psycopg.Error:
            session.close()
            raise

    def bounded(answer: Generator[Any, Any, Any], *arguments: Any, **options: Any) -> Any:
        return wait(_asking(answer, seconds, ask), *arguments, **options)

    session.wait = bounded  # type: ignore[method-assign, assignment]


def _asking(
    answer: Generator[Any, Any, Any], seconds: float, ask: Callable[[], None]
) -> Generator[Any, Any, Any]:
    """What psycopg waits for, and every so many seconds without news of it, `ask`."""
    # psycopg sends what the socket is ready for, and ten times a second that it is for nothing.
    ready, heard = None, time.monotonic()
    while True:
        try:
            state = answer.send(ready)
        except StopIteration as end:
            return end.value
        ready = yield state
        if ready:
            heard = time.monotonic()
        elif time.monotonic() - heard >= seconds:
            ask()
            heard = time.monotonic()


def _connect(connect: Callable[[], Any], found: Future[Any]) -> None:
    try:
        session = connect()
        session.autocommit = True
        session.execute("SELECT")
    except Exception as error:
        # It is raised where the session is waited for.
        _settle(found.set_exception, error)
    else:
        if not _settle(found.set_result, session):
            session.close()


def _settle(settle: Callable[[Any], None], outcome: Any) -> bool:
    """Whether somebody still waits for the outcome."""
    try:
        settle(outcome)
    except InvalidStateError:
        return False
    return True
