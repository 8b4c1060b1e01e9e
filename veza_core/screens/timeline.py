"""What happened around a row, the latest first: the rows of several tables, merged.

A screen declares with `moments` what its rows mean for a row that they refer to. One query reads
one page of rows from each table by its own index, so a page always costs the same. What staff did
to the row is included.
"""

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from django.db import connections
from django.db.models import Model
from django.http import QueryDict
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from psycopg import sql

from veza_core.access import StaffRequest

from .base import BaseScreen, Moment
from .bounded import as_columns
from .columns import secret_fields
from .display import NOTHING
from .errors import HelpfulError
from .labels import column_of, may_read, url_of
from .legible import escape
from .panels import LOOKED_THROUGH, reader_of
from .site import StaffSite
from .units import exact

#: Moments on a page of the timeline, and on the row's own page.
SIZE, ON_ROW = 50, 12

#: The kind for what staff did, and its place after all tables.
STAFF, LAST = "Staff", 999

#: Between the values of a cursor.
SEPARATOR = "~"


@dataclass(frozen=True, slots=True)
class TimelineCursor:
    """Where a page of a timeline ends: for equal times, tables come in their order."""

    at: datetime
    place: int
    key: str

    @classmethod
    def parse(cls, text: str) -> "TimelineCursor":
        """Read what `__str__` wrote. Raises `HelpfulError`."""
        try:
            at, place, key = text.split(SEPARATOR)
            moment, number = datetime.fromisoformat(at), int(place)
            if moment.tzinfo is None or not 0 <= number <= LAST:
                raise ValueError(text)
            # A key of the staff log is a number; all others are UUIDs.
            key = str(int(key) if number == LAST else uuid.UUID(key))
        except (ValueError, OverflowError) as error:
            raise HelpfulError(
                "This page of the timeline does not exist: start at the first page."
            ) from error
        return cls(moment, number, key)

    def __str__(self) -> str:
        return SEPARATOR.join((self.at.isoformat(), str(self.place), self.key))


@dataclass(slots=True)
class Event:
    """A moment of a timeline."""

    at: datetime
    place: int
    key: str
    kind: str
    #: What happened, with links; made when the names are known.
    show: Callable[[], SafeString]
    row: Any = None
    undo: str = ""
    tone: str = ""

    @property
    def order(self) -> tuple[datetime, int, int]:
        """For sorting, the earliest first."""
        number = int(self.key) if self.place == LAST else uuid.UUID(self.key).int
        return (self.at, -self.place, number)

    @property
    def cursor(self) -> TimelineCursor:
        """The position after it."""
        return TimelineCursor(self.at, self.place, self.key)


@dataclass(frozen=True, slots=True)
class TimelineSource:
    """A table of a timeline, and how its rows are read."""

    place: int
    screen: BaseScreen
    key: Any
    moment: Moment
    time: str
    is_sorted: bool
    names: Sequence[str]
    read: Callable[[dict[str, Any]], Model]

    def query(self, before: int | None) -> sql.Composed:
        """The latest rows of the key, for `_merged`; `before`: beyond a cursor of this place."""
        model: Any = self.screen.model
        time, key = column_of(model, self.time), sql.Identifier(self.key.column)
        rows = sql.SQL(
            "SELECT {} FROM {} WHERE {} = ANY (ARRAY[%(key)s]::uuid[]) AND {} ORDER BY {}{}"
        ).format(
            as_columns(model, self.names),
            sql.Identifier(model._meta.db_table),
            key,
            self._beyond(before) if self.is_sorted else sql.SQL("true"),
            key,
            sql.SQL(", {} DESC, id DESC LIMIT %(limit)s").format(time)
            if self.is_sorted
            else sql.SQL(" LIMIT %(looked_through)s"),
        )
        if not self.is_sorted:
            rows = sql.SQL(
                "SELECT * FROM ({}) AS found WHERE {} ORDER BY {} DESC, id DESC LIMIT %(limit)s"
            ).format(rows, self._beyond(before), time)
        return sql.SQL("(SELECT {}, {}, id, row_to_json(latest)::text FROM ({}) AS latest)").format(
            self.place, time, rows
        )

    def _beyond(self, before: int | None) -> sql.Composable:
        if before is None:
            return sql.SQL("true")
        time = column_of(self.screen.model, self.time)
        if self.place == before:
            return sql.SQL("({}, id) < (%(at)s, %(id)s::uuid)").format(time)
        comparison = sql.SQL("<" if self.place < before else "<=")
        return sql.SQL("{} {} %(at)s").format(time, comparison)

    def event(self, values: dict[str, Any]) -> Event:
        row: Any = self.read(values)
        failed = self.moment.fails and str(row.status) == "failed"
        return Event(getattr(row, self.time), self.place, str(row.pk), self.moment.kind,
                     lambda: self._show(row), row, tone="bad" if failed else "")  # fmt: skip

    def _show(self, row: Any) -> SafeString:
        shown = [self.screen.column(name)(row) for name in self.moment.shows]
        # The user was not signed in, or is deleted: "Played by" would continue with the duration.
        verb = self.moment.verb.removesuffix(" by") if shown[0] == NOTHING else self.moment.verb
        link = format_html('<a href="{}">{}</a>', url_of(self.screen.model, row.pk), verb)
        texts = ((one,) for one in shown if one != NOTHING)
        return format_html("{} {}", link, format_html_join(" · ", "{}", texts))


