"""How a command is ended from outside: by SIGTERM or SIGHUP, as by Ctrl-C."""

import signal
from types import FrameType

NUMBERS = (signal.SIGTERM, signal.SIGHUP)


class Terminated(KeyboardInterrupt):
    """A signal that ends programs came. `code` is the exit code, 128 and the signal's number.

    It is a KeyboardInterrupt, since that is what makes psycopg cancel the statement that runs.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


def interrupt_on_signals() -> None:
    """From now on these signals raise `Terminated`, once: what is open is undone meanwhile.

    One that is ignored, as SIGHUP is under nohup, stays so.
    """
    for number in NUMBERS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _raise)


def _raise(number: int, frame: FrameType | None) -> None:
    for each in NUMBERS:
        if signal.getsignal(each) is _raise:
            # Not SIG_IGN, which a program that is started would inherit.
            signal.signal(each, _nothing)
    raise Terminated(number)


def _nothing(number: int, frame: FrameType | None) -> None:
    """Do nothing: it is about to end already."""


def ignore_signals() -> None:
    """From now on these signals and Ctrl-C do nothing: the exit code is settled."""
    for number in (*NUMBERS, signal.SIGINT):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _nothing)


def interrupt_code(error: BaseException | None) -> int | None:
    """The exit code of the interrupt that an error is, or that it came of; None: of none.

    What undoes things on a session whose statement was just interrupted may fail in its turn.
    """
    while error is not None:
        if isinstance(error, Terminated):
            return error.code
        if isinstance(error, KeyboardInterrupt):
            return 128 + signal.SIGINT
        error = error.__cause__ or error.__context__
    return None


def cancel_statements() -> None:
    """Cancel what still runs on the server: it would go on, and hold its locks, without us.

    psycopg does it, unless the interrupt came between two of its steps.
    """
    # Imported late: mostly nothing is interrupted.
    from django.db import connections
    from psycopg.pq import TransactionStatus

    for connection in connections.all(initialized_only=True):
        session = connection.connection
        if session is not None and session.info.transaction_status == TransactionStatus.ACTIVE:
            session.cancel_safe(timeout=5.0)
