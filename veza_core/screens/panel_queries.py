"""The statements that read what refers to a row: the latest of each table, and how many."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db.models import Model
from psycopg import sql

from veza_core.db.infinity import from_json

from .bounded import IN_LIST, as_columns, is_read_as_text, loaded, type_of
from .display import AnyForeignKey
from .labels import column_of
from .order import Order
from .states import UNSORTED


def union(queries: Iterable[str]) -> str:
    """One query of several."""
    return " UNION ALL ".join(f"({query})" for query in queries)


def latest_rows(
    place: int, key: AnyForeignKey, names: Sequence[str], by: str, failed_first: bool
) -> sql.Composed:
    """The latest rows of a key, for one UNION over tables with different columns.

    With `failed_first`, failed rows come before the others.
    """
    model: Any = key.model
    order = Order.parse(model, by or "-created_at")
    # For ANY and the order by the key, see `lookups`.
    rows = sql.SQL("SELECT {} FROM {} WHERE {} = ANY (ARRAY[%(key)s]::uuid[])").format(
        as_columns(
            model,
            sorted({*names, *order.columns, key.name, *(("status",) if failed_first else ())}),
        ),
        sql.Identifier(model._meta.db_table),
        sql.Identifier(key.column),
    )
    by_time = [
        sql.SQL("{} DESC" if order.descending else "{}").format(column_of(model, name))
        for name in order.columns
    ]
    of_key = sql.Identifier(key.column)
    if by == UNSORTED or failed_first:
        index = [of_key] if by == UNSORTED else [of_key, *by_time]
        rows = sql.SQL("SELECT * FROM ({} ORDER BY {} LIMIT %(looked_through)s) AS found").format(
            rows, sql.SQL(", ").join(index)
        )
    failed = [sql.SQL("(status = 'failed') DESC")] if failed_first else []
    return sql.SQL(
        "SELECT {}, row_to_json(latest)::text FROM ({} ORDER BY {} LIMIT %(latest)s) AS latest"
    ).format(place, rows, sql.SQL(", ").join([of_key, *failed, *by_time]))


def counted_rows(place: int, key: AnyForeignKey) -> sql.Composed:
    """How many rows a key has, up to `PANEL_COUNT_LIMIT`."""
    return sql.SQL(
        "SELECT {}, count(*) FROM (SELECT 1 FROM {} WHERE {key} = ANY (ARRAY[%(key)s]::uuid[])"
        " ORDER BY {key} LIMIT %(counted)s) AS counted"
    ).format(place, sql.Identifier(key.model._meta.db_table), key=sql.Identifier(key.column))


def _own(outer: AnyForeignKey) -> sql.Composed:
    """The latest rows of the table in between; its index sorts them."""
    return sql.SQL(
        "(SELECT id FROM {} WHERE {key} = ANY (ARRAY[%(key)s]::uuid[])"
        " ORDER BY {key}, created_at DESC LIMIT %(through)s) AS own"
    ).format(sql.Identifier(outer.model._meta.db_table), key=sql.Identifier(outer.column))


def latest_rows_through(
    place: int, key: AnyForeignKey, outer: AnyForeignKey, names: Sequence[str]
) -> sql.Composed:
    """The rows whose `key` refers to rows of `outer`: failed ones first, then the latest.

    At most as many as a panel has, for each row in between.
    """
    model: Any = key.model
    columns = sorted({*names, "created_at", "status", key.name})
    return sql.SQL(
        "SELECT {}, row_to_json(latest)::text FROM (SELECT each.* FROM {} CROSS JOIN LATERAL"
        " (SELECT {} FROM {} WHERE {key} = ANY (ARRAY[own.id]) ORDER BY {key} LIMIT %(latest)s)"
        " AS each ORDER BY (status = 'failed') DESC, created_at DESC LIMIT %(latest)s) AS latest"
    ).format(
        place,
        _own(outer),
        as_columns(model, columns),
        sql.Identifier(model._meta.db_table),
        key=sql.Identifier(key.column),
    )


def counted_rows_through(place: int, key: AnyForeignKey, outer: AnyForeignKey) -> sql.Composed:
    """How many of them there are, up to `PANEL_COUNT_LIMIT`."""
    return sql.SQL(
        "SELECT {}, count(*) FROM (SELECT 1 FROM {} CROSS JOIN LATERAL (SELECT 1 FROM {}"
        " WHERE {key} = ANY (ARRAY[own.id]) ORDER BY {key} LIMIT %(counted)s) AS each"
        " LIMIT %(counted)s) AS counted"
    ).format(
        place,
        _own(outer),
        sql.Identifier(key.model._meta.db_table),
        key=sql.Identifier(key.column),
    )


def reader_of(
    model: type[Model], names: Sequence[str], alias: str
) -> Callable[[dict[str, Any]], Model]:
    """The function that makes instances from rows selected as JSON, by `as_columns`; other fields
    are deferred.
    """
    fields: list[Any] = [one for one in model._meta.concrete_fields if one.name in names]
    attnames = [one.attname for one in fields]

    def read(values: dict[str, Any]) -> Model:
        return model.from_db(alias, attnames, [_value(one, values[one.column]) for one in fields])

    return read


def _value(field: Any, value: Any) -> Any:
    if is_read_as_text(field):
        return loaded(field, value, IN_LIST)
    return from_json(type_of(field), value)
