"""The rows that refer to a row: the latest of each table, and how many, in two queries for all."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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
    union,
)

from .columns import HtmlColumn, HtmlTable
from .display import AnyForeignKey
from .keyset import Count
from .labels import list_of, may_read
from .legible import escape, safe
from .site import StaffSite
from .states import UNSORTED

#: Rows shown in a panel.
ROWS_PER_PANEL = 10

#: Counting a panel's rows stops here: "1,000+". A page has twenty panels.
PANEL_COUNT_LIMIT = 1_000

#: If rows belong to a row through another table, the latest so many rows of that table are used: a
#: label has thousands of tracks.
THROUGH = 200

#: If the index of a key does not sort, the latest of so many rows are shown. This is less than
#: `PANEL_COUNT_LIMIT`, so that the panel knows if they may not be the latest of all.
LOOKED_THROUGH = 500


@dataclass(slots=True)
class Panel(ABC):
    """Some rows of a table, with a link to all of them: as HTML, because templates would take
    several times as long, for 25 panels.
    """

    title: str
    rows: Sequence[Any]
    #: How many there are, and the list of all of them.
    count: Count
    url: str
    #: Whether there are no later ones than these.
    are_latest: bool = True
    #: The ID of the heading, unique on the page.
    anchor: str = ""

    @abstractmethod
    def table(self) -> HtmlTable:
        """The rows as a table; call it when they can be shown."""

    def html(self) -> SafeString:
        anchor, shown, count = self.anchor, len(self.rows), self.count
        if shown < count.number:
            latest = f"The latest {shown}" if self.are_latest else f"{shown} of them"
            link = f"{latest}, and all {count} →"
        else:
            link = f"All {count} →"
        return SafeString(
            f'<section class="card panel" aria-labelledby="{anchor}">\n'
            f'<h2 id="{anchor}">{safe(self.title)}</h2>\n{self.table().html(anchor)}\n'
            f'<p class="all"><a href="{escape(self.url)}">{link}</a></p>\n</section>\n'
        )


def contents(panels: Iterable[Panel | None]) -> SafeString:
    """The links to these panels; None: to the timeline."""
    links = (
        f'<li><a href="#{one.anchor}">{safe(one.title)} <small>{one.count}</small></a></li>'
        if one
        else '<li><a href="#timeline">Timeline</a></li>'
        for one in panels
    )
    return SafeString("\n".join(links))


@dataclass(frozen=True, slots=True)
class Relation:
    """A foreign key that refers to a table, and how its rows are read and shown."""

    model: type[Model]
    key: AnyForeignKey
    columns: Sequence[HtmlColumn]
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


@dataclass(slots=True, kw_only=True)
class RelatedPanel(Panel):
    """The rows of one table that refer to a row by one foreign key."""

    relation: Relation

    @property
    def has_failed(self) -> bool:
        """Whether there is a failure that somebody must see."""
        return self.relation.failed_first and any(
            str(row.__dict__.get("status")) == "failed" for row in self.rows
        )

    @property
    def table_name(self) -> str:
        return self.relation.model._meta.db_table

    def table(self) -> HtmlTable:
        return HtmlTable.of(self.relation.columns, self.rows)


@cache
def relations_of(site: StaffSite, model: type[Model], alias: str) -> tuple[Relation, ...]:
    """All foreign keys that refer to a table and have a screen. Cached, because the models do
    not change.
    """
    found: list[Relation] = []
    keys: list[tuple[Any, Any]] = [(one.field, None) for one in model._meta.related_objects]
    for other in site.screens():
        for name, further in other.panels_through.items():
            key: Any = other.model._meta.get_field(name)
            outer: Any = key.related_model._meta.get_field(further)
            if outer.related_model is model:
                keys.append((key, outer))
    for key, outer in keys:
        screen = site.screen_of(key.model)
        if screen is None:
            continue
        # A separate column says whose track it is.
        columns = screen.panel_columns("" if outer else key.name)
        names = screen.selected(columns)
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


def panels_of(site: StaffSite, request: StaffRequest, row: Model) -> list[RelatedPanel]:
    """A panel for each foreign key that refers to the row's table, with the row's rows.

    Without tables that the user may not read. Two queries for all of them; rows are counted only
    for keys with more than a panel has.
    """
    relations = {
        place: relation
        for place, relation in enumerate(relations_of(site, type(row), site.read_alias))
        if may_read(request, relation.model)
        and (relation.between is None or may_read(request, relation.between))
    }
    if not relations:
        return []
    rows: dict[int, list[Model]] = {place: [] for place in relations}
    numbers: dict[int, int] = {}
    parameters = {"key": row.pk, "latest": ROWS_PER_PANEL, "looked_through": LOOKED_THROUGH,
             "counted": PANEL_COUNT_LIMIT + 1, "through": THROUGH}  # fmt: skip
    with connections[site.read_alias].cursor() as cursor:
        cursor.execute(union(relation.latest for relation in relations.values()), parameters)
        for place, text in cursor.fetchall():
            rows[place].append(relations[place].read(json.loads(text)))
        full = [relations[place] for place, found in rows.items() if len(found) == ROWS_PER_PANEL]
        if full:
            cursor.execute(union(relation.count for relation in full), parameters)
            numbers = dict(cursor.fetchall())
    return [
        _panel(relation, row, rows[place], numbers.get(place, len(rows[place])))
        for place, relation in relations.items()
    ]


def _panel(relation: Relation, row: Model, rows: list[Model], number: int) -> RelatedPanel:
    count = Count.of(number, PANEL_COUNT_LIMIT)
    if relation.failed_first:
        are_latest = count.number <= len(rows)
    else:
        are_latest = relation.is_sorted or count.number <= LOOKED_THROUGH
    url = list_of(relation.model, **{relation.filter: row.pk})
    return RelatedPanel(relation.title, rows, count, url, are_latest, relation=relation)
