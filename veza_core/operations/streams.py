"""Standard streams that may be closed, full, or no longer read, and do not stop a command.

A deploy whose output has nowhere to go finishes its work, and the exit code says that the output
was lost. Stopping it half way would help nobody.
"""

import errno
import io
import os
import sys
from typing import Any, TextIO

OUTPUT_LOST, READER_GONE = 1, 141


class _Patient(io.FileIO):
    """A file that takes what it cannot write, and remembers why."""

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        if self.failure is None:
            try:
                return super().write(data)
            except OSError as error:
                self.failure = error
        return memoryview(data).nbytes


def guard_streams() -> None:
    """Make the three streams safe to use, whatever they were started as."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Closed. The next file to be opened, such as a connection, would take its place.
            # Reading from it ends, writing to it fails.
            os.open(os.devnull, os.O_RDONLY)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.FileIO(0, "rb", closefd=False))
    sys.stdout = guarded(sys.stdout, 1)
    sys.stderr = guarded(sys.stderr, 2)


def guarded(stream: TextIO | None, number: int) -> TextIO:
    """What writes to this descriptor as the stream does, and goes on where it cannot."""
    raw = _Patient(number, "wb", closefd=False)
    if not isinstance(stream, io.TextIOWrapper):
        return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", "backslashreplace")
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        stream.encoding,
        # A name that the terminal cannot show is no reason to stop either.
        "backslashreplace",
        line_buffering=stream.line_buffering or number == 2,
        write_through=stream.write_through,
    )


def lost_output(*, is_done: bool) -> int:
    """Write what is left; 0, or the exit code for a standard output that could not be written.

    `is_done`: the command has succeeded, which the message then says.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    failure = getattr(getattr(sys.stdout.buffer, "raw", None), "failure", None)
    if failure is None:
        return 0
    if failure.errno == errno.EPIPE:
        return READER_GONE
    done = "the command succeeded, but " if is_done else ""
    sys.stderr.write(f"manage.py: {done}its output could not be written: {failure.strerror}\n")
    return OUTPUT_LOST
