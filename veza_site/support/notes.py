"""Remarks of staff about rows of any table."""

from django.db.models import Model
from django.http import HttpRequest

from veza_site.models import Note


def add_note(request: HttpRequest, subject: Model, text: str) -> Note:
    """Add a note of who asks about a row, in the transaction that is open."""
    author = request.access.user  # type: ignore[attr-defined]
    return Note.objects.create(
        subject_table=subject._meta.db_table,
        subject_id=str(subject.pk),
        author_id=author.pk,
        author_name=author.username,
        text=text,
    )
