"""Pages of any table at the same cost, the first and the ten-thousandth, by row comparison.

`WHERE (created_at, id) < (…) ORDER BY created_at DESC, id DESC LIMIT 51` starts in the index where
the last page ended. An OFFSET would read all rows before it. A condition without an index is
applied only to a window of rows, never to the table.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Model, Q, QuerySet

from .order import Cursor, Order, Place
from .window import flagged, look_through

#: The number of rows to which a condition without an index is applied, for one page.
WINDOW = 5_000

#: Counting stops here: "10,000+".
COUNT_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Page[M: Model]:
    """Rows in the list's order, and where the pages before and after begin; None: there are
    none.
    """

    rows: list[M]
    previous: Place | None
    next: Place | None
    #: The last row that was examined, if the window ended before the page was full.
    looked_until: Cursor | None = None
    #: How many rows the list has, if reading the page shows it.
    count: "Count | None" = None

    @classmethod
    def read_at(cls, place: Place, rows: list[M], end: Cursor | None, *more: Any) -> "Page[M]":
        """The page with the rows that were read at a place, in its direction.

        `end` is where the next rows begin; None: there are none.
        """
        further = None if end is None else Place(end, place.forwards)
        back = None if place.cursor is None else place.opposite()
        if place.forwards:
            return cls(rows, back, further, *more)
        return cls(rows[::-1], further, back, *more)


def first_of(rows: QuerySet[Any], walk: Order, limit: int, branches: Sequence[Q]) -> Any:
    """The first `limit` rows in an order.

    With branches, it merges as many ranges of the index: for an index on (status, created_at), one
    range for each status, instead of sorting the whole table.
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

    `rows` has conditions that the index of `order` serves, `branches` as in `first_of`. `condition`
    has no index: it is applied to the next `WINDOW` rows, and the page says how far they went.
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
    return Page.read_at(place, found, end, None if full else edge)


def _window[M: Model](
    ahead: QuerySet[M], walk: Order, branches: Sequence[Q], condition: Q, limit: int
) -> tuple[list[M], Cursor | None]:
    """The first `limit` rows of the window for which the condition is true, and the window's last
    place.

    The place is None if the window contains all remaining rows.
    """
    rows = first_of(flagged(ahead, walk, condition), walk, WINDOW, branches)
    window = look_through(rows, walk, limit)
    return fetch(ahead, window.ids), window.last if window.number == WINDOW else None


def fetch[M: Model](rows: QuerySet[M], ids: Sequence[Any]) -> list[M]:
    """The rows with these ids, in their order."""
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
    def of(cls, number: int, most: int) -> "Count":
        """A count that was stopped at one above `most`."""
        return cls(min(number, most), number > most)


def count(rows: QuerySet[Any], order: Order, branches: Sequence[Q] = ()) -> Count:
    """Count rows up to `COUNT_LIMIT`, in the order of the index of `order`.

    The inner query keeps the order. Without one, PostgreSQL would read the table from its start,
    with all rows that are not wanted.
    """
    whole = [rows.filter(branch) for branch in branches] or [rows]
    by = order.by[: len(order.by_key) + 1]
    total = 0
    for run in whole:
        total += run.order_by(*by).values(order.column)[: COUNT_LIMIT + 1 - total].count()
        if total > COUNT_LIMIT:
            break
    return Count.of(total, COUNT_LIMIT)
