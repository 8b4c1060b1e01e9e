"""What refers to a row: the latest of each table, and how many, in two queries for all tables."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.admin import AdminSite
from django.db import connections
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from psycopg import sql

from veza_core.infinity import from_json

from .columns import AnyColumn, Table, secret_fields
from .display import AnyForeignKey
from .keyset import COUNTED, Count, Order
from .states import UNSORTED

#: Rows shown in a panel.
LATEST = 20

#: Of a key whose index does not sort, the latest among so many rows are shown.
LOOKED_THROUGH = 1_000


@dataclass(slots=True)
class Panel:
    """The rows of one table that refer to a row by one foreign key."""

    model: type[Model]
    key: AnyForeignKey
    columns: Sequence[AnyColumn]
    order: str
    url: str
    title: str
    rows: list[Model] = field(default_factory=list)
    count: Count = field(default_factory=lambda: Count(0))

    @property
    def selected(self) -> list[str]:
        """The fields that the columns, the order and the links read; never a secret."""
        names = {"id", "created_at", *(need for column in self.columns for need in column.needs)}
        names |= {field.name for field in self.model._meta.concrete_fields
                  if field.name == "deleted_at"}  # fmt: skip
        return sorted(names - secret_fields(self.model))

    @property
    def table_name(self) -> str:
        """The table of the rows."""
        return self.model._meta.db_table

    @property
    def table(self) -> Table:
        """The rows, as their template shows them."""
        return Table.of(self.columns, self.rows)


def panels_of(site: AdminSite, request: HttpRequest, row: Model) -> list[Panel]:
    """A panel for each foreign key that refers to the row's table, empty as yet.

    Without those of tables that the user may not read.
    """
    panels = []
    for relation in row._meta.related_objects:
        model = relation.related_model
        key: Any = relation.field
        admin: Any = site._registry.get(model)
        if admin is None or not admin.has_view_permission(request):
            continue
        meta = model._meta
        url = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
        panels.append(
            Panel(
                model,
                key,
                admin.panel_columns(key.name),
                admin.keys[key.name],
                f"{url}?{key.name}={row.pk}",
                admin.panel_title(key.name),
            )
        )
    return panels


def fill(panels: Sequence[Panel], pk: Any, alias: str) -> None:
    """Read rows and counts of all panels."""
    if not panels:
        return
    read = [reader_of(panel.model, panel.selected, alias) for panel in panels]
    with connections[alias].cursor() as cursor:
        cursor.execute(_union(_latest(place, panel) for place, panel in enumerate(panels)),
                       [pk] * len(panels))  # fmt: skip
        for place, text in cursor.fetchall():
            panels[place].rows.append(read[place](json.loads(text)))
        cursor.execute(_union(_count(place, panel) for place, panel in enumerate(panels)),
                       [pk] * len(panels))  # fmt: skip
        for place, number in cursor.fetchall():
            panels[place].count = Count.of(number)


def _union(queries: Any) -> sql.Composed:
    return sql.SQL(" UNION ALL ").join(sql.SQL("({})").format(query) for query in queries)


def _latest(place: int, panel: Panel) -> sql.Composed:
    """The latest rows of a panel as JSON, for one UNION over tables of different columns."""
    model = panel.model
    order = Order.parse(model, panel.order or "-created_at")
    names = sorted({*panel.selected, *order.columns})
    key = sql.Identifier(panel.key.column)
    # ANY and the order by the key: see `lookups`.
    rows = sql.SQL("SELECT {} FROM {} WHERE {} = ANY (ARRAY[%s]::uuid[])").format(
        sql.SQL(", ").join(column_of(model, name) for name in sorted({*names, panel.key.name})),
        sql.Identifier(model._meta.db_table),
        key,
    )
    if panel.order == UNSORTED:
        rows = sql.SQL("SELECT * FROM ({} ORDER BY {} LIMIT {}) AS found").format(
            rows, key, LOOKED_THROUGH
        )
    return sql.SQL(
        "SELECT {}, to_jsonb(latest)::text FROM ({} ORDER BY {}, {} LIMIT {}) AS latest"
    ).format(
        place,
        rows,
        key,
        sql.SQL(", ").join(
            sql.SQL("{} DESC" if order.descending else "{}").format(column_of(model, name))
            for name in order.columns
        ),
        LATEST,
    )


def _count(place: int, panel: Panel) -> sql.Composed:
    return sql.SQL(
        "SELECT {}, count(*) FROM (SELECT 1 FROM {} WHERE {key} = ANY (ARRAY[%s]::uuid[])"
        " ORDER BY {key} LIMIT {}) AS counted"
    ).format(
        place,
        sql.Identifier(panel.model._meta.db_table),
        COUNTED + 1,
        key=sql.Identifier(panel.key.column),
    )


def column_of(model: type[Model], name: str) -> sql.Identifier:
    """A field's column, for SQL."""
    field: Any = model._meta.get_field(name)
    return sql.Identifier(field.column)


def reader_of(
    model: type[Model], names: Sequence[str], alias: str
) -> Callable[[dict[str, Any]], Model]:
    """What makes instances of what was selected as JSON; all other fields are deferred."""
    # In the model's order, which is what from_db expects.
    fields = [field for field in model._meta.concrete_fields if field.name in names]
    loaded = [field.attname for field in fields]

    def read(values: dict[str, Any]) -> Model:
        return model.from_db(
            alias, loaded, [from_json(field, values[str(field.column)]) for field in fields]
        )

    return read
