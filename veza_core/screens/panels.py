"""The rows that refer to a row: the latest of each table, and how many, in two queries for all."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.db import connections
from django.db.models import Model
from django.utils.safestring import SafeString

from veza_core.access import StaffRequest
from veza_core.screens.panel_queries import (
    counted_rows,
    counted_rows_through,
    latest_rows,
    latest_rows_through,
    reader_of,
    selected_fields,
    union,
)

from .columns import Column, HtmlTable
from .display import AnyForeignKey
from .keyset import Count
from .labels import list_of, may_read
from .panel_html import panel_html
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
    columns: Sequence[Column]
    title: str
    #: The list's filter for all of them.
    filter: str
    #: The table in between, for users who may read it; None: the key refers to the row itself.
    between: type[Model] | None
    #: Whether an index sorts the rows of a key.
    is_sorted: bool
    #: Whether failed rows come first, among the latest `LOOKED_THROUGH`.
    failed_first: bool
    #: The latest rows of a key as JSON, and how many it has: see `latest_rows` and `counted_rows`.
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
    anchor: str = ""

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
        return self.relation.model._meta.db_table

    @property
    def table(self) -> HtmlTable:
        """The rows as a table."""
        return HtmlTable.of(self.relation.columns, self.rows)

    @property
    def html(self) -> SafeString:
        """The panel."""
        return panel_html(self)


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
        names = selected_fields(key.model, columns)
        moment = screen.moments.get(key.name)
        failed_first = moment is not None and moment.fails
        place, by = len(found), screen.keys[key.name]
        if outer:
            latest, count = (
                latest_rows_through(place, key, outer, names),
                counted_rows_through(place, key, outer),
            )
        else:
            latest, count = (
                latest_rows(place, key, names, by, failed_first),
                counted_rows(place, key),
            )
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
    parameters = {"key": row.pk, "latest": LATEST, "looked_through": LOOKED_THROUGH,
             "counted": PANEL_COUNT_LIMIT + 1, "through": THROUGH}  # fmt: skip
    with connections[alias].cursor() as cursor:
        cursor.execute(union(panel.relation.latest for panel in panels.values()), parameters)
        for place, text in cursor.fetchall():
            panels[place].rows.append(panels[place].relation.read(json.loads(text)))
        full = [panel for panel in panels.values() if len(panel.rows) == LATEST]
        if full:
            cursor.execute(union(panel.relation.count for panel in full), parameters)
            for place, number in cursor.fetchall():
                panels[place].number = Count.of(number, PANEL_COUNT_LIMIT)
    return list(panels.values())
