"""Lists of a key whose index finds its rows and does not sort them: `playlist_tracks.track_id`.

To sort them all PostgreSQL would read each of the key's rows for each page, however many there are.
So a bounded number of them is sorted.
"""

from typing import Any

from django.db.models import Model, Q, QuerySet

from .keyset import COUNTED, Count, Page, fetch
from .order import FIRST, Order, Place
from .window import Window, flagged, look_through


def count(rows: QuerySet[Any], order: Order, condition: Q | None) -> Count:
    """How many rows there are to page through; `capped`: the key has more than are sorted."""
    window = _window(rows, order, condition, 0, FIRST)
    return Count(min(window.meeting, COUNTED), window.number > COUNTED)


def read_page[M: Model](
    rows: QuerySet[M], order: Order, place: Place, size: int, condition: Q | None = None
) -> Page[M]:
    """Read the page at `place`.

    `condition` is put to the rows that are sorted only: before the limit, one that few rows meet
    would read all of the key's rows.
    """
    walk = order if place.forwards else order.reversed()
    ids = _window(rows, walk, condition, size + 1, place).ids
    page = fetch(rows, ids[:size])
    further = Place(order.cursor_of(page[-1]), place.forwards) if len(ids) > size else None
    back = None if place.cursor is None else place.opposite()
    return Page(page, back, further) if place.forwards else Page(page[::-1], further, back)


def _window(
    rows: QuerySet[Any], walk: Order, condition: Q | None, size: int, place: Place
) -> Window:
    limited = flagged(rows, walk, condition).order_by(*walk.by_key)[: COUNTED + 1]
    return look_through(limited, walk, size, place)
