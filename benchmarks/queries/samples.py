"""Parameters as traffic would choose them: real keys from the rows, popular ones more often."""

import re
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from benchmarks.queries.query import Query

Row = tuple[Any, ...]

#: Rows of parameters for a query, and the rows of a table from which they are chosen.
COUNT = 1_000
LOOKED_AT = 8_000


def draw(connection: psycopg.Connection, query: Query, count: int = COUNT) -> list[Row]:
    """Choose rows of parameters for a query from V1's rows, the same each time."""
    with connection.transaction():
        connection.execute("SELECT setseed(0.5)")
        wanted = re.sub(r"\{some:(\w+)\}", lambda m: _some(connection, m[1]), query.sample)
        return connection.execute(
            f"SELECT * FROM ({wanted}) AS s ORDER BY random() LIMIT {count}"
        ).fetchall()


def _some(connection: psycopg.Connection, table: str) -> str:
    rows = connection.execute(
        "SELECT greatest(reltuples, 1) FROM pg_class WHERE oid = %s::regclass", [table]
    ).fetchone()[0]
    percent = min(100.0, 100.0 * LOOKED_AT / rows)
    return f"{table} TABLESAMPLE BERNOULLI ({percent:f}) REPEATABLE (7)"


def translate(connection: psycopg.Connection, rows: Sequence[Row]) -> list[Row]:
    """Replace V1's keys by the bigint keys of the lab or stock database.

    A row with a key that the database could not hold is left out.
    """
    old = list({value for row in rows for value in _flat(row) if isinstance(value, uuid.UUID)})
    keys: dict[Any, Any] = dict(
        connection.execute("SELECT old, new FROM map.ids WHERE old = ANY(%s)", [old]).fetchall()
    )

    def known(value: Any) -> bool:
        return not isinstance(value, uuid.UUID) or value in keys

    def new(value: Any) -> Any:
        if isinstance(value, list):
            return [new(one) for one in value if known(one)]
        return keys[value] if isinstance(value, uuid.UUID) else value

    return [
        tuple(new(value) for value in row)
        for row in rows
        if all(known(value) for value in row if not isinstance(value, list))
    ]


def _flat(row: Row) -> Iterable[Any]:
    for value in row:
        yield from value if isinstance(value, list) else [value]


def text(row: Row) -> tuple[str | None, ...]:
    """Return the parameters as libpq sends them."""
    return tuple(_text(value) for value in row)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, list):
        return "{" + ",".join(str(one) for one in value) + "}"
    return str(value)
