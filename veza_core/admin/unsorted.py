"""Lists of a key whose index finds its rows and does not sort them: `playlist_tracks.track_id`.

To sort in SQL, PostgreSQL would read all of the key's rows for each page, however many there are.
So times and ids of a bounded number of them are read, sorted here, and a page's rows fetched by id.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import BooleanField, Case, Model, Q, QuerySet, Value, When

from .keyset import COUNTED, Count, Order, Page, Place, fetch


@dataclass(frozen=True, slots=True)
class Found:
    """The places of a key's rows, in order. `cut`: the key has more rows than were read."""

    places: list[tuple[Any, ...]]
    cut: bool

    @property
    def count(self) -> Count:
        """How many rows there are to page through."""
        return Count(len(self.places), self.cut)


def find(rows: QuerySet[Any], order: Order, condition: Q | None) -> Found:
    """Read the places of at most `COUNTED` rows.

    `condition` is put to them only, after the limit: before it, a condition that few rows meet
    would read all of the key's rows.
    """
    keep: Any = Value(True)
    if condition is not None:
        keep = Case(When(condition, then=True), default=False, output_field=BooleanField())
    found = list(rows.order_by(*order.by_key).values_list(*order.columns, keep)[: COUNTED + 1])
    places = (tuple(place) for *place, kept in found[:COUNTED] if kept)
    return Found(sorted(places, reverse=order.descending), len(found) > COUNTED)


def read_page[M: Model](
    rows: QuerySet[M], found: Found, order: Order, place: Place, size: int
) -> Page[M]:
    """Fetch the page of `found` that begins at `place`, in the list's order."""
    walk = found.places if place.forwards else found.places[::-1]
    ahead = list(_ahead(walk, place, descending=order.descending == place.forwards))
    page = fetch(rows, [values[-1] for values in ahead[:size]])
    further = Place(order.cursor_of(page[-1]), place.forwards) if len(ahead) > size else None
    back = None if place.cursor is None else place.opposite()
    return Page(page, back, further) if place.forwards else Page(page[::-1], further, back)


def _ahead(
    walk: Iterable[tuple[Any, ...]], place: Place, *, descending: bool
) -> Iterable[tuple[Any, ...]]:
    """What lies beyond the place, in the walk's order."""
    if place.cursor is None:
        return walk
    start = place.cursor.values
    return (
        values
        for values in walk
        if (place.inclusive and values == start)
        or (values < start if descending else values > start)
    )
