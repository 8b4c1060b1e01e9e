"""Runs the output of pg_restore in the caller's own transaction.

Not with psql: if its writer is killed, psql reads the end of its input and commits what it has.
Here, the session that holds the migration lock sends the rows, and only the caller commits.
"""

import logging
import re
from collections.abc import Callable, Iterator
from typing import IO, Any

from django.core.management.base import CommandError

from veza_core.schema.options import ATTRIBUTE

# There is no list of columns if a table has none, or only generated ones.
COPY = re.compile(rb"COPY (.+?) (?:\(.*\))? FROM stdin;\n", re.DOTALL)
END_OF_ROWS = b"\\.\n"
# Bytes that are read and sent at once.
BLOCK = 1 << 18

# psql then refuses its other backslash commands, until \unrestrict. Only psql knows these two.
RESTRICT = re.compile(rb"^\\restrict (\S+)\n", re.MULTILINE)
# pg_restore 17 and later write it; PostgreSQL 16 and earlier do not know it.
TRANSACTION_TIMEOUT = b"SET transaction_timeout = 0;\n"
# Both come within so many bytes, before the first object.
HEADER = 2000
# The options of a column. A pg_dump of a different release than the server's also writes the
# server's internal ones (Debian's 15.20 does), which no other server accepts.
COLUMN_OPTIONS = re.compile(
    rb"^(ALTER (?:FOREIGN )?TABLE ONLY .+ ALTER COLUMN .+ SET \()(.+)(\);\n)", re.MULTILINE
)


def run_definitions(cursor: Any, script: IO[bytes]) -> None:
    """Run a script without rows, as one message with several statements."""
    text = script.read()
    head, rest = text[:HEADER], text[HEADER:]
    head = head.replace(TRANSACTION_TIMEOUT, b"", 1)
    guard = RESTRICT.search(head)
    text = head + rest
    if guard:
        text = text.replace(guard[0], b"", 1)
        text = text.replace(b"\\unrestrict " + guard[1], b"", 1)
    cursor.execute(COLUMN_OPTIONS.sub(_with_documented_options, text))


def _with_documented_options(statement: re.Match[bytes]) -> bytes:
    options = statement[2].split(b", ")
    kept = [each for each in options if each.split(b"=")[0].decode() in ATTRIBUTE]
    return statement[1] + b", ".join(kept) + statement[3] if kept else b""


def run_rows(cursor: Any, script: IO[bytes], show: Callable[[str], None]) -> None:
    """Run the script of an archive's data: COPY with its rows, and a line for each sequence.

    `show` is called for each table. Memory does not grow with the number or size of the rows.
    Raises `CommandError` if the script ends too early.
    """
    # psycopg would log a COPY that it could not end, but the error already says why.
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)
    for statement in _statements(script):
        if found := COPY.fullmatch(statement):
            show(found[1].decode(errors="replace"))
            with cursor.copy(statement) as copy:
                for block in _rows(script):
                    copy.write(block)
        elif statement != TRANSACTION_TIMEOUT:
            cursor.execute(statement)


def _statements(script: IO[bytes]) -> Iterator[bytes]:
    """The statements, without comments and psql's own commands; names may contain line breaks."""
    lines: list[bytes] = []
    for line in script:
        if not lines and (not line.strip() or line.startswith((b"--", b"\\"))):
            continue
        lines.append(line)
        if line.endswith(b";\n"):
            yield b"".join(lines)
            lines = []


def _rows(script: IO[bytes]) -> Iterator[bytes]:
    """The rows up to their end, in blocks of about the same size."""
    pieces: list[bytes] = []
    size = 0
    begins = True
    # A part of a line, if the line is long.
    while piece := script.readline(BLOCK):
        if begins and piece == END_OF_ROWS:
            yield b"".join(pieces)
            return
        begins = piece.endswith(b"\n")
        pieces.append(piece)
        size += len(piece)
        if size >= BLOCK:
            yield b"".join(pieces)
            pieces, size = [], 0
    raise CommandError("pg_restore stopped in the middle of a table")
