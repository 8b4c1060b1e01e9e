"""Panels, the list of a page's contents, and a timeline as HTML. Templates would take several times
as long, for 25 panels.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

from django.utils.safestring import SafeString

from .columns import HtmlTable
from .keyset import Count
from .legible import escape, safe
from .units import exact


class AnyPanel(Protocol):
    """A panel of rows, or of the staff log."""

    #: The ID of the heading, unique on the page.
    anchor: str
    #: The list of all rows.
    url: str

    @property
    def title(self) -> str:
        """The heading."""

    @property
    def rows(self) -> Sequence[Any]:
        """The rows that are shown."""

    @property
    def count(self) -> Count:
        """How many there are."""

    @property
    def are_latest(self) -> bool:
        """Whether there are no later ones than these."""

    @property
    def table(self) -> HtmlTable:
        """The rows as a table."""


def panel_html(panel: AnyPanel) -> SafeString:
    """A panel."""
    anchor, shown, count = panel.anchor, len(panel.rows), panel.count
    if shown < count.number:
        latest = f"The latest {shown}" if panel.are_latest else f"{shown} of them"
        link = f"{latest}, and all {count} →"
    else:
        link = f"All {count} →"
    return SafeString(
        f'<section class="card panel" aria-labelledby="{anchor}">\n'
        f'<h2 id="{anchor}">{safe(panel.title)}</h2>\n{panel.table.html(anchor)}\n'
        f'<p class="all"><a href="{escape(panel.url)}">{link}</a></p>\n</section>\n'
    )


def contents(panels: Iterable[AnyPanel | None]) -> SafeString:
    """The links to these panels; None: to the timeline."""
    links = (
        f'<li><a href="#{one.anchor}">{safe(one.title)} <small>{one.count}</small></a></li>'
        if one
        else '<li><a href="#timeline">Timeline</a></li>'
        for one in panels
    )
    return SafeString("\n".join(links))


def timeline_html(events: Iterable[Any], kind: str) -> SafeString:
    """The events of a timeline, by day."""
    lines, day = [], ""
    for event in events:
        at: datetime = event.at
        if f"{at:%-d %B %Y}" != day:
            day = f"{at:%-d %B %Y}"
            lines.append(f'<li class="day">{day}</li>')
        undo = f' <a href="{escape(event.undo)}">Undo</a>' if event.undo else ""
        lines.append(
            f'<li><time datetime="{at.isoformat()}" title="{exact(at)}">{at:%H:%M}</time>'
            f' <i class="{event.tone}"></i> <span>{event.show()}</span>{undo}</li>'
        )
    none = f'<li class="day">Nothing{" of this kind" if kind else ""} yet.</li>'
    return SafeString(f'<ul class="timeline">\n{"\n".join(lines or [none])}\n</ul>')
