"""The rows that refer to a row: the latest of each table, and how many, in two queries for all."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.db import connections
from django.db.models import Model
from django.db.models.base import ModelState
from psycopg import sql

from veza_core.access import StaffRequest
from veza_core.db.infinity import from_json

from .bounded import IN_LIST, as_column, is_unbounded, loaded
from .columns import AnyColumn, HtmlTable, secret_fields
from .display import AnyForeignKey
from .keyset import Count
from .labels import column_of, list_of, may_read
from .order import Order
from .site import StaffSite
from .states import UNSORTED

#: Rows shown in a panel.
LATEST = 10

#: Counting a panel's rows stops here: "1,000+". A page has twenty panels.
PANEL_COUNT_LIMIT = 1_000

#: If rows belong to a row through another table, the latest so many rows of that table are used: a
#: label has thousands of tracks.
THROUGH = 200

#: If the index of a key does not sort, the latest of so many rows are shown. This is less than
#: `PANEL_COUNT_LIMIT`, so that the panel knows if they may not be the latest of all.
LOOKED_THROUGH = 500


@dataclass(frozen=True, slots=True)
class Relation:
    """A foreign key that refers to a table, and how its rows are read and shown."""

    model: type[Model]
    key: AnyForeignKey
    columns: Sequence[AnyColumn]
    title: str
    #: The list's filter for all of them.
    filter: str
    #: The table in between, for users who may read it; None: the key refers to the row itself.
    between: type[Model] | None
    #: Whether an index sorts the rows of a key.
    is_sorted: bool
    #: Whether failed rows come first, among the latest `LOOKED_THROUGH`.
    failed_first: bool
    #: The latest rows of a key as JSON, and how many it has: see `_latest` and `_count`.
    latest: str
    count: str
    read: Callable[[dict[str, Any]], Model]


@dataclass(slots=True)
class Panel:
    """The rows of one table that refer to a row by one foreign key."""

    relation: Relation
    url: str
    rows: list[Model] = field(default_factory=list)
    #: How many rows there are, if the panel does not have all of them.
    number: Count | None = None

    @property
    def count(self) -> Count:
        """How many rows there are, up to `PANEL_COUNT_LIMIT`."""
        return self.number or Count(len(self.rows))

    @property
    def are_latest(self) -> bool:
        """Whether no later rows exist."""
        if self.relation.failed_first:
            return self.count.number <= len(self.rows)
        return self.relation.is_sorted or self.count.number <= LOOKED_THROUGH

    @property
    def has_failed(self) -> bool:
        """Whether there is a failure that somebody must see."""
        return self.relation.failed_first and any(
            str(row.__dict__.get("status")) == "failed" for row in self.rows
        )

    @property
    def title(self) -> str:
        """The title of these rows here."""
        return self.relation.title

    @property
    def table_name(self) -> str:
        """The table of the rows."""
        return self.relation.model._meta.db_table

    @property
    def table(self) -> HtmlTable:
        """The rows, as their template shows them."""
        return HtmlTable.of(self.relation.columns, self.rows)


@cache
def relations_of(site: StaffSite, model: type[Model], alias: str) -> tuple[Relation, ...]:
    """All foreign keys that refer to a table and have a screen. Cached, because the models do
    not change.
    """
    found: list[Relation] = []
    keys: list[tuple[Any, Any]] = [(one.field, None) for one in model._meta.related_objects]
    for admin in site.screens():
        for name, further in admin.panels_through.items():
            key: Any = admin.model._meta.get_field(name)
            outer: Any = key.related_model._meta.get_field(further)
            if outer.related_model is model:
                keys.append((key, outer))
    for key, outer in keys:
        screen = site.screen_of(key.model)
        if screen is None:
            continue
        # A separate column says whose track it is.
        columns = screen.panel_columns("" if outer else key.name)
        names = _selected(key.model, columns)
        moment = screen.moments.get(key.name)
        failed_first = moment is not None and moment.fails
        place, by = len(found), screen.keys[key.name]
        if outer:
            latest, count = (
                _latest_through(place, key, outer, names),
                _count_through(place, key, outer),
            )
        else:
            latest, count = _latest(place, key, names, by, failed_first), _count(place, key)
        found.append(
            Relation(
                key.model,
                key,
                columns,
                screen.panel_title(key.name),
                f"{key.name}_{outer.name}" if outer else key.name,
                key.related_model if outer else None,
                by != UNSORTED and outer is None,
                failed_first,
                latest.as_string(),
                count.as_string(),
                reader_of(key.model, names, alias),
            )
        )
    return tuple(found)


def panels_of(site: StaffSite, request: StaffRequest, row: Model, alias: str) -> list[Panel]:
    """A panel for each foreign key that refers to the row's table, with the row's rows.

    Without tables that the user may not read. Two queries for all of them; rows are counted only
    for keys with more than a panel has.
    """
    panels = {
        place: Panel(relation, f"{list_of(relation.model)}?{relation.filter}={row.pk}")
        for place, relation in enumerate(relations_of(site, type(row), alias))
        if may_read(request, relation.model)
        and (relation.between is None or may_read(request, relation.between))
    }
    if not panels:
        return []
    asked = {"key": row.pk, "latest": LATEST, "looked_through": LOOKED_THROUGH,
             "counted": PANEL_COUNT_LIMIT + 1, "through": THROUGH}  # fmt: skip
    with connections[alias].cursor() as cursor:
        cursor.execute(_union(panel.relation.latest for panel in panels.values()), asked)
        for place, text in cursor.fetchall():
            panels[place].rows.append(panels[place].relation.read(json.loads(text)))
        full = [panel for panel in panels.values() if len(panel.rows) == LATEST]
        if full:
            cursor.execute(_union(panel.relation.count for panel in full), asked)
            for place, number in cursor.fetchall():
                panels[place].number = Count.of(number, PANEL_COUNT_LIMIT)
    return list(panels.values())


def _union(queries: Iterable[str]) -> str:
    return " UNION ALL ".join(f"({query})" for query in queries)


def _selected(model: type[Model], columns: Sequence[AnyColumn]) -> list[str]:
    """The fields that the columns, the order and the links read; never a secret."""
    names = {"id", "created_at", *(need for column in columns for need in column.needs)}
    names |= {field.name for field in model._meta.concrete_fields if field.name == "deleted_at"}
    return sorted(names - secret_fields(model))


def _latest(
    place: int, key: AnyForeignKey, names: Sequence[str], by: str, failed_first: bool
) -> sql.Composed:
    """The latest rows of a key, for one UNION over tables with different columns.

    With `failed_first`, failed rows come before the others.
    """
    model: Any = key.model
    order = Order.parse(model, by or "-created_at")
    # For ANY and the order by the key, see `lookups`.
    rows = sql.SQL("SELECT {} FROM {} WHERE {} = ANY (ARRAY[%(key)s]::uuid[])").format(
        sql.SQL(", ").join(
            as_column(model, name, IN_LIST)
            for name in sorted(
                {*names, *order.columns, key.name, *(("status",) if failed_first else ())}
            )
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


def _count(place: int, key: AnyForeignKey) -> sql.Composed:
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


def _latest_through(
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
        sql.SQL(", ").join(as_column(model, name, IN_LIST) for name in columns),
        sql.Identifier(model._meta.db_table),
        key=sql.Identifier(key.column),
    )


def _count_through(place: int, key: AnyForeignKey, outer: AnyForeignKey) -> sql.Composed:
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
    """The function that makes instances from rows selected as JSON, by `as_column`; other fields
    are deferred.

    As `copy` and `pickle` make them. `Model.from_db` takes 1.9 times as long, 12 ms more for a page
    of 400 rows (`python -m benchmarks.admin.ways`): `__init__` sets every field of the table.
    """
    fields = [one for one in model._meta.concrete_fields if one.name in names]
    cut = {one for one in fields if is_unbounded(one)}

    def read(values: dict[str, Any]) -> Model:
        row = model.__new__(model)
        row._state = ModelState()
        row._state.adding, row._state.db = False, alias
        for one in fields:
            value = values[str(one.column)]
            row.__dict__[one.attname] = (
                loaded(one, value, IN_LIST) if one in cut else from_json(one, value)
            )
        return row

    return read
