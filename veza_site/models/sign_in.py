"""Sessions of the admin, and attempts to sign in."""

from django.contrib.postgres.functions import RandomUUID, TransactionNow
from django.db import models
from django.db.models import Index


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
