"""All data about a user, as a ZIP of JSON and CSV, written while it is read.

Rows are fetched in small batches, and large values in slices, so memory does not grow. Each table
is read in one transaction, which ends if the client stops reading.
"""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any, cast
from urllib.parse import quote
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from django.db import DatabaseError, connections
from psycopg import sql

from veza_core.db.session import database_of
from veza_core.models import User
from veza_core.operations.personal_data import (
    ANOTHER,
    MAX_INLINE_BYTES,
    Held,
    HeldColumn,
    PersonalData,
)
from veza_core.screens.actions.cells import cell, csv_lines
from veza_core.screens.errors import HelpfulError
from veza_core.screens.reading import reading

#: Rows in a batch, and in a batch of rows that may be large.
BATCH, SMALL_BATCH = 1_000, 50
#: Characters of a large value in a slice.
SLICE = 1_000_000
#: Time limits in milliseconds: for a batch, and for the client to read it.
LIMITS = (
    "SELECT set_config('statement_timeout', '30000', true),"
    " set_config('idle_in_transaction_session_timeout', '60000', true)"
)

#: Not allowed in file names. Other services choose the names of their tables.
UNSAFE = re.compile(r"^\.|[^\w. $-]")

README = """\
This archive has the data of the platform's database, {database}, about the account
{name} ({key}), as of {at} UTC.

data/ has two files for each table: the same rows as JSON and as CSV (UTF-8). Times are UTC.
values/ has values that are too long for a row.
contents.json says what is in each file, and what was left out, and why. Without it, or with a file
INCOMPLETE.txt, the archive is not complete.

Included are the rows that refer to the account, and the rows of its own content that refer to no
account. What other users did with this content is their data. The name of another user is replaced
by "{another}".
"""