@dataclass(frozen=True, slots=True)
class Timeline:
    """A page of a timeline."""

    events: Sequence[Event]
    kinds: Sequence[str]
    kind: str
    #: The position of the next page; None if it is the last one.
    further: TimelineCursor | None

    def html(self) -> SafeString:
        """The list, by day. Not by a template, as for panels."""
        lines, day = [], ""
        for event in self.events:
            at = event.at
            if f"{at:%-d %B %Y}" != day:
                day = f"{at:%-d %B %Y}"
                lines.append(f'<li class="day">{day}</li>')
            undo = f' <a href="{escape(event.undo)}">Undo</a>' if event.undo else ""
            lines.append(
                f'<li><time datetime="{at.isoformat()}" title="{exact(at)}">{at:%H:%M}</time>'
                f' <i class="{event.tone}"></i> <span>{event.show()}</span>{undo}</li>'
            )
        none = f'<li class="day">Nothing{" of this kind" if self.kind else ""} yet.</li>'
        return SafeString(f'<ul class="timeline">\n{"\n".join(lines or [none])}\n</ul>')

    @property
    def rows(self) -> list[Any]:
        """The rows whose names must be known before it is shown."""
        return [event.row for event in self.events if event.row is not None]


@cache
def sources_of(site: StaffSite, model: type[Model], alias: str) -> tuple[TimelineSource, ...]:
    """The tables of a row's timeline. Cached, because the models do not change."""
    found: list[TimelineSource] = []
    for relation in model._meta.related_objects:
        key: Any = relation.field
        screen = site.screen_of(relation.related_model)
        moment = screen.moments.get(key.name) if screen else None
        if screen is None or moment is None:
            continue
        order = screen.keys[key.name]
        by_time = order.startswith("-") and order.endswith("_at")
        needs = (need for name in moment.shows for need in screen.column(name).needs)
        time = order.removeprefix("-") if by_time else "created_at"
        names = {"id", "created_at", time, key.name, *needs, *(("status",) if moment.fails else ())}
        selected = sorted(names - secret_fields(relation.related_model))
        found.append(
            TimelineSource(
                len(found), screen, key, moment, time, by_time, selected,
                reader_of(relation.related_model, selected, alias),
            )
        )  # fmt: skip
    return tuple(found)


@lru_cache(maxsize=256)
def _merged(
    site: StaffSite, model: type[Model], alias: str, places: tuple[int, ...], before: int | None
) -> str:
    """The rows of these sources in the order of `Event.order`, the latest first."""
    sources = sources_of(site, model, alias)
    return (
        sql.SQL(
            "SELECT place, event FROM ({}) AS found (place, at, id, event)"
            " ORDER BY at DESC, place, id DESC LIMIT %(limit)s"
        )
        .format(sql.SQL(" UNION ALL ").join(sources[place].query(before) for place in places))
        .as_string()
    )


def parse_query(query: QueryDict) -> tuple[str, TimelineCursor | None]:
    """The kind and the position in a URL. Raises `HelpfulError` for unknown ones."""
    if unknown := set(query) - {"kind", "before"}:
        raise HelpfulError(f"A timeline has no filter “{min(unknown)[:40]}”.")
    before = query.get("before", "")
    return query.get("kind", ""), TimelineCursor.parse(before) if before else None


def timeline(
    site: StaffSite,
    request: StaffRequest,
    row: Model,
    *,
    size: int = SIZE,
    kind: str = "",
    before: TimelineCursor | None = None,
) -> Timeline:
    """Read a page of a row's timeline, of one kind or of all: two queries.

    Without the tables that the user may not read. Raises `HelpfulError` for an unknown kind.
    """
    alias = site.read_alias
    sources = [
        source
        for source in sources_of(site, type(row), alias)
        if may_read(request, source.screen.model)
    ]
    kinds = [*dict.fromkeys([*(source.moment.kind for source in sources), STAFF])]
    if kind and kind not in kinds:
        raise HelpfulError(
            f"A timeline has no kind “{kind[:40]}”; the kinds are {', '.join(kinds)}."
        )
    wanted = {source.place: source for source in sources if kind in ("", source.moment.kind)}
    events: list[Event] = []
    if wanted:
        values: dict[str, Any] = {"key": row.pk, "limit": size + 1,
                                  "looked_through": LOOKED_THROUGH}  # fmt: skip
        if before:
            values |= {"at": before.at, "id": before.key if before.place < LAST else None}
        with connections[alias].cursor() as cursor:
            beyond = before.place if before else None
            cursor.execute(_merged(site, type(row), alias, tuple(wanted), beyond), values)
            found = cursor.fetchall()
        events += [wanted[place].event(json.loads(text)) for place, text in found]
    if kind in ("", STAFF):
        events += site.action_events(request, row, before, size + 1)
    events.sort(key=lambda event: event.order, reverse=True)
    further = events[size - 1].cursor if len(events) > size else None
    return Timeline(events[:size], kinds, kind, further)
