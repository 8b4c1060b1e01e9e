"""PostgreSQL's `infinity` in times and dates, for which Python has no word.

Columns that are given from outside refuse it (`value_checks.moment`, `day`); others do not. psycopg
refuses to load it, which would be an error 500 in every list that has the row, so it comes as the
last moment that Python knows, and goes back as what it was (PostgreSQL, 8.5.1.4; psycopg, "Dates
and times adaptation"). What lies beyond year 9999, or before year 1, comes as infinity, too.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from django.db.models import DateField, DateTimeField, Field, GenericIPAddressField
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
    """Whether a time that Python cannot have lies before all that it can have, or after."""
    return text.startswith("-") or text.endswith("BC")


def later(moment: datetime, span: timedelta) -> datetime:
    """The moment after a span of time; infinity where Python has no later one."""
    try:
        return moment + span
    except OverflowError:
        return LAST


class TimeLoader(BaseTzLoader):
    """Django's, and infinity."""

    timezone = UTC

    def load(self, data: Any) -> datetime:
        try:
            return super().load(data)
        except errors.DataError:
            return FIRST if is_early(bytes(data).decode()) else LAST


class DayLoader(DateLoader):
    """psycopg's, and infinity."""

    def load(self, data: Any) -> date:
        try:
            return super().load(data)
        except errors.DataError:
            return date.min if is_early(bytes(data).decode()) else date.max


class TimeDumper(DatetimeDumper):
    """psycopg's, and infinity."""

    def dump(self, obj: Any) -> Any:
        return WORDS[obj].encode() if obj in WORDS else super().dump(obj)


class DayDumper(DateDumper):
    """psycopg's, and infinity."""

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
    """A field's value out of the JSON that PostgreSQL made of it."""
    if isinstance(field, GenericIPAddressField):
        # As a query gives it: inet may have a netmask, which Django's own parser refuses.
        return value
    try:
        return field.to_python(value)
    except ValidationError:
        if isinstance(field, DateTimeField):
            return FIRST if is_early(value) else LAST
        if isinstance(field, DateField):
            return date.min if is_early(value) else date.max
        raise
