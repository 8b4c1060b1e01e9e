"""What staff did to a row, and their notes about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import Model, QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString

from veza_core.access import StaffRequest
from veza_core.screens.actions.addresses import undo_url_of
from veza_core.screens.bounded import ON_PAGE, Excerpt, bounded
from veza_core.screens.columns import HtmlTable, shown_fields
from veza_core.screens.display import NOTHING, shortened
from veza_core.screens.keyset import Count
from veza_core.screens.labels import list_of, url_of
from veza_core.screens.links import linked
from veza_core.screens.panels import Panel
from veza_core.screens.site import StaffSite
from veza_core.screens.timeline import LAST, ON_ROW, STAFF, Event, TimelineCursor
from veza_core.screens.units import when
from veza_site.models import ACTION, NO_ACTION, Note, StaffLogEntry
from veza_site.support.log import mask
from veza_site.support.wording import done_alone

#: Entries shown.
ENTRIES_SHOWN = 10

#: The maximum number of actions on a row that are read, for its panel and the first page of its
#: timeline.
ENTRIES_READ = max(ENTRIES_SHOWN, ON_ROW) + 1

#: The latest actions of all staff, one entry for each batch. Each step continues where the last one
#: ended, so all steps together read the index once, even if the batches have many entries.
_LATEST_ACTIONS = """
WITH RECURSIVE latest AS (
    (
        SELECT id, created_at, ARRAY[batch] AS batches FROM django.veza_site_stafflogentry
        WHERE NOT ("action"::text ~ %s) ORDER BY created_at DESC, id DESC LIMIT 1
    )
    UNION ALL
    SELECT next.id, next.created_at, batches || next.batch FROM latest CROSS JOIN LATERAL (
        SELECT id, created_at, batch FROM django.veza_site_stafflogentry
        WHERE NOT ("action"::text ~ %s) AND (created_at, id) < (latest.created_at, latest.id)
            AND (batch = ANY (batches)) IS NOT TRUE
        ORDER BY created_at DESC, id DESC LIMIT 1
    ) AS next
    WHERE cardinality(batches) < %s
)
SELECT id, created_at, staff_name, action, subject_table, subject_id, subject_label, (
    SELECT count(*) FROM django.veza_site_stafflogentry AS same
    WHERE same.batch = entry.batch AND same.id < entry.id
) AS others
FROM django.veza_site_stafflogentry AS entry WHERE id IN (SELECT id FROM latest)
"""

#: Where a row stores its latest actions.
_ACTIONS = "_veza_actions"

#: The maximum number of characters of a note or reason that are shown; a form accepts no more.
IN_PANEL = 4_000


@dataclass(slots=True, kw_only=True)
class StaffPanel(Panel):
    """A panel of a row's page."""

    headings: Sequence[str]
    #: Whether it fits next to the timeline.
    is_narrow: bool

    def table(self) -> HtmlTable:
        return HtmlTable(self.headings, self.rows)


def latest_actions(request: StaffRequest) -> list[tuple[StaffLogEntry, int]]:
    """The latest actions of all staff, as far as the user may see them.

    For an action on several rows, it returns the last entry and the number of the others, because
    an action on a thousand rows would hide everything else.
    """
    found = list(StaffLogEntry.objects.raw(_LATEST_ACTIONS, [NO_ACTION, NO_ACTION, ENTRIES_SHOWN]))
    # Sorted here: with ORDER BY, PostgreSQL might read the log in that order to find the ten.
    found.sort(key=lambda entry: (entry.created_at, entry.pk), reverse=True)
    for entry in found:
        mask(request, entry)
    return [(entry, vars(entry)["others"]) for entry in found]


def staff_panels(site: StaffSite, request: StaffRequest, row: Model) -> list[StaffPanel]:
    """The notes about a row, and what was done to it; empty panels are left out."""
    notes = bounded(_about(Note, row), shown_fields(Note), IN_PANEL)[: ENTRIES_SHOWN + 1]
    panels = [
        _panel(
            "Notes",
            ["When", "Who", "Note"],
            [(opening(note), note.author_name, _remark(note.text, request)) for note in notes],
            list_of(Note, subject_id=row.pk),
            is_narrow=True,
        ),
        _panel(
            "Staff actions",
            ["When", "Who", "What", "Why", "Undo"],
            [
                (
                    opening(entry),
                    entry.staff_name,
                    done_alone(site, entry.action),
                    linked(shortened(entry.reason, IN_PANEL), request),
                    _undo(undo_url_of(site, request, entry, row)),
                )
                for entry in _latest(request, row)[: ENTRIES_SHOWN + 1]
            ],
            list_of(StaffLogEntry, subject_id=row.pk, kind="action"),
        ),
    ]
    return [panel for panel in panels if panel.rows]


