"""Pages of any table at the same cost, the first and the ten-thousandth: by row comparison.

`WHERE (created_at, id) < (…) ORDER BY created_at DESC, id DESC LIMIT 51` starts in the index where
the last page ended; an OFFSET would read all rows before it. A condition that no index serves is
put to a window of rows only, never to the table: see `Scan`.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import (
    BooleanField,
    Case,
    DateTimeField,
    F,
    Model,
    Q,
    QuerySet,
    UUIDField,
    When,
)
from django.db.models.fields.tuple_lookups import (
    Tuple,
    TupleGreaterThan,
    TupleGreaterThanOrEqual,
    TupleLessThan,
    TupleLessThanOrEqual,
)

#: Rows that a condition without an index is put to, for one page.
WINDOW = 5_000

#: Counting stops here, and says "10,000+".
COUNTED = 10_000

#: Separates the values of a cursor: in no time, number or UUID.
SEPARATOR = "~"


class MalformedCursorError(ValueError):
    """A cursor that no page of this list gave."""


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a list: a column that an index sorts by, and `id` between equal values."""

    model: type[Model]
    column: str
    descending: bool
    #: The column that the index begins with, of which the list has one value: see `lookups`.
    key: str = ""
    key_descending: bool = False

    @classmethod
    def parse(cls, model: type[Model], text: str, key: str = "") -> "Order":
        """Read `-created_at`, `position` or `id`."""
        return cls(model, text.removeprefix("-"), text.startswith("-"), key)

    @property
    def columns(self) -> tuple[str, ...]:
        """What a cursor has a value of each of."""
        return (self.column,) if self.column == "id" else (self.column, "id")

    @property
    def by(self) -> list[str]:
        """For `order_by`."""
        sign = "-" if self.descending else ""
        return [*self.by_key, *(sign + column for column in self.columns)]

    @property
    def by_key(self) -> list[str]:
        """For `order_by`, when the order of the key's rows does not matter."""
        return [("-" if self.key_descending else "") + self.key] if self.key else []

    @property
    def by_time(self) -> bool:
        """Whether it is the order of a time."""
        return isinstance(self.model._meta.get_field(self.column), DateTimeField)

    def reversed(self) -> "Order":
        """The same columns, the other way."""
        return replace(self, descending=not self.descending, key_descending=not self.key_descending)

    def beyond(self, cursor: "Cursor", *, inclusive: bool) -> Any:
        """The condition on rows that come after the cursor in this order, or at it as well."""
        least, least_or_equal = (
            (TupleLessThan, TupleLessThanOrEqual)
            if self.descending
            else (TupleGreaterThan, TupleGreaterThanOrEqual)
        )
        lookup = least_or_equal if inclusive else least
        return lookup(Tuple(*(F(column) for column in self.columns)), list(cursor.values))

    def cursor_of(self, row: Model) -> "Cursor":
        """The place of a row."""
        return Cursor(tuple(getattr(row, column) for column in self.columns))

    def start_of(self, value: Any) -> "Cursor":
        """The place before all rows of this value, seen in ascending order."""
        least = uuid.UUID(int=0) if isinstance(self.model._meta.pk, UUIDField) else 0
        return Cursor((value, least))

    def cursor(self, text: str) -> "Cursor":
        """Read what `str(cursor)` wrote. Raises `MalformedCursorError`."""
        parts = text.split(SEPARATOR)
        if len(parts) != len(self.columns):
            raise MalformedCursorError(text)
        try:
            values = [
                self.model._meta.get_field(column).to_python(part)  # type: ignore[union-attr]
                for column, part in zip(self.columns, parts, strict=True)
            ]
        except (ValidationError, ValueError, OverflowError) as error:
            raise MalformedCursorError(text) from error
        if any(getattr(value, "tzinfo", self) is None for value in values):
            raise MalformedCursorError(text)
        return Cursor(tuple(values))


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in an order: a value of each of its columns."""

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return SEPARATOR.join(
            value.isoformat() if hasattr(value, "isoformat") else str(value)
            for value in self.values
        )


@dataclass(frozen=True, slots=True)
class Place:
    """From where to read, and which way. Without a cursor: from the end that lies behind."""

    cursor: Cursor | None = None
    forwards: bool = True
    inclusive: bool = False

    #: The query string's names of the four, by (forwards, inclusive).
    NAMES = {(True, False): "after", (True, True): "from",
             (False, False): "before", (False, True): "upto"}  # fmt: skip

    @property
    def name(self) -> str:
        """What the query string calls it."""
        return self.NAMES[self.forwards, self.inclusive]

    def opposite(self) -> "Place":
        """Where the rows are that this place leaves out: the way back."""
        return Place(self.cursor, not self.forwards, not self.inclusive)


FIRST = Place()
LAST = Place(forwards=False)


@dataclass(frozen=True, slots=True)
class Page[M: Model]:
    """Rows in the list's order, and where the pages beside them begin; None: there are none."""

    rows: list[M]
    previous: Place | None
    next: Place | None
    #: The last row that a condition was put to, when the window ended before the page was full.
    looked_until: Cursor | None = None


