"""The table of contents of a custom-format archive, in pg_dump's own format.

The output of `pg_restore --list` cannot be parsed, because its names are not quoted and may contain
spaces. PostgreSQL's src/bin/pg_dump/pg_backup_archiver.c (WriteHead, WriteToc) defines the file's
format.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAGIC = b"PGDMP"
CUSTOM = 1
#: Versions of the format, and the oldest PostgreSQL whose pg_restore reads each.
VERSIONS = {(1, 14): 12, (1, 15): 16, (1, 16): 17}
# A longer name or definition is a sign of damage.
MAX_TEXT_BYTES = 1 << 30


class DamagedError(Exception):
    """The file ends within its table of contents, or the table makes no sense."""


class TooNewError(Exception):
    """The file's format is newer than this release; the message is its version."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An object of the archive. Its schema, tablespace or owner may be empty."""

    number: int
    kind: str
    schema: str
    #: The object's name. For an object on a table: the table's name, a space, and its own.
    name: str
    owner: str
    tablespace: str
    definition: str


@dataclass(frozen=True, slots=True)
class Contents:
    """The head of an archive, and its entries in the order of the restore."""

    database: str
    #: The PostgreSQL version that it was made from, in PostgreSQL's words.
    server_version: str
    #: The oldest major version whose pg_restore reads it.
    tools_major: int
    entries: list[Entry]

    @property
    def server_major(self) -> int:
        # Such as 15.20 (Debian 15.20-0+deb12u1), 18.6, 19beta2.
        found = re.match(r"\d+", self.server_version)
        return int(found[0]) if found else 0


def read_contents(path: Path) -> Contents:
    """Read the head of a custom-format archive.

    Raises `DamagedError`, `TooNewError`, or `OSError`.
    """
    with path.open("rb") as file:
        return _Reader(file).contents()


class _Reader:
    """Numbers and strings of the file, as pg_dump's WriteInt and WriteStr write them."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def contents(self) -> Contents:
        if self._take(len(MAGIC)) != MAGIC:
            raise DamagedError("it does not begin as an archive of pg_dump does")
        major, minor, _ = self._take(3)
        self.version = (major, minor)
        if self.version > max(VERSIONS):
            raise TooNewError(f"{major}.{minor}")
        if self.version not in VERSIONS:
            raise DamagedError(f"no pg_dump since 15 writes version {major}.{minor}")
        self.integer_size, self.offset_size, format_ = self._take(3)
        if format_ != CUSTOM:
            raise DamagedError(f"format {format_}")
        # The compression: a level, and since 1.15 a method instead.
        self._take(1) if self.version >= (1, 15) else self._integer()
        for _ in range(7):
            self._integer()  # the time of the dump
        database, server_version, _ = self._text(), self._text(), self._text()
        entries = [self._entry() for _ in range(self._integer())]
        return Contents(database, server_version, VERSIONS[self.version], entries)

    def _entry(self) -> Entry:
        number = self._integer()
        self._integer()  # whether it has rows
        self._text(), self._text()  # the OIDs of its catalog and of its row there
        name, kind = self._text(), self._text()
        self._integer()  # its section
        definition = self._text()
        self._text(), self._text()  # how it is dropped; COPY
        schema, tablespace = self._text(), self._text()
        self._text()  # access method
        if self.version >= (1, 16):
            self._integer()  # relkind
        owner = self._text()
        self._text()  # WITH OIDS, in old releases
        while self._string() is not None:
            pass  # the numbers of the entries that it depends on
        self._take(1 + self.offset_size)  # where its rows are
        return Entry(number, kind, schema, name, owner, tablespace, definition)

    def _text(self) -> str:
        # Names may have any encoding. As bytes, they can be compared.
        return (self._string() or b"").decode(errors="surrogateescape")

    def _string(self) -> bytes | None:
        length = self._integer()
        return None if length < 0 else self._take(length)

    def _integer(self) -> int:
        sign, *octets = self._take(1 + self.integer_size)
        value = int.from_bytes(bytes(octets), "little")
        return -value if sign else value

    def _take(self, size: int) -> bytes:
        if size > MAX_TEXT_BYTES or len(data := self.file.read(size)) != size:
            raise DamagedError("it ends too early")
        return data
