"""Keeps commands running if a standard stream is closed, full, or no longer read.

A deploy whose output cannot be written finishes its work, because half a deploy helps nobody. The
exit status says that the output was lost.
"""

import errno
import io
import os
import sys
from typing import Any, TextIO

OUTPUT_LOST, READER_GONE = 1, 141


class _Patient(io.FileIO):
    """A file that ignores write errors, and remembers the first one."""

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        if self.failure is None:
            try:
                return super().write(data)
            except OSError as error:
                self.failure = error
        return memoryview(data).nbytes


def guard_streams() -> None:
    """Make the three streams safe to use, however the command was started."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # It is closed. The next opened file, such as a connection, would get its number.
            # Reads from this file end at once, and writes to it fail.
            os.open(os.devnull, os.O_RDONLY)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.FileIO(0, "rb", closefd=False))
    sys.stdout = guarded(sys.stdout, 1)
    sys.stderr = guarded(sys.stderr, 2)


def guarded(stream: TextIO | None, number: int) -> TextIO:
    """A stream that writes to this descriptor, and continues after errors."""
    raw = _Patient(number, "wb", closefd=False)
    if not isinstance(stream, io.TextIOWrapper):
        return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", "backslashreplace")
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        stream.encoding,
        # Do not stop for a name that the terminal cannot show.
        "backslashreplace",
        line_buffering=stream.line_buffering or number == 2,
        write_through=stream.write_through,
    )


def lost_output(*, is_done: bool) -> int:
    """Flush the output; return 0, or the exit status if standard output could not be written.

    `is_done`: the command has succeeded; the message says so.
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
