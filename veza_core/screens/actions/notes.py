"""Notes of staff about a row, for colleagues."""

from collections.abc import Sequence
from typing import Any

from django import forms

from veza_core.access import Access

from .action import Change, ChangeContext, RowAction


class AddNote(RowAction):
    """A note that is never edited: another one corrects it. Everybody who may read the row may
    add one.
    """

    name = "note"
    label = "Add a note"
    done = "Added a note on"
    explanation = (
        "Everybody who can open this page can read it. A note cannot be edited or removed. "
        "Write no passwords, and no more about a person than the next colleague needs."
    )
    asks_reason = False

    def __init__(self, table: str) -> None:
        self.permissions = (f"{table}.read",)

    def fields(self, access: Access, rows: Sequence[Any]) -> dict[str, forms.Field]:
        return {
            "text": forms.CharField(
                label="Note", max_length=4000, widget=forms.Textarea({"rows": 6})
            )
        }

    def change(self, row: Any, work: ChangeContext) -> Change:
        # The entry only says that there is a note; the text is in the note.
        return Change(after={"note": work.site.add_note(work.request, row, work.values["text"])})
