"""Connects within a time limit, and ends a session whose server does not respond.

libpq's `connect_timeout` is at least 2 seconds (PostgreSQL, "Parameter Key Words", 34.1.2). It does
not limit name resolution or a second address, and a pooler accepts clients even if its server is
down. A server that hangs keeps its connections open: its kernel acknowledges packets, so
`tcp_user_timeout` does not end them.
"""

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, InvalidStateError
from typing import Any

import psycopg


def within(seconds: float, connect: Callable[[], Any]) -> Any:
    """Return the session of `connect`, after it has responded, within so many seconds.

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
    """End the session if a statement has no response, and its server accepts no other connection.

    It checks the server each time after so many seconds without data, so a slow statement may
    continue. The statement then raises `psycopg.OperationalError`.
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
    """What psycopg waits for. After every so many seconds without data, it calls `ask`."""
    # psycopg waits for the socket in short steps, ten times a second.
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
        # The caller that waits for the session gets the error.
        _settle(found.set_exception, error)
    else:
        if not _settle(found.set_result, session):
            session.close()


def _settle(settle: Callable[[Any], None], outcome: Any) -> bool:
    """Whether somebody still waits for the result."""
    try:
        settle(outcome)
    except InvalidStateError:
        return False
    return True
