"""Running what pg_restore writes, in the caller's own transaction.

Not through psql: one that reads the end of its input, since its writer was killed, commits what
it has got by then. Here the rows go by the session that also holds the migration lock, and
nothing is committed but by the caller.
"""

import logging
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import IO, Any

from django.core.management.base import CommandError

COPY = re.compile(rb"COPY (.+?) \(.*\) FROM stdin;\n")
END_OF_ROWS = b"\\.\n"
ROWS_AT_ONCE = 500

# Guards the script against being run with another psql's variables; only psql knows it.
RESTRICT = re.compile(rb"^\\restrict (\S+)\n", re.MULTILINE)
# pg_restore 17 and later write it, PostgreSQL 16 and earlier do not know it.
TRANSACTION_TIMEOUT = b"SET transaction_timeout = 0;\n"
# All of this is above the first object.
HEADER = 2000


def run_definitions(cursor: Any, script: IO[bytes]) -> None:
    """Run a script without rows, as one message of several statements."""
    text = script.read()
    head, rest = text[:HEADER], text[HEADER:]
    head = head.replace(TRANSACTION_TIMEOUT, b"", 1)
    guard = RESTRICT.search(head)
    text = head + rest
    if guard:
        text = text.replace(guard[0], b"", 1)
        text = text.replace(b"\\unrestrict " + guard[1], b"", 1)
    cursor.execute(text)


def run_rows(cursor: Any, script: IO[bytes], show: Callable[[str], None]) -> None:
    """Run the script of an archive's data: COPY with its rows, and a line for each sequence.

    `show` is told of each table. Raises `CommandError` where the script ends too early.
    """
    # It would tell of a COPY that it could not end; why is what the error says.
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)
    for line in script:
        if found := COPY.fullmatch(line):
            show(found[1].decode())
            with cursor.copy(line) as copy:
                for block in _rows(script):
                    copy.write(block)
        elif line.strip() and not line.startswith((b"--", b"\\")) and line != TRANSACTION_TIMEOUT:
            cursor.execute(line)


def _rows(script: IO[bytes]) -> Iterator[bytes]:
    """The rows up to their end, in blocks."""
    while lines := list(_until_end(islice(script, ROWS_AT_ONCE))):
        if lines[-1] == END_OF_ROWS:
            yield b"".join(lines[:-1])
            return
        yield b"".join(lines)
    raise CommandError("pg_restore stopped in the middle of a table")


def _until_end(lines: Iterator[bytes]) -> Iterator[bytes]:
    for line in lines:
        yield line
        if line == END_OF_ROWS:
            return
