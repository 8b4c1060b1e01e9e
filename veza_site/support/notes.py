"""Remarks of staff about rows of any table."""

from django.db.models import Model
from django.http import HttpRequest

from veza_site.models import Note

#: A page shows so many, the latest.
SHOWN = 50


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


def notes_of(subject: Model) -> list[Note]:
    """The notes about a row, the latest first."""
    about = Note.objects.filter(subject_table=subject._meta.db_table, subject_id=str(subject.pk))
    return list(about.order_by("-created_at", "-id")[:SHOWN])
