"""All rows of a list, in batches, so that memory does not grow and no transaction stays open."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from ..listing import Listing
from ..order import FIRST, Place
from ..reading import reading
from ..source import PageSource

#: Rows of a query; fewer for rows with texts of any size (`bounded.IN_CELL`).
BATCH, SMALL_BATCH = 1_000, 100

#: With a condition without an index, at most so many windows are searched.
WINDOWS = 200

#: How an export ends.
COMPLETE = "complete"
LOOKED_ENOUGH = "stopped: no index covers all of these filters"
KEY_CUT = "stopped: no index sorts this many rows of one key"


def batches(
    rows: QuerySet[Any], listing: Listing, *, large: bool = False
) -> Iterator[tuple[list[Any], str]]:
    """Yield rows in the list's order; with the last ones, how it ended.

    Each batch is a separate transaction, and rows may change between them. Raises `TooSlowError`.
    `large`: rows may have 32 kB or more each.
    """
    size = min(BATCH, SMALL_BATCH) if large else BATCH
    with reading(rows.db):
        source = PageSource.of(rows, listing)
    ending = KEY_CUT if source.cut else COMPLETE
    place: Place | None = FIRST
    windows = 0
    while place is not None:
        with reading(rows.db):
            page = source.page(place, size)
        place = page.next
        windows += page.looked_until is not None
        if place is not None and windows >= WINDOWS:
            place, ending = None, LOOKED_ENOUGH
        yield page.rows, "" if place else ending
