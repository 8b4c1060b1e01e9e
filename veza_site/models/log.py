"""The staff log and notes. They refer to rows of `public` by table and id.

They have no foreign keys. So a deletion does not change them, and they still name deleted rows.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.db.models import Index

#: The `action` of entries that are not actions: views, searches, sign-ins.
NO_ACTION = (
    r"\.(view|list|download)$|^(search|sign_in|sign_out|second_factor\.(enrol|recover|refuse))$"
)


#: The entries of the staff log that changed something or exported data. This is the condition of
#: indexes: a query must use the same words, or PostgreSQL does not use these indexes.
ACTION = ~models.Q(action__regex=NO_ACTION)


class AppendOnlyError(Exception):
    """Somebody tried to change or delete a row of an append-only table."""


def written_by() -> "models.CharField[str, str]":
    """The column `written_by` of both tables. A trigger sets it: see `veza_site.append_only`."""
    return models.CharField(
        max_length=63,
        db_default="",
        editable=False,
        db_comment="The PostgreSQL role that wrote it, set by a trigger",
    )


class AppendOnly(models.Model):
    """A row that can only be inserted. Triggers enforce this; the model raises its own error
    first.
    """

    #: The error messages if somebody saves a row again, or deletes one.
    never_changed: ClassVar[str]
    never_removed: ClassVar[str]

    class Meta:
        abstract = True

    def save(self, **kwargs: Any) -> None:
        """Insert. Raises `AppendOnlyError` for a row that was saved before."""
        if not self._state.adding:
            raise AppendOnlyError(self.never_changed)
        super().save(force_insert=True, using=kwargs.get("using"))

    def delete(self, *_: Any, **__: Any) -> tuple[int, dict[str, int]]:
        """Raise `AppendOnlyError`, always."""
        raise AppendOnlyError(self.never_removed)


class StaffLogEntry(AppendOnly):
    """Something that a member of staff did or looked at. Triggers make it append-only."""

    never_changed = "the staff log is append-only"
    never_removed = "the staff log is append-only"

    #: See `veza_core.operations.personal_data`. An export about a user does not say which member of
    #: staff acted. An export about a member of staff does not say about whom.
    about_rows: ClassVar[Mapping[str, frozenset[str]]] = {
        "subject_id": frozenset({"staff_id", "staff_name", "address", "user_agent", "batch"}),
    }
    about_users: ClassVar[Mapping[str, frozenset[str]]] = {
        "staff_id": frozenset({
            "subject_table", "subject_id", "subject_label", "reason", "before", "after", "batch",
        }),
    }  # fmt: skip

    created_at = models.DateTimeField(
        db_default=TransactionNow(), editable=False, db_comment="When"
    )
    staff_id = models.UUIDField(
        null=True,
        db_comment="users.id of the member of staff; NULL: a command, or nobody signed in",
    )
    staff_name = models.CharField(
        max_length=150, db_comment="Their username, as it was at the time"
    )
    address = models.GenericIPAddressField(
        null=True, db_comment="The client's IP address; NULL: a command, or unknown"
    )
    user_agent = models.CharField(
        max_length=255, blank=True, db_comment="The browser's user agent, cut to 255 characters"
    )
    action = models.CharField(
        max_length=50, db_comment="The action: users.ban, users.view, sign_in, …"
    )
    subject_table = models.CharField(
        max_length=63, blank=True, db_comment="The table of the row; empty: none"
    )
    subject_id = models.CharField(
        max_length=63, blank=True, db_comment="The row's id; empty: the whole table"
    )
    subject_label = models.CharField(
        max_length=255, blank=True, db_comment="The row's name at the time"
    )
    reason = models.TextField(blank=True, db_comment="The reason that was given")
    before = models.JSONField(
        null=True, db_comment="Object: column to value before; secrets are left out"
    )
    after = models.JSONField(
        null=True, db_comment="Object: column to value after; secrets are left out"
    )
    batch = models.UUIDField(
        null=True, db_comment="Common to all entries of one action on several rows; NULL: one row"
    )
    written_by = written_by()

    class Meta:
        db_table_comment = "What staff did and looked at: append-only"
        verbose_name = "staff log entry"
        verbose_name_plural = "staff log"
        default_permissions = ()
        indexes = [
            # The latest entries, page by page.
            Index(fields=["-created_at", "-id"], name="idx_stafflog_created_at"),
            # What one member of staff did.
            Index(fields=["staff_id", "-created_at", "-id"], name="idx_stafflog_staff_id"),
            # Every ban, every export.
            Index(fields=["action", "-created_at", "-id"], name="idx_stafflog_action"),
            # The same by name, because people filter by names; a command has only a name.
            Index(fields=["staff_name", "-created_at", "-id"], name="idx_stafflog_staff_name"),
            # What was done to the rows of a table, and to one row.
            Index(fields=["subject_table", "-created_at", "-id"], name="idx_stafflog_table"),
            Index(fields=["subject_id", "-created_at", "-id"], name="idx_stafflog_subject_id"),
            # The latest actions: all of them, those on one row, and those of one member of staff.
            # There are far more views than actions. Without these indexes, a page would have to
            # skip all of them.
            Index(fields=["-created_at", "-id"], condition=ACTION, name="idx_stafflog_actions"),
            Index(
                fields=["subject_id", "-created_at", "-id"],
                condition=ACTION,
                name="idx_stafflog_subject_actions",
            ),
            Index(
                fields=["staff_id", "-created_at", "-id"],
                condition=ACTION,
                name="idx_stafflog_staff_actions",
            ),
            # An action on several rows, to undo it with one click.
            Index(
                fields=["batch", "id"],
                condition=models.Q(batch__isnull=False),
                name="idx_stafflog_batch",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.staff_name}: {self.action} {self.subject_label}".rstrip()


class Note(AppendOnly):
    """A remark of staff about a row. The same triggers make it append-only."""

    never_changed = "a note is never edited: write another one"
    never_removed = "a note is never removed"

    #: As for the staff log.
    about_rows: ClassVar[Mapping[str, frozenset[str]]] = {
        "subject_id": frozenset({"author_id", "author_name"}),
    }
    about_users: ClassVar[Mapping[str, frozenset[str]]] = {
        "author_id": frozenset({"subject_table", "subject_id", "text"}),
    }

    created_at = models.DateTimeField(
        db_default=TransactionNow(), editable=False, db_comment="When it was written"
    )
    subject_table = models.CharField(max_length=63, db_comment="The table of the row")
    subject_id = models.CharField(max_length=63, db_comment="Its id")
    author_id = models.UUIDField(db_comment="users.id of the author")
    author_name = models.CharField(
        max_length=150, db_comment="Their username, as it was at the time"
    )
    text = models.TextField(db_comment="The remark")
    written_by = written_by()

    class Meta:
        db_table_comment = "Notes of staff about rows: never edited"
        default_permissions = ()
        indexes = [
            # The latest notes, page by page.
            Index(fields=["-created_at", "-id"], name="idx_note_created_at"),
            # The notes about one row.
            Index(fields=["subject_id", "-created_at", "-id"], name="idx_note_subject_id"),
            # What one member of staff wrote.
            Index(fields=["author_id", "-created_at", "-id"], name="idx_note_author_id"),
        ]

    def __str__(self) -> str:
        return self.text
