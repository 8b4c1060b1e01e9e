"""How long the statements of commands wait for locks, and who blocked the last of them.

Without a limit, a command would hang without a message until somebody ends the other transaction.
Commands with their own limits set them for their transactions, which have priority over this one.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

import psycopg
from django.conf import settings
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.other_sessions import OtherSession, named_blockers
from veza_core.db.timeouts import LOOKS, BlockerWatch, is_lock_timeout
from veza_core.db.trust import parameters_for_catalog
from veza_core.errors import clear_line, one_line
from veza_core.visible import visible

#: The maximum time, in seconds, between two checks whether a statement still runs. Some jobs limit
#: their waits to one second.
NOTICE = 0.1

_command: "CommandWaits | None" = None


@contextmanager
def bounded_waits() -> Iterator["CommandWaits"]:
    """In the block, new connections wait at most `MIGRATE_LOCK_TIMEOUT` for a lock."""
    global _command
    before, _command = _command, CommandWaits()
    try:
        yield _command
    finally:
        _command.done.set()
        _command = before


def startup_option() -> str:
    """The limit, for a connection's startup packet, which costs no round trip; empty for none."""
    if _command is None:
        return ""
    return f"-c lock_timeout={max(1, round(settings.MIGRATE_LOCK_TIMEOUT * 1000))}"


def watch(connection: BaseDatabaseWrapper) -> None:
    """Watch for whom a connection's statements wait, while a command runs."""
    if _command is not None:
        _command.watch(connection)


def while_it_commits(connection: BaseDatabaseWrapper) -> AbstractContextManager[object]:
    """Watch the connection's COMMIT too, which no cursor runs."""
    watched = _command.watched if _command else []
    return next(
        (each.running() for each in watched if each.connection is connection), nullcontext()
    )


def explain(error: BaseException) -> str:
    """One line about an error of the database, with the blocking sessions for a lock timeout."""
    return (clear_line(error) or one_line(error)) + (_command.in_the_way(error) if _command else "")


class CommandWaits:
    """The waits of one command."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.watched: list[_Statements] = []

    def watch(self, connection: BaseDatabaseWrapper) -> None:
        """Watch a connection, unless it is watched already, after a reconnect."""
        if not any(each.connection is connection for each in self.watched):
            self.watched.append(_Statements(connection, self.done))

    def timeout_text(self, error: BaseException) -> str:
        """The message about a lock timeout by the limit of all commands."""
        if not is_lock_timeout(error):
            return ""
        limit = f", after {settings.MIGRATE_LOCK_TIMEOUT:g} s (MIGRATE_LOCK_TIMEOUT)"
        return f"{limit}{self.in_the_way(error)}"

    def in_the_way(self, error: BaseException) -> str:
        """Who blocked the statement, if the error is a lock timeout by any limit; else empty."""
        if not is_lock_timeout(error):
            return ""
        blockers = named_blockers(other for each in self.watched for other in each.blockers)
        return f". Blocked by: {blockers}. End that transaction, and run it again"


class _Statements:
    """For `connection.execute_wrappers`: what a statement waits for, if it takes long."""

    def __init__(self, connection: BaseDatabaseWrapper, done: threading.Event) -> None:
        self.connection, self.done = connection, done
        #: The sessions that blocked a statement when it gave up.
        self.blockers: list[OtherSession] = []
        self._running: tuple[BlockerWatch, threading.Event] | None = None
        self._has_reported = False
        # The first one, because blocks that add a wrapper remove the last one at their end.
        connection.execute_wrappers.insert(0, self)
        threading.Thread(target=self._look, daemon=True).start()

    def __call__(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        with self.running():
            return execute(*arguments)

    @contextmanager
    def running(self) -> Iterator[None]:
        watch, ended = BlockerWatch(without_replica=self._report_replica), threading.Event()
        self._running = watch, ended
        try:
            yield
        except DatabaseError as error:
            if is_lock_timeout(error):
                self.blockers = watch.blockers
            raise
        finally:
            self._running = None
            ended.set()

    def _report_replica(self, names: str) -> None:
        """Say once that a commit waits for a replica: it does so without a limit."""
        if not self._has_reported:
            self._has_reported = True
            sys.stderr.write(
                "A commit waits for a synchronous replica: connect it, or take it out of "
                f"synchronous_standby_names, which is {visible(names)}\n"
            )

    def _look(self) -> None:
        interval = settings.MIGRATE_LOCK_TIMEOUT / LOOKS
        before = None
        while not self.done.wait(min(interval, NOTICE)):
            # Most statements end at once, and need no second session.
            running, session = self._running, self.connection.connection
            if running and running is before and session is not None:
                watch, ended = running
                # It may have been closed meanwhile.
                with suppress(psycopg.OperationalError):
                    parameters = parameters_for_catalog(self.connection)
                    watch.look(parameters, session.info.backend_pid, interval, ended)
            before = running
