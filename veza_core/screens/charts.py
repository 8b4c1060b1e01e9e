"""Small bar charts as SVG: nothing is fetched, and the numbers are also there as text."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from django.utils.html import format_html
from django.utils.safestring import SafeString

from veza_core.counted import counted

#: The size of the drawing, in its own units; the page's width scales it.
WIDTH, HEIGHT, GAP = 360, 90, 2
#: Space around the bars: for numbers at the left, days below, half of a number above.
LEFT, BELOW, ABOVE = 44, 22, 8


#: Each day in order, with its number; None if unknown.
type Days = Mapping[date, int | None]


def days_until(last: date, count: int) -> list[date]:
    """So many days in order, up to and including the last one."""
    return [last - timedelta(days=back) for back in reversed(range(count))]


def by_day(name: str, title: str, days: Days, note: str = "") -> SafeString:
    """A chart with a bar for each day: a picture with a title and a description, and a table.

    `name` is unique on the page. `note` says what to know about the numbers, such as their time.
    """
    known = [number for number in days.values() if number is not None]
    total, most = sum(known), max(known, default=0)
    described = (
        f"{total:,} in {counted(len(days), 'day')}, from {min(days)} to {max(days)};"
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
        axis=_axis([*days], most),
        bars=_bars(days, most),
        rows=_rows(days),
    )


# Dates and numbers need no escaping, and `format_html` took a sixth of the start page's time.


def _shown(number: int | None) -> str:
    return "not known" if number is None else f"{number:,}"


def _rows(days: Days) -> SafeString:
    return SafeString("".join(
        f'<tr><th scope="row">{day}</th><td>{_shown(number)}</td></tr>'
        for day, number in days.items()
    ))  # fmt: skip


def _axis(days: Sequence[date], most: int) -> SafeString:
    """Lines at the maximum and at zero with their numbers, and the first, middle and last day."""
    levels = [(0, f"{most:,}"), (HEIGHT, "0")] if most else [(HEIGHT, "0")]
    middle = len(days) // 2
    places = [(0, 0, "start"), (middle, WIDTH * middle / len(days), "middle"),
              (-1, WIDTH, "end")]  # fmt: skip
    lines = [
        f'<rect class="axis" x="0" y="{y}" width="{WIDTH}" height="1"/>'
        f'<text x="-6" y="{y + 4}" text-anchor="end">{text}</text>'
        for y, text in levels
    ]
    lines += [
        f'<text x="{x:.0f}" y="{HEIGHT + BELOW - 4}" text-anchor="{anchor}">'
        f"{days[place]:%-d %b}</text>"
        for place, x, anchor in places
    ]
    return SafeString("".join(lines))


def _bars(days: Days, most: int) -> SafeString:
    width = WIDTH / len(days)
    bars = (
        f'<rect class="{"unknown" if number is None else "bar"}" x="{place * width:.1f}"'
        f' y="{HEIGHT - height:.1f}" width="{width - GAP:.1f}" height="{height:.1f}">'
        f"<title>{day}: {_shown(number)}</title></rect>"
        for place, (day, number) in enumerate(days.items())
        # Any number above 0 is visible.
        for height in (max(2.0, HEIGHT * number / most) if number else 1.0,)
    )
    return SafeString("".join(bars))
