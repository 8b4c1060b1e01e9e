"""The read-only screens of the staff log and of the notes."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from veza_core.access import StaffRequest, staff_request
from veza_core.admin.users import UserAdmin
from veza_core.screens.actions.addresses import undo_batch_url_of, undo_url_of
from veza_core.screens.bounded import Excerpt
from veza_core.screens.columns import computed
from veza_core.screens.differences import differences
from veza_core.screens.display import NOTHING, shortened, words
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.labels import list_of, may_open_from, model_of, url_of, viewer_of
from veza_core.screens.legible import name_html
from veza_core.screens.links import linked
from veza_core.screens.states import Option, State, View
from veza_site.models import ACTION, Note, StaffLogEntry
from veza_site.support.log import mask
from veza_site.support.second_factor_action import ResetSecondFactor
from veza_site.support.wording import done_alone

# The second factor belongs to this app, and the screen of accounts to another one.
UserAdmin.row_actions = (*UserAdmin.row_actions, ResetSecondFactor())


class StaffScreen(InspectionAdmin):
    """A screen that all staff can open, so that those who see personal data can be checked by
    others.

    Details of a row are visible only to staff who can read the row.
    """

    group = "Support"

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(staff_request(request).access.may_enter)

    def make_ready(self, request: StaffRequest, rows: Iterable[Any]) -> None:
        rows = list(rows)
        super().make_ready(request, rows)
        for row in rows:
            mask(request, row)

    def line(self, row: Any, name: str) -> tuple[str, SafeString, str]:
        """Show links in text that staff wrote, and cut what is too long, as on other screens."""
        heading, shown, explained = super().line(row, name)
        value = row.__dict__.get(name)
        if name in ("reason", "text") and value and not isinstance(value, Excerpt):
            shown = format_html('<span class="text">{}</span>', linked(value, viewer_of(row)))
        return heading, shown, explained

    def narrowed(self, text: str, **keys: Any) -> SafeString:
        """A value that links to the list of rows with the same value."""
        return format_html('<a href="{}">{}</a>', list_of(self.model, **keys), name_html(text))


@admin.register(StaffLogEntry)
class StaffLogEntryAdmin(StaffScreen):
    """What staff did and looked at."""

    columns = ("created_at", "staff", "what", "subject", "change", "reason", "address")
    keys = {
        "staff_name": "-created_at",
        "action": "-created_at",
        "subject_table": "-created_at",
        "subject_id": "-created_at",
        "staff_id": "-created_at",
        "batch": "id",
    }
    states = (
        State(
            "kind",
            "Kind",
            (
                Option(
                    "action", "Actions", ACTION, "-created_at", with_keys=("subject_id", "staff_id")
                ),
                Option("other", "Views, searches, sign-ins", ~ACTION),
            ),
        ),
    )
    views = (View("Actions", {"kind": "action"}, "What colleagues did"),)
    sections = (
        ("Who", ("staff", "staff_id", "address", "user_agent")),
        ("What", ("what", "subject", "reason", "changes", "batch")),
        ("As recorded", ("before", "after")),
    )  # fmt: skip

    @computed("Staff member", "staff_id", "staff_name")
    def staff(self, row: StaffLogEntry) -> SafeString:
        """By id if there is one, because another account may have had this name."""
        if row.staff_id is None:
            return self.narrowed(row.staff_name, staff_name=row.staff_name)
        return self.narrowed(row.staff_name, staff_id=row.staff_id)

    @computed("Action", "action")
    def what(self, row: StaffLogEntry) -> SafeString:
        return self.narrowed(done_alone(self.admin_site, row.action), action=row.action)

    @computed("Subject", "subject_table", "subject_id", "subject_label")
    def subject(self, row: StaffLogEntry) -> SafeString:
        return _subject(row)

    @computed("Changes", "action", "subject_table", "before", "after")
    def changes(self, row: StaffLogEntry) -> SafeString:
        return _changes(row, whole=True)

    @computed("Changes", "action", "subject_table", "before", "after")
    def change(self, row: StaffLogEntry) -> SafeString:
        return _changes(row, whole=False)

    def glance(self, request: StaffRequest, row: StaffLogEntry) -> list[SafeString]:
        """A link that undoes the action, for staff who may, while the undo applies to this row."""
        one = undo_url_of(self.admin_site, request, row)
        every = undo_batch_url_of(self.admin_site, request, row) if one else ""
        links = ((one, "Undo"), (every, "Undo for all rows of this action"))
        return [format_html('<a href="{}">{}</a>', url, text) for url, text in links if url]

    def title_of(self, row: StaffLogEntry) -> str:
        who = name_html(row.staff_name)
        return format_html("{}, by {}", done_alone(self.admin_site, row.action), who)


@admin.register(Note)
class NoteAdmin(StaffScreen):
    """What staff noted about rows."""

    columns = ("created_at", "author", "subject", "text")
    keys = {"author_id": "-created_at", "subject_id": "-created_at"}
    sections = (("Note", ("text", "author", "subject")),)

    @computed("Author", "author_id", "author_name")
    def author(self, row: Note) -> SafeString:
        return self.narrowed(row.author_name, author_id=row.author_id)

    @computed("Subject", "subject_table", "subject_id")
    def subject(self, row: Note) -> SafeString:
        return _subject(row)

    def title_of(self, row: Note) -> str:
        return format_html("Note by {}", name_html(row.author_name))


def _changes(row: StaffLogEntry, *, whole: bool) -> SafeString:
    after = row.after
    if row.action.endswith(".note") and isinstance(after, dict) and "note" in after:
        return format_html('<a href="{}">The note</a>', url_of(Note, after["note"]))
    return differences(model_of(row.subject_table), row.before, after, whole=whole, row=row)


def _subject(row: Any) -> SafeString:
    """The row that an entry names, with a link if it still exists."""
    if not row.subject_table:
        return NOTHING
    model = model_of(row.subject_table)
    label = getattr(row, "subject_label", "") or row.subject_id[:8]
    if model is None:
        text = format_html("{}: {}", words(row.subject_table), name_html(shortened(label)))
    elif row.subject_id:
        kind = capfirst(str(model._meta.verbose_name))
        text = format_html("{}: {}", kind, name_html(shortened(label)))
    else:
        text = format_html("{}", capfirst(str(model._meta.verbose_name_plural)))
    if model is None or not may_open_from(row, model):
        return text
    key: Any = model._meta.pk
    try:
        url = url_of(model, key.to_python(row.subject_id)) if row.subject_id else list_of(model)
    except ValidationError:
        # An entry of another program can have any text there.
        return text
    return format_html('<a href="{}">{}</a>', url, text)
