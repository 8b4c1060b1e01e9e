"""The pages of a listing, for the list itself and for its export."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from . import keyset, unsorted
from .keyset import Count, Page
from .listing import Listing
from .order import Order, Place


@dataclass(frozen=True, slots=True)
class PageSource:
    """How an index serves a listing; made once, then used for any of its pages."""

    rows: QuerySet[Any]
    order: Order
    condition: Q | None
    branches: tuple[Q, ...]
    #: Whether no index sorts the rows.
    unsorted: bool = False
    #: Whether the key has more rows than the listing shows.
    cut: bool = False

    @classmethod
    def of(cls, rows: QuerySet[Any], listing: Listing) -> "PageSource":
        """Choose the source; `rows` are the whole table with the wanted fields. May read."""
        order, condition = listing.order, listing.condition
        driven = rows.filter(listing.driver)
        if listing.sorted:
            return cls(driven.filter(listing.bounds), order, condition, listing.branches)
        # No index sorts the key's rows by time either, so the limits are a condition too.
        within = listing.bounds & (condition or Q()) or None
        return cls(driven, order, within, (), True, unsorted.is_cut(driven, order))

    def page(self, place: Place, size: int) -> Page[Any]:
        """Read a page of at most `size` rows."""
        if self.unsorted:
            return unsorted.read_page(self.rows, self.order, place, size, self.condition)
        return keyset.read_page(self.rows, self.order, place, size, self.condition, self.branches)

    def count(self) -> Count | None:
        """How many rows there are; None if no index can tell, or if pages know it themselves."""
        if self.unsorted or self.condition is not None:
            return None
        return keyset.count(self.rows, self.order, self.branches)