def first_of(rows: QuerySet[Any], walk: Order, limit: int, branches: Sequence[Q]) -> Any:
    """The first `limit` rows in an order.

    With branches, out of as many runs of the index as there are, merged: of an index on
    (status, created_at) one run for each status, in place of a sort of the whole table.
    """
    ordered = rows.order_by(*walk.by)
    if not branches:
        return ordered[:limit]
    runs = [ordered.filter(branch)[:limit] for branch in branches]
    merged = runs[0].union(*runs[1:], all=True)
    return merged.order_by(*replace(walk, key="").by)[:limit]


def read_page[M: Model](
    rows: QuerySet[M],
    order: Order,
    place: Place,
    size: int,
    condition: Q | None = None,
    branches: Sequence[Q] = (),
) -> Page[M]:
    """Read a page of at most `size` rows at `place`.

    `rows` has conditions that the index of `order` serves, `branches` as in `first_of`.
    `condition` is one that no index serves: it is put to the next `WINDOW` rows, and the page says
    how far they went.
    """
    walk = order if place.forwards else order.reversed()
    ahead = rows
    if place.cursor is not None:
        ahead = ahead.filter(walk.beyond(place.cursor, inclusive=place.inclusive))
    if condition is None:
        found, edge = list(first_of(ahead, walk, size + 1, branches)), None
    else:
        found, edge = _window(ahead, walk, branches, condition, size + 1)
    full = len(found) > size
    del found[size:]
    end = order.cursor_of(found[-1]) if full else edge
    further = None if end is None else Place(end, place.forwards)
    back = None if place.cursor is None else place.opposite()
    looked_until = None if full else edge
    if place.forwards:
        return Page(found, back, further, looked_until)
    return Page(found[::-1], further, back, looked_until)


def _window[M: Model](
    ahead: QuerySet[M], walk: Order, branches: Sequence[Q], condition: Q, limit: int
) -> tuple[list[M], Cursor | None]:
    """The first `limit` rows of the window that meet the condition, and the window's last place.

    The condition is told of each row, and no row is left out by it: PostgreSQL would be free to
    find rows by another index then, and to look at more of them. The place is None when all rows
    ahead are in the window.
    """
    meets = Case(When(condition, then=True), default=False, output_field=BooleanField())
    window = list(first_of(ahead.values_list(*walk.columns, meets), walk, WINDOW, branches))
    ids = [values[-2] for values in window if values[-1]][:limit]
    edge = Cursor(tuple(window[-1][:-1])) if len(window) == WINDOW else None
    return fetch(ahead, ids), edge


def fetch[M: Model](rows: QuerySet[M], ids: Sequence[Any]) -> list[M]:
    """The rows of these ids, in their order."""
    found = {row.pk: row for row in rows.order_by().filter(pk__in=ids)}
    return [found[id_] for id_ in ids if id_ in found]


@dataclass(frozen=True, slots=True)
class Count:
    """A number of rows; `capped`: at least so many."""

    number: int
    capped: bool = False

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.capped else ''}"

    @classmethod
    def of(cls, number: int) -> "Count":
        """A count that was stopped one above `COUNTED`."""
        return cls(min(number, COUNTED), number > COUNTED)


def count(rows: QuerySet[Any], order: Order, branches: Sequence[Q] = ()) -> Count:
    """Count rows up to `COUNTED`, along the index of `order`.

    The order is kept inside: without one PostgreSQL would read the table from its start, and past
    all rows that are not asked for.
    """
    whole = [rows.filter(branch) for branch in branches] or [rows]
    by = order.by[: len(order.by_key) + 1]
    total = 0
    for run in whole:
        total += run.order_by(*by).values(order.column)[: COUNTED + 1 - total].count()
        if total > COUNTED:
            break
    return Count.of(total)
