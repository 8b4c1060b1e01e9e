"""A snapshot: the contents of schema `public`, read from the live catalog of any database.

It is a plain dictionary, in the form of `schema/catalog.json`:

    {"schemas": {"public": {"version": "1.0.0"}},
     "extensions": {"pg_trgm": {"schema": "public"}},
     "types": {"user_role": {"kind": "enum", "values": ["user", …], "comment": …}},
     "functions": {…}, "sequences": {…}, "others": {…},
     "tables": {"users": {"comment": …,
                          "columns": {"id": {"type": "uuid", "nullability": "NOT NULL", …}},
                          "constraints": {…}, "indexes": {…}, "triggers": {…}}}}

Objects are sorted by name, and columns are in the order of the table. A property with its default
value is left out. Owner, privileges, tablespace and versions of extensions belong to the server,
and are not included.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from veza_core.db.session import FORMATS, set_locally
from veza_core.schema.options import without
from veza_core.schema.snapshot import queries

#: The properties of one object.
type Properties = dict[str, Any]
type Snapshot = dict[str, dict[str, Properties]]

#: The sections of a snapshot, with their queries. Views are among the tables.
SECTIONS = {
    "schemas": queries.SCHEMAS,
    "extensions": queries.EXTENSIONS,
    "types": queries.TYPES,
    "functions": queries.FUNCTIONS,
    "sequences": queries.SEQUENCES,
    "others": queries.OTHERS,
    "tables": queries.RELATIONS,
}

#: The parts of a table.
PARTS = {
    "columns": queries.COLUMNS,
    "constraints": queries.CONSTRAINTS,
    "indexes": queries.INDEXES,
    "triggers": queries.TRIGGERS,
    "policies": queries.POLICIES,
    "rules": queries.RULES,
}

# PostgreSQL writes definitions with these settings of the session; pg_dump sets them too.
_SETTINGS = {
    **FORMATS,
    "search_path": "pg_catalog",
    # Catalogs are read completely. With outdated statistics, PostgreSQL may expect one row instead
    # of 10,000, and use nested loops: 15 s instead of 0.5 s.
    "enable_nestloop": "off",
    # JIT compilation takes longer than any of these queries.
    "jit": "off",
}


def read_snapshot(connection: psycopg.Connection[Any]) -> Snapshot:
    """Read schema `public` in one snapshot, without writing anything.

    An idle connection gets a separate REPEATABLE READ READ ONLY transaction. A connection in a
    transaction is read inside it, and does not change. Raises what psycopg raises.
    """
    with _reading(connection) as cursor:
        snapshot: Snapshot = {
            section: dict(sorted(_rows(cursor, query))) for section, query in SECTIONS.items()
        }
        for part, query in PARTS.items():
            rows = _rows(cursor, query)
            for name, properties in rows if part == "columns" else sorted(rows, key=itemgetter(0)):
                table = snapshot["tables"].get(properties.pop("parent"))
                # None if it was dropped between two queries, in a transaction that is not
                # REPEATABLE READ.
                if table is not None:
                    table.setdefault(part, {})[name] = properties
    return snapshot


@contextmanager
def _reading(connection: psycopg.Connection[Any]) -> Iterator[psycopg.Cursor[dict[str, Any]]]:
    idle = connection.info.transaction_status == TransactionStatus.IDLE
    # Rolled back, so that the settings are reset too.
    with (
        connection.transaction(force_rollback=True),
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        if idle:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        set_locally(connection, _SETTINGS)
        yield cursor


def _rows(
    cursor: psycopg.Cursor[dict[str, Any]], query: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects that `query` finds: name, and the properties that are not defaults."""
    for row in cursor.execute(query.encode()):
        properties = {key: _text(value) for key, value in row.items() if value is not None}
        classes = properties.pop("classes", [])
        if hidden := properties.pop("hidden", None):
            properties["definition"] = without(properties["definition"], hidden, classes)
        yield properties.pop("name"), properties


def _text(value: Any) -> Any:
    """The value. From a database without an encoding (SQL_ASCII), psycopg returns text as bytes."""
    if isinstance(value, list):
        return [_text(item) for item in value]
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def dump_snapshot(snapshot: Snapshot) -> str:
    """Return the text of `schema/catalog.json`."""
    return json.dumps(snapshot, indent=2, ensure_ascii=False) + "\n"


def load_snapshot(path: Path) -> Snapshot:
    """Read a file that `dump_snapshot` wrote.

    Raises `ValueError`, in one line, if it is missing or is not such a file.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    return parse_snapshot(text, str(path))


def parse_snapshot(text: str, name: str) -> Snapshot:
    """Read the text of such a file with the name `name`. Raises `ValueError`, in one line."""
    try:
        snapshot = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{name} cannot be read: {error}") from error
    # Files from before the schema had a version lack the first section.
    if not isinstance(snapshot, dict) or snapshot.keys() | {"schemas"} != SECTIONS.keys():
        raise ValueError(f"{name} is not a catalog that export_schema wrote")
    return snapshot
