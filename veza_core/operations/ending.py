"""How SIGTERM, SIGHUP and Ctrl-C end a command."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

NUMBERS = (signal.SIGTERM, signal.SIGHUP)


class Terminated(KeyboardInterrupt):
    """A signal that ends programs arrived. `code` is the exit status, 128 plus the signal's number.

    It is a KeyboardInterrupt, because psycopg then cancels the running statement.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


def interrupt_on_signals() -> None:
    """Let SIGTERM and SIGHUP raise `Terminated`, but only once: then open work is rolled back.

    An ignored signal, such as SIGHUP under nohup, stays ignored. Signals that a supervisor blocks
    are unblocked. SIGCHLD is not ignored, because that hides the failure of a started program.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (*NUMBERS, signal.SIGINT, signal.SIGCHLD))
    for number in NUMBERS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _raise)


def _raise(number: int, frame: FrameType | None) -> None:
    for each in NUMBERS:
        if signal.getsignal(each) is _raise:
            # Not SIG_IGN, which a started program would inherit.
            signal.signal(each, _nothing)
    raise Terminated(number)


def _nothing(number: int, frame: FrameType | None) -> None:
    """Do nothing: the command is already ending."""


def ignore_signals() -> None:
    """Let SIGTERM, SIGHUP and Ctrl-C do nothing: the exit status is already decided."""
    for number in (*NUMBERS, signal.SIGINT):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _nothing)


def interrupt_code(error: BaseException | None) -> int | None:
    """The exit status if the error is an interrupt, or an interrupt caused it; otherwise None.

    The rollback of an interrupted statement may fail, and raise the error.
    """
    interrupt = _interrupt(error)
    if isinstance(interrupt, Terminated):
        return interrupt.code
    return None if interrupt is None else 128 + signal.SIGINT


@contextmanager
def interrupt_first() -> Iterator[None]:
    """Raise the interrupt itself, if it caused the error that ends the block."""
    try:
        yield
    except Exception as error:
        if interrupt := _interrupt(error):
            raise interrupt from error
        raise


def _interrupt(error: BaseException | None) -> KeyboardInterrupt | None:
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error


def cancel_statements() -> None:
    """Cancel what still runs on the server: otherwise it would continue without us, with its locks.

    psycopg does this, unless the interrupt came between two of its steps.
    """
    # Imported here, because usually nothing is interrupted.
    from django.db import connections
    from psycopg.pq import TransactionStatus

    for connection in connections.all(initialized_only=True):
        session = connection.connection
        if session is not None and session.info.transaction_status == TransactionStatus.ACTIVE:
            session.cancel_safe(timeout=5.0)
