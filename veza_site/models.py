"""The tables of this app, in schema `django`: the staff log, notes, counts and sessions.

They refer to rows of `public` by table and id, without a foreign key. So they are not deleted with
these rows, and still name them afterwards. They are not part of the contract.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib.postgres.functions import RandomUUID, TransactionNow
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


class StaffLogEntry(models.Model):
    """Something that a member of staff did or looked at. Triggers make it append-only."""

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

    def save(self, **kwargs: Any) -> None:
        """Insert. Raises `AppendOnlyError` for an entry that was saved before."""
        if not self._state.adding:
            raise AppendOnlyError("the staff log is append-only")
        super().save(force_insert=True, using=kwargs.get("using"))

    def delete(self, *_: Any, **__: Any) -> tuple[int, dict[str, int]]:
        """Raise `AppendOnlyError`, always."""
        raise AppendOnlyError("the staff log is append-only")


class Note(models.Model):
    """A remark of staff about a row. The same triggers make it append-only."""

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

    def save(self, **kwargs: Any) -> None:
        """Insert. Raises `AppendOnlyError` for a note that was saved before."""
        if not self._state.adding:
            raise AppendOnlyError("a note is never edited: write another one")
        super().save(force_insert=True, using=kwargs.get("using"))

    def delete(self, *_: Any, **__: Any) -> tuple[int, dict[str, int]]:
        """Raise `AppendOnlyError`, always."""
        raise AppendOnlyError("a note is never removed")


class DailyCount(models.Model):
    """How many rows of a table were created in a day: see `veza_site.support.daily`."""

    table = models.CharField(max_length=63, db_comment="Which table")
    day = models.DateField(db_comment="The day, in UTC, of created_at")
    number = models.BigIntegerField(
        db_comment="Rows at the time of counting, including those deleted later"
    )

    class Meta:
        db_table_comment = "Rows made in each day, for charts"
        default_permissions = ()
        constraints = [
            # The days of a table, for its chart.
            models.UniqueConstraint(fields=["table", "day"], name="idx_dailycount_table_day")
        ]

    def __str__(self) -> str:
        return f"{self.table}, {self.day}: {self.number}"


class CountedUntil(models.Model):
    """Up to which time the rows of a table are included in its daily counts."""

    table = models.CharField(max_length=63, primary_key=True, db_comment="Which table")
    until = models.DateTimeField(db_comment="Rows of created_at before this are counted")

    class Meta:
        db_table_comment = "Until when the rows of a table are counted by day"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.table}, {self.until}"


class JobRun(models.Model):
    """When a scheduled job last succeeded; one row for each job. See
    `veza_core.operations.jobs`.
    """

    job = models.CharField(max_length=63, primary_key=True, db_comment="backup_db, purge, …")
    finished_at = models.DateTimeField(
        db_default=TransactionNow(), db_comment="When it last succeeded"
    )
    seconds = models.FloatField(db_comment="How long it took, in seconds")
    details = models.JSONField(db_comment="Object: what it did, such as a backup's file and bytes")

    class Meta:
        db_table_comment = "The last success of each scheduled job, for manage.py status"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.job}, {self.finished_at}"


class AttemptCount(models.Model):
    """Failed attempts at one name, from one network, …: see `veza_site.support.attempts`."""

    key = models.CharField(max_length=64, db_comment="Keyed hash of kind, name and network")
    kind = models.CharField(max_length=20, db_comment="What is counted: name, network, …")
    name = models.CharField(
        max_length=64, blank=True, db_comment="Keyed hash of the typed name; empty: no name"
    )
    network = models.CharField(
        max_length=49, blank=True, db_comment="Such as 192.0.2.7/32; empty: all networks"
    )
    failures = models.IntegerField(default=0, db_comment="Failed attempts in a row")
    last_at = models.DateTimeField(db_default=TransactionNow(), db_comment="When the last one was")
    free_at = models.DateTimeField(
        db_default=TransactionNow(), db_comment="When the next one may be made"
    )
    expires_at = models.DateTimeField(
        db_default=TransactionNow(), db_comment="When the count expires"
    )

    class Meta:
        db_table_comment = "Counts of failed attempts to sign in; expired rows are deleted"
        default_permissions = ()
        constraints = [
            # The count for an attempt.
            models.UniqueConstraint(fields=["key"], name="idx_attemptcount_key")
        ]
        indexes = [
            # The rows that are due for deletion.
            Index(fields=["expires_at"], name="idx_attemptcount_expires_at"),
            # An operator ends the pauses of a name.
            Index(fields=["name"], name="idx_attemptcount_name"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.failures}"


class HashingSlot(models.Model):
    """Rows to lock while a password is hashed, or an attempt is counted (`hashing`, `attempts`).

    Advisory locks would do this too, but `sync_roles` revokes their functions from the site's role.
    """

    number = models.IntegerField(
        primary_key=True,
        db_comment="Locked to hash a password (1, 2, …), or to count an attempt (0)",
    )

    class Meta:
        db_table_comment = "Rows to lock, so that few passwords are hashed at the same time"
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.number)


class StaffSession(models.Model):
    """A session of the admin, as its owner sees it: see `veza_site.support.sessions`."""

    id = models.UUIDField(
        primary_key=True,
        db_default=RandomUUID(),
        editable=False,
        db_comment="The id that the session stores",
    )
    account_id = models.UUIDField(db_comment="users.id of the owner")
    address = models.GenericIPAddressField(
        null=True, db_comment="The address that last used it; NULL: unknown"
    )
    user_agent = models.CharField(
        max_length=255, blank=True, db_comment="The browser's user agent, cut to 255 characters"
    )
    created_at = models.DateTimeField(
        db_default=TransactionNow(), editable=False, db_comment="When it began"
    )
    last_used_at = models.DateTimeField(
        db_default=TransactionNow(), db_comment="When it was last used, to a minute"
    )

    class Meta:
        db_table_comment = "Open sessions of the admin; without its row a session has ended"
        default_permissions = ()
        indexes = [
            # The sessions of one member of staff.
            Index(fields=["account_id", "-created_at"], name="idx_staffsession_account_id"),
            # Sessions that nobody has used for long, which are deleted.
            Index(fields=["last_used_at"], name="idx_staffsession_last_used_at"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}, {self.created_at}"
