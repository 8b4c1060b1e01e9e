"""Valid rows by plain SQL, as a client in another language would insert them."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, transaction

from tests.schema.catalog import Catalog

#: By the category of a type (pg_type, typcategory), or by its name: a value in PostgreSQL's words.
#: A multirange is written like an array.
VALUES = {
    "B": "true",
    "I": "192.0.2.1",
    "N": "1",
    "R": "(,)",
    "T": "1 hour",
    "bytea": "x",
    "json": "{}",
    "jsonb": "{}",
    "time without time zone": "12:00",
    "time with time zone": "12:00+00",
}
TYPE = """
SELECT CASE typtype WHEN 'm' THEN 'A' ELSE typcategory END, format_type(oid, NULL), (
    SELECT enumlabel::text FROM pg_enum WHERE enumtypid = pg_type.oid ORDER BY enumsortorder LIMIT 1
) FROM pg_type WHERE oid = %s::regtype
"""


def a_value(cursor: Any, type_: str) -> Any:
    """A value of the type: unique, or one that every check of a number accepts."""
    cursor.execute(TYPE, [type_])
    category, name, label = cursor.fetchone()
    if category == "A":
        return "{}"
    if category == "S":
        bound = re.search(r"\((\d+)\)", type_)
        return uuid.uuid4().hex[: int(bound[1]) if bound else None]
    if name == "uuid":
        return uuid.uuid4()
    if name in VALUES:
        return VALUES[name]
    if category == "D":
        return datetime.now(UTC) + timedelta(days=1)
    return label or VALUES.get(category, "")


@contextmanager
def violates(error: type[psycopg.Error], name: str) -> Iterator[None]:
    """The statement inside must fail with this constraint or index."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        yield
    cause = caught.value.__cause__
    assert isinstance(cause, error)
    assert cause.diag.constraint_name == name


class Rows:
    """Inserts rows, by the columns and foreign keys in the catalog."""

    def __init__(self, cursor: Any, catalog: Catalog) -> None:
        self.cursor = cursor
        self.tables = catalog.tables
        self.targets = {(key.table, key.column): key.target for key in catalog.foreign_keys}

    def insert(self, table: str, **values: Any) -> uuid.UUID:
        """Insert a row with these values, and parents first; return its id, which has a default.

        All other columns that are NOT NULL without a default get values too.
        """
        if "track_id" not in values:
            values |= self._track_of_parent(table, values)
        for name, column in self.tables[table].columns.items():
            if name not in values and not column.nullable and column.default is None:
                values[name] = self.value_for(table, name)
        columns = ", ".join(f'"{name}"' for name in values)
        places = ", ".join(["%s"] * len(values))
        self.cursor.execute(
            f"INSERT INTO public.{table} ({columns}) VALUES ({places}) RETURNING id",
            list(values.values()),
        )
        return self.cursor.fetchone()[0]

    def values_for(self, table: str, columns: list[str]) -> dict[str, Any]:
        """The value of `value_for` for each of the columns."""
        values = {column: self.value_for(table, column) for column in columns}
        return values | self._track_of_parent(table, values)

    def _track_of_parent(self, table: str, values: dict[str, Any]) -> dict[str, Any]:
        """The track of a row that the values refer to, if a check requires the same track."""
        for column, id_ in values.items():
            if f"chk_{table}_{column}_track" in self.tables[table].triggers and (
                found := self.get(self.targets[table, column], id_, "track_id")
            ):
                return {"track_id": found[0]}
        return {}

    def value_for(self, table: str, column: str) -> Any:
        """The id of a new parent for a foreign key, otherwise a value of the column's type."""
        if target := self.targets.get((table, column)):
            return self.insert(target)
        if column.endswith("email"):
            return f"{uuid.uuid4().hex}@example.com"
        return a_value(self.cursor, self.tables[table].columns[column].type)

    def update(self, table: str, id_: uuid.UUID, assignments: str) -> None:
        self.cursor.execute(f"UPDATE public.{table} SET {assignments} WHERE id = %s", [id_])

    def change(self, table: str, id_: uuid.UUID, **values: Any) -> None:
        """Set columns to values."""
        columns = ", ".join(f'"{name}" = %s' for name in values)
        self.cursor.execute(
            f"UPDATE public.{table} SET {columns} WHERE id = %s", [*values.values(), id_]
        )

    def delete(self, table: str, id_: uuid.UUID) -> None:
        self.cursor.execute(f"DELETE FROM public.{table} WHERE id = %s", [id_])

    def get(self, table: str, id_: uuid.UUID, expressions: str) -> tuple[Any, ...] | None:
        """Return SQL expressions over the row; None if there is no such row."""
        self.cursor.execute(f"SELECT {expressions} FROM public.{table} WHERE id = %s", [id_])
        return self.cursor.fetchone()
