"""All rows of a list, batch by batch: memory stays flat, and no transaction stays open."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import Q, QuerySet

from .. import keyset, unsorted
from ..keyset import FIRST, Page, Place
from ..listing import Listing
from ..reading import reading

#: Rows of one query.
BATCH = 1_000

#: With a condition that no index serves, so many windows are looked through.
WINDOWS = 200

#: How an export ends.
COMPLETE = "complete"
LOOKED_ENOUGH = "stopped: no index knows all of these filters together"
KEY_CUT = "stopped: no index sorts so many rows of one key"


def batches(rows: QuerySet[Any], listing: Listing) -> Iterator[tuple[list[Any], str]]:
    """Yield rows in the list's order; beside the last ones stands how it ended.

    Each batch is a transaction of its own, between which rows may come and go. Raises
    `TooSlowError`.
    """
    with reading(rows.db):
        read, ending = _reader(rows, listing)
    place: Place | None = FIRST
    windows = 0
    while place is not None:
        with reading(rows.db):
            page = read(place)
        place = page.next
        windows += page.looked_until is not None
        if place is not None and windows >= WINDOWS:
            place, ending = None, LOOKED_ENOUGH
        yield page.rows, "" if place else ending


def _reader(rows: QuerySet[Any], listing: Listing) -> tuple[Callable[[Place], Page[Any]], str]:
    """How a batch is read, as the list itself reads its pages (`KeysetChangeList`)."""
    order, condition = listing.order, listing.condition
    bounded = rows.filter(listing.bounds)
    driven = bounded.filter(listing.driver)
    if not listing.sorted:
        found = unsorted.find(driven, order, condition)
        if not (found.cut and listing.driven_by_state):
            return (
                lambda place: unsorted.read_page(driven, found, order, place, BATCH),
                KEY_CUT if found.cut else COMPLETE,
            )
        driven, condition = bounded, listing.driver & (condition or Q())
    return (
        lambda place: keyset.read_page(driven, order, place, BATCH, condition, listing.branches),
        COMPLETE,
    )
