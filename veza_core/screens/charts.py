"""Small bar charts as SVG: nothing is fetched, and the numbers are also there as text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from veza_core.counted import counted

#: The size of the drawing, in its own units; the page's width scales it.
WIDTH, HEIGHT, GAP = 360, 90, 2
#: Space around the bars: for numbers at the left, days below, half of a number above.
LEFT, BELOW, ABOVE = 44, 22, 8


@dataclass(frozen=True, slots=True)
class Day:
    """A day, and its number; None if unknown."""

    day: date
    number: int | None


def days_until(last: date, count: int) -> list[date]:
    """So many days in order, up to and including the last one."""
    return [last - timedelta(days=back) for back in reversed(range(count))]


def by_day(name: str, title: str, days: Sequence[Day], note: str = "") -> SafeString:
    """A chart with a bar for each day: a picture with a title and a description, and a table.

    `name` is unique on the page. `note` says what to know about the numbers, such as their time.
    """
    known = [day.number for day in days if day.number is not None]
    total, most = sum(known), max(known, default=0)
    described = (
        f"{total:,} in {counted(len(days), 'day')}, from {days[0].day} to {days[-1].day};"
        f" the most in a day: {most:,}."
    )
    return format_html(
        '<figure class="chart"><figcaption>{title} <strong>{total}</strong></figcaption>'
        '<svg viewBox="-{left} -{above} {width} {height}" role="img"'
        ' aria-labelledby="{name}-t {name}-d">'
        '<title id="{name}-t">{title}</title><desc id="{name}-d">{described}</desc>'
        "{axis}{bars}</svg>"
        '<p class="quiet">{described} {note}</p>'
        "<details><summary>{title} as a table</summary><table>"
        '<thead><tr><th scope="col">Day</th><th scope="col">Number</th></tr></thead>'
        "<tbody>{rows}</tbody></table></details></figure>",
        name=name,
        title=title,
        total=f"{total:,}",
        described=described,
        note=note,
        left=LEFT,
        above=ABOVE,
        width=LEFT + WIDTH,
        height=ABOVE + HEIGHT + BELOW,
        axis=_axis(days, most),
        bars=_bars(days, most),
        rows=format_html_join("", '<tr><th scope="row">{}</th><td>{}</td></tr>', (
            (day.day, "not known" if day.number is None else f"{day.number:,}") for day in days
        )),
    )  # fmt: skip


def _axis(days: Sequence[Day], most: int) -> SafeString:
    """Lines at the maximum and at zero with their numbers, and the first, middle and last day."""
    levels = [(0, f"{most:,}"), (HEIGHT, "0")] if most else [(HEIGHT, "0")]
    middle = len(days) // 2
    places = [(0, 0, "start"), (middle, WIDTH * middle / len(days), "middle"),
              (-1, WIDTH, "end")]  # fmt: skip
    lines = format_html_join(
        "",
        '<rect class="axis" x="0" y="{}" width="{}" height="1"/>'
        '<text x="-6" y="{}" text-anchor="end">{}</text>',
        ((y, WIDTH, y + 4, text) for y, text in levels),
    )
    return lines + format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="{}">{}</text>',
        (
            (f"{x:.0f}", HEIGHT + BELOW - 4, anchor, f"{days[place].day:%-d %b}")
            for place, x, anchor in places
        ),
    )


def _bars(days: Sequence[Day], most: int) -> SafeString:
    width = WIDTH / len(days)
    return format_html_join(
        "",
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}: {}</title></rect>',
        (
            (
                "unknown" if day.number is None else "bar",
                f"{place * width:.1f}",
                f"{HEIGHT - _height(day, most):.1f}",
                f"{width - GAP:.1f}",
                f"{_height(day, most):.1f}",
                day.day,
                "not known" if day.number is None else f"{day.number:,}",
            )
            for place, day in enumerate(days)
        ),
    )


def _height(day: Day, most: int) -> float:
    """The height of a bar: any number above 0 is visible."""
    if not day.number:
        return 1
    return max(2.0, HEIGHT * day.number / most)
