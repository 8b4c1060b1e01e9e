"""The filters of a list: what a row's state can be, and whether an index finds the rows in it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Q

from .display import words

#: The order of an option that an index finds, but does not sort.
UNSORTED = ""


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a filter.

    `order` is the column by which an index sorts the rows in this state (`UNSORTED`: it finds
    them, in no order). None: no index knows the state, so that it is only looked for in the rows
    of another index, window by window (`keyset.read_page`).
    """

    value: str
    label: str
    where: Q
    order: str | None = None
    #: The column that this index begins with, when `where` asks it for one value.
    key: str = ""
    #: The keys of the list with which the state has an index of its own.
    with_keys: tuple[str, ...] = ()
    #: A column that the list has beside its own for it.
    column: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """A filter: a name for the query string, and its options."""

    name: str
    label: str
    options: tuple[Option, ...]

    def option(self, value: str) -> Option | None:
        """The option of this value, if there is one."""
        return next((option for option in self.options if option.value == value), None)


def choices(
    field: str,
    values: Iterable[tuple[str, str]],
    *,
    label: str = "",
    order: str | None = None,
    unordered: Iterable[str] = (),
) -> State:
    """A filter by a column of a few values, as `TextChoices.choices` has them.

    `order` is for all of them but `unordered`, which no index knows.
    """
    return State(
        field,
        label or words(field),
        tuple(
            Option(value, words(value), Q(**{field: value}))
            if order is None or value in unordered
            else Option(value, words(value), Q(**{f"{field}__any_of": value}), order, field)
            for value, _ in values
        ),
    )


def boolean(field: str, label: str = "", *, yes: str = "Yes", no: str = "No") -> State:
    """A filter by a column that is true or false."""
    return State(
        field,
        label or words(field.removeprefix("is_")),
        (Option("yes", yes, Q(**{field: True})), Option("no", no, Q(**{field: False}))),
    )


def given(field: str, label: str, *, yes: str = "Yes", no: str = "No") -> State:
    """A filter by a time that is NULL or not: `revoked_at`, `used_at`.

    The rows in which it is set have a partial index, the last first.
    """
    return State(
        field.removesuffix("_at"),
        label,
        (
            Option("yes", yes, Q(**{f"{field}__isnull": False}), f"-{field}"),
            Option("no", no, Q(**{f"{field}__isnull": True})),
        ),
    )


@dataclass(frozen=True, slots=True)
class View:
    """A question that staff have of a list, as a link above it: its filters and its order."""

    label: str
    query: Mapping[str, str]
    #: What the menu calls it, under "Desk"; empty: it is not there.
    desk: str = ""


#: On every soft-delete table.
DELETED = given("deleted_at", "Deleted", yes="Deleted only", no="Live only")

#: Above the lists of soft-delete tables.
DELETED_THIS_WEEK = View("Deleted this week", {"deleted": "yes", "range": "7d"})
