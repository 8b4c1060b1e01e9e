"""The dates that filter a list, and the day that its page begins with."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Q
from django.utils import timezone

from .errors import HelpfulError
from .order import FIRST, LAST, Cursor, MalformedCursorError, Order, Place

#: Ranges with a link: days up to and including today, and the link's text.
PRESETS = {
    "today": (1, "Today"),
    "7d": (7, "7 days"),
    "30d": (30, "30 days"),
    "90d": (90, "90 days"),
    "365d": (365, "A year"),
}

#: The parameters that choose a page of the list, and not rows: positions, and names for them.
PLACES = {place.name: place for place in (
    Place(forwards=forwards, inclusive=inclusive)
    for forwards in (True, False) for inclusive in (True, False)
)}  # fmt: skip
PAGING = (*PLACES, "jump", "last")


def choice_in(given: Mapping[str, str], name: str, values: Sequence[str]) -> str:
    """One of the values, or empty. Raises `HelpfulError` for any other value."""
    value = given.get(name, "")
    if value and value not in values:
        raise HelpfulError(f"“{name}” must be one of: {', '.join(values)}.")
    return value


def _date(given: Mapping[str, str], name: str) -> datetime | None:
    """A date in the query string as the moment when it begins, in UTC."""
    if name not in given:
        return None
    try:
        day = date.fromisoformat(given[name])
    except ValueError as error:
        raise HelpfulError(f"“{name}” must be a date, like 2026-03-04.") from error
    if not 1970 <= day.year <= 9000:
        raise HelpfulError(f"“{name}” must be a date between the years 1970 and 9000.")
    return datetime.combine(day, time.min, UTC)


def range_in(given: Mapping[str, str]) -> tuple[datetime | None, datetime | None]:
    """The first wanted moment, and the first one after the range; None: no limit."""
    if preset := choice_in(given, "range", list(PRESETS)):
        if "since" in given or "until" in given:
            raise HelpfulError("Use “range”, or “since” and “until”, not both.")
        today = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return today - timedelta(days=PRESETS[preset][0] - 1), today + timedelta(days=1)
    since, until = _date(given, "since"), _date(given, "until")
    return since, None if until is None else until + timedelta(days=1)


def within_range(column: str, since: datetime | None, until: datetime | None) -> Q:
    """The condition that a time is in a range."""
    bounds = Q()
    if since is not None:
        bounds &= Q(**{f"{column}__gte": since})
    if until is not None:
        bounds &= Q(**{f"{column}__lt": until})
    return bounds


def place_in(order: Order, given: Mapping[str, str]) -> Place:
    """Where the page begins. Raises `HelpfulError` if this is given twice."""
    names = [name for name in PAGING if name in given]
    if len(names) > 1:
        raise HelpfulError(f"Use only one of {', '.join(names)}.")
    if not names:
        return FIRST
    if names[0] == "last":
        return LAST
    if names[0] == "jump":
        if not order.by_time:
            raise HelpfulError(
                "“jump” does not work here: this list is not sorted by time. Use “since” or "
                "“until”."
            )
        return _jump(order, given)
    place = PLACES[names[0]]
    try:
        cursor: Cursor = order.cursor(given[names[0]])
    except MalformedCursorError as error:
        raise HelpfulError(
            "This page of the list does not exist: start at the first page."
        ) from error
    return Place(cursor, place.forwards, place.inclusive)


def _jump(order: Order, given: Mapping[str, str]) -> Place:
    """The page that begins with a day: with its last row, if the newest rows come first."""
    day = _date(given, "jump")
    assert day is not None  # noqa: S101 - it is in `given`
    if order.descending:
        return Place(order.start_of(day + timedelta(days=1)))
    return Place(order.start_of(day), inclusive=True)