class Pipe(io.RawIOBase):
    """The file that the archive is written to. `take` returns the new bytes and forgets them."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """The bytes that were written since the last call."""
        taken = b"".join(self.parts)
        self.parts.clear()
        return taken


@dataclass(slots=True)
class Bundle:
    """The archive of a user. `rows` and `ending` say how much of it was sent."""

    user: User
    data: PersonalData
    alias: str
    rows: int = 0
    ending: str = "interrupted"
    _pipe: Pipe = field(default_factory=Pipe)
    _now: datetime = field(default_factory=lambda: datetime.now(UTC))
    #: Values in a separate file: the table, the row's key, the column.
    _large: list[tuple[Held, str, str]] = field(default_factory=list)

    def stream(self) -> Iterator[bytes]:
        with ZipFile(cast("IO[bytes]", self._pipe), "w", ZIP_DEFLATED) as archive:
            try:
                yield from self._all(archive)
                self.ending = "complete"
            except (HelpfulError, DatabaseError) as error:
                self.ending = f"interrupted: {type(error).__name__}"
                notice = "The database could not read all data. Create the archive again.\n"
                yield from self._file(archive, "INCOMPLETE.txt", iter([notice.encode()]))
        yield self._pipe.take()

    def _all(self, archive: ZipFile) -> Iterator[bytes]:
        at = f"{self._now:%Y-%m-%d %H:%M:%S}"
        # Whoever gets the file learns only the database's name, not the server or the role.
        with reading(self.alias):
            database = database_of(connections[self.alias])
        readme = README.format(
            database=database, name=self.user.username, key=self.user.pk, at=at, another=ANOTHER
        )
        yield from self._file(archive, "README.txt", iter([readme.encode()]))
        tables = []
        for held in self.data.held:
            before = self.rows
            with reading(self.alias):
                with connections[self.alias].cursor() as cursor:
                    cursor.execute(LIMITS)
                yield from self._file(archive, _data(held, "json"), self._as_json(held))
                yield from self._file(archive, _data(held, "csv"), self._as_csv(held))
            tables.append(_described(held, self.rows - before))
        for held, key, column in self._large:
            name = _file_of(held, key, column)
            yield from self._file(archive, name, self._slices(held, key, column))
        contents = {
            "database": database,
            "user": {"id": str(self.user.pk), "username": self.user.username},
            "at": self._now.isoformat(),
            "tables": tables,
            "not_included": self.data.elsewhere,
        }
        text = json.dumps(contents, ensure_ascii=False, indent=2)
        yield from self._file(archive, "contents.json", iter([text.encode()]))

    def _file(self, archive: ZipFile, name: str, parts: Iterator[bytes]) -> Iterator[bytes]:
        """Write a file of the archive; yield its bytes so far."""
        info = ZipInfo(name, self._now.timetuple()[:6])
        info.compress_type = ZIP_DEFLATED
        # Only the person who unpacks it can read it.
        info.external_attr = 0o600 << 16
        with archive.open(info, "w", force_zip64=True) as member:
            for part in parts:
                member.write(part)
                yield self._pipe.take()
        yield self._pipe.take()

    def _as_json(self, held: Held) -> Iterator[bytes]:
        """An array of objects, one row a line."""
        row = sql.SQL("(SELECT row_to_json(found)::text FROM (SELECT {}) AS found)").format(
            sql.SQL(", ").join(
                sql.SQL("{} AS {}").format(_cut(held, column), sql.Identifier(column.name))
                for column in held.columns
            )
        )
        key = sql.Identifier(held.table.key) if held.table.key else sql.SQL("''")
        large = sql.SQL("array_remove(ARRAY[{}]::text[], NULL)").format(
            sql.SQL(", ").join(
                sql.SQL("CASE WHEN {} THEN {} END").format(_is_large(column), column.name)
                for column in held.columns
                if column.is_unbounded
            )
        )
        between = b"[\n"
        columns = sql.SQL("{}, {}::text, {}").format(row, key, large)
        for rows in self._fetched(held, columns):
            self.rows += len(rows)
            self._large += [(held, key, name) for _, key, names in rows for name in names]
            yield between + ",\n".join(text for text, *_ in rows).encode()
            between = b",\n"
        yield b"\n]\n" if between == b",\n" else b"[]\n"

    def _as_csv(self, held: Held) -> Iterator[bytes]:
        """The same as CSV (RFC 4180), without cells that a spreadsheet would run as a formula."""
        yield b"\xef\xbb\xbf" + csv_lines([[cell(column.name) for column in held.columns]])
        columns = sql.SQL(", ").join(
            sql.SQL("{} #>> '{{}}'").format(_cut(held, column)) for column in held.columns
        )
        for rows in self._fetched(held, columns):
            yield csv_lines(
                [_cell(column, text) for column, text in zip(held.columns, row, strict=True)]
                for row in rows
            )

    def _fetched(self, held: Held, columns: sql.Composable) -> Iterator[list[tuple[Any, ...]]]:
        """The rows, through a server-side cursor. Each row is read once, even if several
        indexes find it.
        """
        declare = sql.SQL("DECLARE held NO SCROLL CURSOR FOR SELECT {} FROM {} WHERE {}")
        size = SMALL_BATCH if held.has_unbounded else BATCH
        with connections[self.alias].cursor() as cursor:
            cursor.execute(declare.format(columns, held.table.identifier, held.condition))
            while True:
                cursor.execute(f"FETCH {size} FROM held")
                rows = cursor.fetchall()
                if rows:
                    yield rows
                if len(rows) < size:
                    break
            cursor.execute("CLOSE held")

    def _slices(self, held: Held, key: str, column: str) -> Iterator[bytes]:
        """A value in slices, each in a separate transaction."""
        statement = sql.SQL("SELECT substr({}::text, %s, %s) FROM {} WHERE {} = %s").format(
            sql.Identifier(column), held.table.identifier, sql.Identifier(held.table.key)
        )
        start = 1
        while True:
            with reading(self.alias), connections[self.alias].cursor() as cursor:
                cursor.execute(statement, [start, SLICE, key])
                found = cursor.fetchone()
            if not found or not found[0]:
                return
            yield found[0].encode()
            start += SLICE


def _is_large(column: HeldColumn) -> sql.Composable:
    # Only of the value as it is exported: left-out parts need no file.
    return sql.SQL("octet_length(({}) #>> '{{}}') > {}").format(column.value, MAX_INLINE_BYTES)


def _cut(held: Held, column: HeldColumn) -> sql.Composable:
    """A column as jsonb. A large value is replaced by the name of its file."""
    if not column.is_unbounded:
        return column.value
    return sql.SQL("CASE WHEN {} THEN to_jsonb({} || {}::text || {}) ELSE {} END").format(
        _is_large(column),
        sql.Literal(f"(in values/{_named(str(held.table))}/"),
        sql.Identifier(held.table.key),
        sql.Literal(f"-{_named(column.name)}.txt)"),
        column.value,
    )


def _file_of(held: Held, key: str, column: str) -> str:
    """The name of a large value's file in the archive."""
    return f"values/{_named(str(held.table))}/{quote(key, safe='')}-{_named(column)}.txt"


def _data(held: Held, ending: str) -> str:
    """The name of a file with a table's rows in the archive."""
    return f"data/{_named(str(held.table))}.{ending}"


def _named(name: str) -> str:
    """The name of a table or column, as a part of a path: it cannot lead to another directory."""
    return UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), name)


def _cell(column: HeldColumn, text: str | None) -> str:
    """Numbers stay numbers; a text that begins like a number stays a text."""
    return text or "" if column.is_number else cell(text)


def _described(held: Held, rows: int) -> dict[str, Any]:
    return {
        "table": str(held.table),
        "rows": rows,
        "files": [_data(held, "json"), _data(held, "csv")],
        "columns": [column.name for column in held.columns],
        "left_out": dict.fromkeys(held.secrets, "a secret that gives access to the account"),
    }
