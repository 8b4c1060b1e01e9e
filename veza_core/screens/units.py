"""Numbers and times with their units, as people read them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from veza_core.counted import counted
from veza_core.db.infinity import WORDS
from veza_core.sizes import size


def playing_time(milliseconds: int) -> str:
    """`215000` as "3:35", `3600000` as "1:00:00", `899` as "0.8 s": rounded down, as a clock is."""
    if 0 < milliseconds < 100:
        return "under 0.1 s"
    if milliseconds < 1000:
        return f"{milliseconds // 100 / 10:g} s"
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def bitrate(kilobits: int) -> str:
    """kbit/s, as in "320 kbit/s"."""
    return f"{kilobits:,} kbit/s"


def frequency(hertz: int) -> str:
    """Hz, as in "44.1 kHz"."""
    return f"{hertz / 1000:g} kHz"


def percent(value: Any) -> str:
    """As in "87.5 %"."""
    digits = f"{value:f}"
    return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits} %"


#: How a number is shown, by its unit.
UNITS: dict[str, Callable[[Any], str]] = {
    "ms": playing_time,
    "bytes": size,
    "kbit/s": bitrate,
    "Hz": frequency,
    "%": percent,
    "year": str,
}


#: Seconds in each, largest first.
SPANS = (
    ("year", 31_557_600),
    ("month", 2_629_800),
    ("day", 86_400),
    ("hour", 3_600),
    ("minute", 60),
)


def ago(moment: datetime, now: datetime | None = None) -> str:
    """`moment` relative to `now`: "3 hours ago", "in 2 days"."""
    if moment in WORDS:
        return WORDS[moment]
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    distance = abs(seconds)
    for span, length in SPANS:
        if distance >= length:
            text = counted(int(distance // length), span)
            return f"{text} ago" if seconds > 0 else f"in {text}"
    return "just now"


def exact(moment: datetime) -> str:
    """`2026-03-04 05:06:07 UTC`."""
    if moment in WORDS:
        return WORDS[moment]
    text = (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat()
    return f"{text[:10]} {text[11:19]} UTC"


def when(moment: datetime) -> SafeString:
    """A time relative to now; the exact time is on the element, for the pointer and for machines.

    A page has hundreds of these, and of UUIDs. Both need no escaping, and `format_html` would take
    a good part of the page's time.
    """
    return SafeString(
        f'<time datetime="{moment.isoformat()}" title="{exact(moment)}">{ago(moment)}</time>'
    )


def when_exactly(moment: datetime) -> SafeString:
    """A time, exact and relative."""
    return format_html(
        '<time datetime="{}">{}</time> <span class="quiet">({})</span>',
        moment.isoformat(),
        exact(moment),
        ago(moment),
    )
