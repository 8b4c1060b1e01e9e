"""The orders of lists, and positions in them: what a page's URL has instead of a number."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import DateTimeField, F, Model, UUIDField
from django.db.models.fields.tuple_lookups import (
    Tuple,
    TupleGreaterThan,
    TupleGreaterThanOrEqual,
    TupleLessThan,
    TupleLessThanOrEqual,
)

#: Separates the values of a cursor: no time, number or UUID contains it.
SEPARATOR = "~"


class MalformedCursorError(ValueError):
    """A cursor that no page of this list has made."""


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a list: a column with an index, and `id` for equal values."""

    model: type[Model]
    column: str
    descending: bool
    #: The column that the index begins with, of which the list has one value: see `lookups`.
    key: str = ""
    key_descending: bool = False

    @classmethod
    def parse(cls, model: type[Model], text: str, key: str = "") -> "Order":
        """Read `-created_at`, `position` or `id`."""
        return cls(model, text.removeprefix("-"), text.startswith("-"), key)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns with a value in a cursor."""
        return (self.column,) if self.column == "id" else (self.column, "id")

    @property
    def by(self) -> list[str]:
        sign = "-" if self.descending else ""
        return [*self.by_key, *(sign + column for column in self.columns)]

    @property
    def by_key(self) -> list[str]:
        """For `order_by`, if the order of the key's rows does not matter."""
        return [("-" if self.key_descending else "") + self.key] if self.key else []

    @property
    def by_time(self) -> bool:
        """Whether the list is sorted by a time, so that its index finds dates."""
        return isinstance(self.model._meta.get_field(self.column), DateTimeField)

    def reversed(self) -> "Order":
        """The same columns in reverse order."""
        return replace(self, descending=not self.descending, key_descending=not self.key_descending)

    def beyond(self, cursor: "Cursor", *, inclusive: bool) -> Any:
        """The condition for rows after the cursor in this order, or also at it."""
        least, least_or_equal = (
            (TupleLessThan, TupleLessThanOrEqual)
            if self.descending
            else (TupleGreaterThan, TupleGreaterThanOrEqual)
        )
        lookup = least_or_equal if inclusive else least
        return lookup(Tuple(*(F(column) for column in self.columns)), list(cursor.values))

    def cursor_of(self, row: Model) -> "Cursor":
        return Cursor(tuple(getattr(row, column) for column in self.columns))

    def start_of(self, value: Any) -> "Cursor":
        """The position before all rows with this value, in ascending order."""
        least = uuid.UUID(int=0) if isinstance(self.model._meta.pk, UUIDField) else 0
        return Cursor((value, least))

    def cursor(self, text: str) -> "Cursor":
        """Read what `str(cursor)` wrote. Raises `MalformedCursorError`."""
        parts = text.split(SEPARATOR)
        if len(parts) != len(self.columns):
            raise MalformedCursorError(text)
        try:
            values = [
                self.model._meta.get_field(column).to_python(part)  # type: ignore[union-attr]
                for column, part in zip(self.columns, parts, strict=True)
            ]
        except (ValidationError, ValueError, OverflowError) as error:
            raise MalformedCursorError(text) from error
        return Cursor(tuple(_as_given(value, text) for value in values))


def _as_given(value: Any, text: str) -> Any:
    """A value as this site writes it: times in UTC.

    Raises `MalformedCursorError` for others. Python accepts offsets of up to 24 hours, PostgreSQL
    of less than 16.
    """
    if value is None or (isinstance(value, datetime) and value.utcoffset() != timedelta(0)):
        raise MalformedCursorError(text)
    return value


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in an order: a value of each of its columns."""

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return SEPARATOR.join(
            value.isoformat() if hasattr(value, "isoformat") else str(value)
            for value in self.values
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where to read from, and in which direction. Without a cursor: from the end behind it."""

    cursor: Cursor | None = None
    forwards: bool = True
    inclusive: bool = False

    #: The query string's names for the four, by (forwards, inclusive).
    NAMES = {(True, False): "after", (True, True): "from",
             (False, False): "before", (False, True): "upto"}  # fmt: skip

    @property
    def name(self) -> str:
        return self.NAMES[self.forwards, self.inclusive]

    def opposite(self) -> "Place":
        """The position of the rows that this one leaves out: the way back."""
        return Place(self.cursor, not self.forwards, not self.inclusive)


FIRST = Place()
LAST = Place(forwards=False)
