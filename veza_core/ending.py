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