def action_events(
    site: StaffSite, request: StaffRequest, row: Model, before: TimelineCursor | None, limit: int
) -> list[Event]:
    """The actions on a row before a place in its timeline, as events."""
    if before is None and limit <= ENTRIES_READ:
        found = _latest(request, row)[:limit]
    else:
        entries = _about(StaffLogEntry, row).filter(ACTION)
        if before is not None:
            entries = entries.filter(created_at__lte=before.at)
            if before.place == LAST:
                entries = entries.exclude(created_at=before.at, pk__gte=int(before.key))
        found = _read(request, entries, limit)
    return [
        Event(entry.created_at, LAST, str(entry.pk), STAFF, partial(_text_of, site, request, entry),
              undo=undo_url_of(site, request, entry, row), tone="staff")
        for entry in found
    ]  # fmt: skip


def last_action(request: StaffRequest, row: Model, actions: Sequence[str]) -> StaffLogEntry | None:
    """The last of these actions on a row, as far as the user may see it; or None."""
    latest = _latest(request, row)
    found = [entry for entry in latest if entry.action in actions]
    if not found and len(latest) == ENTRIES_READ:
        # It may be older.
        entries = _about(StaffLogEntry, row).filter(ACTION, action__in=actions)
        found = _read(request, entries, 1)
    return found[0] if found else None


def _latest(request: StaffRequest, row: Model) -> list[StaffLogEntry]:
    """The latest actions on a row; read once for all parts of a page."""
    if _ACTIONS not in row.__dict__:
        row.__dict__[_ACTIONS] = _read(
            request, _about(StaffLogEntry, row).filter(ACTION), ENTRIES_READ
        )
    found: list[StaffLogEntry] = row.__dict__[_ACTIONS]
    return found


def _read(
    request: StaffRequest, entries: QuerySet[StaffLogEntry], limit: int
) -> list[StaffLogEntry]:
    found = list(bounded(entries, shown_fields(StaffLogEntry), ON_PAGE)[:limit])
    for entry in found:
        mask(request, entry)
    return found


def _text_of(site: StaffSite, request: StaffRequest, entry: StaffLogEntry) -> SafeString:
    """Say who did what, and why, with a link to the entry."""
    reason = linked(shortened(entry.reason, IN_PANEL), request)
    why = format_html(", because “{}”", reason) if reason else ""
    return format_html('<a href="{}">{}</a>: {}{}', url_of(StaffLogEntry, entry.pk),
                       entry.staff_name, done_alone(site, entry.action), why)  # fmt: skip


def _about(model: Any, row: Model) -> QuerySet[Any]:
    """The entries, or the notes, about a row, the latest first."""
    found: QuerySet[Any] = model.objects.filter(
        subject_id__any_of=str(row.pk), subject_table=row._meta.db_table
    ).order_by("subject_id", "-created_at", "-id")
    return found


def _panel(
    title: str, headings: Sequence[str], found: Sequence[Any], url: str, *, is_narrow: bool = False
) -> StaffPanel:
    """A panel with these rows. There may be one row more than it shows."""
    count = Count.of(len(found), ENTRIES_SHOWN)
    return StaffPanel(
        title, found[:ENTRIES_SHOWN], count, url, headings=headings, is_narrow=is_narrow
    )


def opening(row: Any) -> SafeString:
    """The time, with a link to the entry."""
    return format_html('<a href="{}">{}</a>', url_of(type(row), row.pk), when(row.created_at))


def _remark(text: str, request: StaffRequest) -> SafeString:
    whole = f"{text}…" if isinstance(text, Excerpt) else text
    return format_html('<span class="text">{}</span>', linked(whole, request))


def _undo(url: str) -> SafeString:
    return format_html('<a href="{}">Undo</a>', url) if url else NOTHING
