"""What staff did to a row, and what they noted of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.utils.html import format_html
from django.utils.safestring import SafeString

from veza_core.access import StaffRequest
from veza_core.screens.actions.pages import undo_url_of
from veza_core.screens.bounded import ON_PAGE, Excerpt, bounded
from veza_core.screens.columns import HtmlTable, shown_fields
from veza_core.screens.display import NOTHING, shortened, text, when
from veza_core.screens.keyset import Count
from veza_core.screens.site import StaffSite
from veza_site.models import Note, StaffLogEntry
from veza_site.support.masking import mask

#: Entries shown, and how many are looked through for those that are not only of looking.
LATEST, LOOKED_THROUGH = 10, 200

#: How the names of actions end that only read.
READING = (".view", ".list", ".download")

#: Characters of a note, or of a reason, that are shown: a form takes no more.
IN_PANEL = 4_000


@dataclass(frozen=True, slots=True)
class RememberedPanel:
    """A panel of a row's page, as `veza/panel.html` shows it."""

    title: str
    table: HtmlTable
    url: str = ""
    count: Count | None = None

    @property
    def rows(self) -> Sequence[Any]:
        """The table's rows."""
        return self.table.rows


def told(request: StaffRequest, entries: Any) -> list[StaffLogEntry]:
    """The latest of these entries that tell of more than of looking, as far as who asks may see."""
    latest = entries.order_by("-created_at", "-id").values_list("pk", "action")[:LOOKED_THROUGH]
    telling = [pk for pk, action in latest if not action.endswith(READING)][:LATEST]
    found = StaffLogEntry.objects.filter(pk__in=telling).order_by("-created_at", "-id")
    shown = list(bounded(found, shown_fields(StaffLogEntry), ON_PAGE))
    for entry in shown:
        mask(request, entry)
    return shown


def remembered(site: StaffSite, request: StaffRequest, row: Model) -> list[RememberedPanel]:
    """The notes about a row, and what was done to it; without what there is nothing of."""
    about = {"subject_table": row._meta.db_table, "subject_id": str(row.pk)}
    latest = Note.objects.filter(**about).order_by("-created_at", "-id")
    notes = bounded(latest, shown_fields(Note), IN_PANEL)[:LATEST]
    panels = [
        RememberedPanel(
            "Notes",
            HtmlTable(
                ["When", "Who", "Note"],
                [(when(note.created_at), note.author_name, _remark(note.text)) for note in notes],
            ),
        ),
        RememberedPanel(
            "Staff actions",
            HtmlTable(
                ["When", "Who", "What", "Why", "Undo"],
                [
                    (
                        when(entry.created_at),
                        entry.staff_name,
                        entry.action,
                        shortened(entry.reason, IN_PANEL),
                        _undo(undo_url_of(site, request, entry, row)),
                    )
                    for entry in told(request, StaffLogEntry.objects.filter(**about))
                ],
            ),
        ),
    ]
    return [panel for panel in panels if panel.rows]


def _remark(said: str) -> SafeString:
    return text(f"{said}…" if isinstance(said, Excerpt) else said, whole=True)


def _undo(url: str) -> SafeString:
    """The way to take an entry's action back, where there is one."""
    return format_html('<a href="{}">Undo</a>', url) if url else NOTHING
