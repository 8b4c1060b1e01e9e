"""The filters of a list: states of a row, values that are typed, and what an index finds."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Model, Q

from .display import words

#: The order of a key or a criterion whose index finds the rows, but does not sort them.
UNSORTED = ""


@dataclass(frozen=True, slots=True)
class Option:
    """A value of a filter.

    `order` is the column by which an index sorts the rows in this state. None: no index has the
    state, so it is only searched in the rows of another index, window by window
    (`keyset.read_page`).
    """

    value: str
    label: str
    where: Q
    order: str | None = None
    #: The column that this index begins with, if `where` selects one value of it.
    key: str = ""
    #: The keys of the list that have an index together with the state.
    with_keys: tuple[str, ...] = ()
    #: An additional column of the list for this option.
    column: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """A filter: a name for the query string, and its options."""

    name: str
    label: str
    options: tuple[Option, ...]

    def option(self, value: str) -> Option | None:
        return next((option for option in self.options if option.value == value), None)


def choices(
    field: str,
    values: Iterable[tuple[str, str]],
    *,
    label: str = "",
    order: str | None = None,
    unordered: Iterable[str] = (),
) -> State:
    """A filter by a column with few values, in the form of `TextChoices.choices`.

    `order` is for all of them except `unordered`, for which there is no index.
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


def boolean(field: str, label: str = "") -> State:
    """A filter by a column that is true or false."""
    return State(
        field,
        label or words(field.removeprefix("is_")),
        (Option("yes", "Yes", Q(**{field: True})), Option("no", "No", Q(**{field: False}))),
    )


def given(field: str, label: str, *, yes: str = "Yes", no: str = "No") -> State:
    """A filter by a time that may be NULL: `revoked_at`, `used_at`.

    The rows with a time have a partial index, the latest first.
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
    """A common question about a list, as a link above it: its filters and its order."""

    label: str
    query: Mapping[str, str]
    #: Its name in the menu, under "Desk"; empty if it is not there.
    desk: str = ""


#: On every table with soft deletion.
DELETED = given("deleted_at", "Deleted", yes="Deleted only", no="Live only")

#: Above the lists of tables with soft deletion.
DELETED_THIS_WEEK = View("Deleted this week", {"deleted": "yes", "range": "7d"})


#: An ID that no row has.
NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Criterion:
    """A filter by a typed value that is not a column of the list's own table.

    An index must find its rows, as for a key: `order` is the order that it gives (`UNSORTED`:
    none), and `key` what it begins with.
    """

    #: In the query string.
    name: str
    label: str
    #: The value that a text means. Raises `HelpfulError` for an invalid text.
    read: Callable[[str], Any]
    #: The rows; may read from the database of the alias.
    where: Callable[[Any, str], Q]
    order: str
    key: str
    #: The other tables that it reads. Users who may not read them do not have this filter.
    tables: Sequence[str] = ()
    #: The model of which the value is a key; None: it is shown as it is.
    model: type[Model] | None = None
    #: A hint about the rows that it finds.
    hint: str = ""
