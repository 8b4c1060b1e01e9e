"""The columns by which a table is searched, each with its own index.

A finder reads a limited number of rows, in no order or in its index's own, so that its cost does
not grow with the table. Every table can also be searched by id.
"""

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model, Q, QuerySet, Value

from veza_core.db.constraints import LIVE
from veza_core.screens.columns import HEADINGS
from veza_core.screens.display import words

from .. import lookups as lookups
from .term import Term

#: The most rows of a finder; the shown ones are chosen from these.
CANDIDATES = 50


@dataclass(frozen=True, slots=True)
class Finder:
    """A column, how it is compared, and with which part of a `Term`."""

    column: str
    lookup: str
    #: The attribute of `Term` that it is compared with.
    wants: str
    #: The order that its index gives; empty: none.
    order: str = ""
    where: Q = field(default_factory=Q)
    #: Whether it is never selected, and is compared over the main role: the support role has no
    #: privilege on it.
    secret: bool = False

    @property
    def is_part(self) -> bool:
        """Whether it searches for a part of the value, so that its cost depends on how common
        that is.
        """
        return self.wants == "part"

    @property
    def is_whole(self) -> bool:
        """Whether it searches for the whole value, so that a hit is what was meant."""
        return self.wants not in SOME_OF

    @property
    def label(self) -> str:
        """What it was found by, in words."""
        name = HEADINGS.get(self.column) or words(self.column)
        return name if self.is_whole else f"{SOME_OF[self.wants]} of {name[:1].lower()}{name[1:]}"

    def value(self, term: Term) -> Any:
        """The value for the comparison; None if the term is not of this kind."""
        return getattr(term, self.wants)

    def condition(self, term: Term) -> Q:
        return Q(**{f"{self.column}__{self.lookup}": self.value(term)})

    def rows(self, model: type[Model], alias: str, term: Term, place: int) -> QuerySet[Any]:
        """`place` and keys of what it finds, at most `CANDIDATES` and one more."""
        found = model._base_manager.using(alias).filter(self.condition(term) & self.where)
        found = found.order_by(self.order) if self.order else found.order_by()
        return found.values_list(Value(place), "pk")[: CANDIDATES + 1]


#: Parts of a `Term` that are less than the whole value, and their names.
SOME_OF = {"part": "Part", "prefix": "Beginning", "domain": "Domain", "ids": "Beginning"}


def same(column: str) -> Finder:
    """The value as it was typed."""
    return Finder(column, "exact", "text")


def slug() -> Finder:
    """A slug, which is stored in lower case, by an index over live rows only."""
    return Finder("slug", "exact", "slug", where=LIVE)


def same_behind(column: str, leading: str) -> Finder:
    """The value as it was typed, by an index over live rows that begins with another column."""
    return Finder(column, "exact", "text", where=LIVE & Q(**{f"{leading}__known": True}))


def whole(column: str, *, live: bool = False) -> Finder:
    """The value in any case, by an index on upper(column). `live`: over live rows only."""
    return Finder(column, "iexact", "text", where=LIVE if live else Q())


def part(column: str) -> Finder:
    """A part of the value in any case, by a trigram index on upper(column)."""
    return Finder(column, "icontains", "part")


def beginning_and_domain(column: str) -> tuple[Finder, Finder]:
    """The beginning of an e-mail address, and all addresses with a domain, the newest row first."""
    return (
        Finder(column, "istartswith", "prefix"),
        Finder(column, "domain", "domain", order="-created_at"),
    )


def address(column: str, order: str) -> Finder:
    """An IP address, in an order that its index gives."""
    return Finder(column, "exact", "address", order=order)


def token(*, live: bool = False) -> Finder:
    """The hash of a token, whole. `live`: by an index over live rows only."""
    return Finder("token_hash", "exact", "hash", where=LIVE if live else Q(), secret=True)


#: On every table.
ID = Finder("id", "exact", "id")

#: The same by the beginning of the ID: a range of the primary key.
SHORT_ID = Finder("id", "range", "ids", order="id")
