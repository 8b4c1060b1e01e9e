"""What staff did to a row, and what they noted of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from veza_core.admin.actions.pages import undo_url_of
from veza_core.admin.columns import Table
from veza_core.admin.display import NOTHING, text, when
from veza_core.admin.keyset import Count
from veza_site.models import Note, StaffLogEntry
from veza_site.support.masking import mask

#: Entries shown, and how many are looked through for those that are not only of looking.
LATEST, LOOKED_THROUGH = 10, 200

#: How the names of actions end that only read.
READING = (".view", ".list")


@dataclass(frozen=True, slots=True)
class RememberedPanel:
    """A panel of a row's page, as `veza/panel.html` shows it."""

    title: str
    table: Table
    url: str = ""
    count: Count | None = None

    @property
    def rows(self) -> Sequence[Any]:
        """The table's rows."""
        return self.table.rows


def told(request: HttpRequest, entries: Any) -> list[StaffLogEntry]:
    """The latest of these entries that tell of more than of looking, as far as who asks may see."""
    latest = entries.order_by("-created_at", "-id").values_list("pk", "action")[:LOOKED_THROUGH]
    telling = [pk for pk, action in latest if not action.endswith(READING)][:LATEST]
    shown = list(StaffLogEntry.objects.filter(pk__in=telling).order_by("-created_at", "-id"))
    for entry in shown:
        mask(request, entry)
    return shown


def remembered(site: AdminSite, request: HttpRequest, row: Model) -> list[RememberedPanel]:
    """The notes about a row, and what was done to it; without what there is nothing of."""
    about = {"subject_table": row._meta.db_table, "subject_id": str(row.pk)}
    notes = Note.objects.filter(**about).order_by("-created_at", "-id")[:LATEST]
    panels = [
        RememberedPanel(
            "Notes",
            Table(
                ["When", "Who", "Note"],
                [
                    (when(note.created_at), note.author_name, text(note.text, whole=True))
                    for note in notes
                ],
            ),
        ),
        RememberedPanel(
            "Staff actions",
            Table(
                ["When", "Who", "What", "Why", "Undo"],
                [
                    (
                        when(entry.created_at),
                        entry.staff_name,
                        entry.action,
                        entry.reason,
                        _undo(undo_url_of(site, request, entry, row)),
                    )
                    for entry in told(request, StaffLogEntry.objects.filter(**about))
                ],
            ),
        ),
    ]
    return [panel for panel in panels if panel.rows]


def _undo(url: str) -> SafeString:
    """The way to take an entry's action back, where there is one."""
    return format_html('<a href="{}">Undo</a>', url) if url else NOTHING
