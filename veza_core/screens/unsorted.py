"""Lists of a key whose index finds its rows but does not sort them: `playlist_tracks.track_id`.

To sort all of them, PostgreSQL would read each row of the key for each page. So only a limited
number of them is sorted.
"""

from typing import Any

from django.db.models import Model, Q, QuerySet

from .keyset import COUNT_LIMIT, Count, Page, fetch
from .order import Order, Place
from .window import flagged, look_through


def is_cut(rows: QuerySet[Any], order: Order) -> bool:
    """Whether there are more rows than are sorted."""
    # Not `exists`, which drops the order, and with it the index: see `lookups`.
    ordered = rows.order_by(*order.by_key).values(order.key or "pk")
    return bool(ordered[COUNT_LIMIT : COUNT_LIMIT + 1])


def read_page[M: Model](
    rows: QuerySet[M], order: Order, place: Place, size: int, condition: Q | None = None
) -> Page[M]:
    """Read the page at `place`, and how many rows there are in all.

    `condition` is applied only to the rows that are sorted. Before the limit, a condition that few
    rows meet would read all of the key's rows.
    """
    walk = order if place.forwards else order.reversed()
    limited = flagged(rows, walk, condition, place).order_by(*walk.by_key)
    window = look_through(limited[: COUNT_LIMIT + 1], walk, size + 1)
    count = Count(min(window.meeting, COUNT_LIMIT), window.number > COUNT_LIMIT)
    page = fetch(rows, window.ids[:size])
    end = order.cursor_of(page[-1]) if window.ids[size:] else None
    return Page.read_at(place, page, end, None, count)
