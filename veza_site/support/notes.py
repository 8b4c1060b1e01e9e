"""Notes of staff about rows of any table."""

from typing import Any

from django.db.models import Model

from veza_core.access import StaffRequest
from veza_site.models import Note


def add_note(request: StaffRequest, subject: Model, text: str) -> Note:
    """Add a note by the current user about a row, in the open transaction."""
    author: Any = request.access.user
    return Note.objects.create(
        subject_table=subject._meta.db_table,
        subject_id=str(subject.pk),
        author_id=author.pk,
        author_name=author.username,
        text=text,
    )
