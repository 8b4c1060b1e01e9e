"""Reads and writes PostgreSQL's `infinity` in times and dates, which Python does not have.

Columns with values from outside refuse it (`value_checks.moment`, `day`); others do not. psycopg
refuses to load it, which would cause an error 500 in every list with the row. So it is loaded as
Python's last moment, and written back as infinity (PostgreSQL, 8.5.1.4; psycopg, "Dates and times
adaptation"). Times after year 9999 are loaded as infinity, and those before year 1 as -infinity.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from django.db.models import DateField, DateTimeField, DecimalField, Field, GenericIPAddressField
from psycopg import errors
from psycopg.types.datetime import DateDumper, DateLoader, DatetimeDumper

LAST, FIRST = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)

#: How PostgreSQL writes them.
WORDS: dict[Any, str] = {
    LAST: "infinity",
    FIRST: "-infinity",
    date.max: "infinity",
    date.min: "-infinity",
}


def is_early(text: str) -> bool:
    """Whether a time that Python cannot represent is before all others, or after them."""
    return text.startswith("-") or text.endswith("BC")


def later(moment: datetime, span: timedelta) -> datetime:
    """A moment after a span of time; infinity if Python cannot represent it."""
    try:
        return moment + span
    except OverflowError:
        return LAST


class TimeLoader(BaseTzLoader):
    """Django's, with infinity."""

    timezone = UTC

    def load(self, data: Any) -> datetime:
        try:
            return super().load(data)
        except errors.DataError:
            return FIRST if is_early(bytes(data).decode()) else LAST


class DayLoader(DateLoader):
    """psycopg's, with infinity."""

    def load(self, data: Any) -> date:
        try:
            return super().load(data)
        except errors.DataError:
            return date.min if is_early(bytes(data).decode()) else date.max


class TimeDumper(DatetimeDumper):
    """psycopg's, with infinity."""

    def dump(self, obj: Any) -> Any:
        return WORDS[obj].encode() if obj in WORDS else super().dump(obj)


class DayDumper(DateDumper):
    """psycopg's, with infinity."""

    def dump(self, obj: Any) -> Any:
        return WORDS[obj].encode() if obj in WORDS else super().dump(obj)


def register(connection: Any, **_: Any) -> None:
    """Receiver of `connection_created`."""
    adapters = connection.connection.adapters
    adapters.register_loader("timestamptz", TimeLoader)
    adapters.register_loader("date", DayLoader)
    adapters.register_dumper(datetime, TimeDumper)
    adapters.register_dumper(date, DayDumper)


def from_json(field: "Field[Any, Any]", value: Any) -> Any:
    """A field's value from the JSON that PostgreSQL made."""
    if isinstance(field, GenericIPAddressField):
        # In a query's format: inet may have a netmask, which Django's own parser refuses.
        return value
    try:
        return field.to_python(value)
    except ValidationError:
        if isinstance(field, DateTimeField):
            return FIRST if is_early(value) else LAST
        if isinstance(field, DateField):
            return date.min if is_early(value) else date.max
        if isinstance(field, DecimalField):
            # NaN and infinity.
            return Decimal(value)
        raise
