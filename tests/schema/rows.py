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


def a_value(type_: str) -> Any:
    """A value of the type: unique, or 1, which every check accepts."""
    text = uuid.uuid4().hex
    if bounded := re.fullmatch(r"character varying\((\d+)\)", type_):
        return text[: int(bounded[1])]
    return {
        "uuid": uuid.uuid4(),
        "text": text,
        "integer": 1,
        "timestamp with time zone": datetime.now(UTC) + timedelta(days=1),
    }[type_]


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
        return a_value(self.tables[table].columns[column].type)

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
