"""A connection that is there within a time, or is not waited for.

libpq takes no `connect_timeout` below 2 seconds (PostgreSQL, "Parameter Key Words", 34.1.2), it
counts neither the look-up of a name nor a second address, and a pooler accepts clients whose server
is gone.
"""

import threading
from collections.abc import Callable
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
