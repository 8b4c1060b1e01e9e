"""What counts attempts to sign in, and the sessions of staff."""

from django.contrib.postgres.functions import RandomUUID, TransactionNow
from django.db import migrations, models

from veza_core.db.fields import columns


class Migration(migrations.Migration):
    dependencies = [("veza_site", "0003_job_runs")]

    operations = [
        migrations.CreateModel(
            name="HashingSlot",
            fields=columns(
                number=models.IntegerField(
                    db_comment="Locked to hash a password (1, 2, …), or to count an attempt (0)",
                    primary_key=True,
                    serialize=False,
                ),
            ),
            options={
                "db_table_comment": "Rows to lock, so that few passwords are hashed at the same time",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="AttemptCount",
            fields=columns(
                id=models.BigAutoField(
                    auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                ),
                key=models.CharField(
                    db_comment="Keyed hash of kind, name and network", max_length=64
                ),
                kind=models.CharField(
                    db_comment="What is counted: name, network, …", max_length=20
                ),
                name=models.CharField(
                    blank=True,
                    db_comment="Keyed hash of the typed name; empty: no name",
                    max_length=64,
                ),
                network=models.CharField(
                    blank=True,
                    db_comment="Such as 192.0.2.7/32; empty: all networks",
                    max_length=49,
                ),
                failures=models.IntegerField(db_comment="Failed attempts in a row", default=0),
                last_at=models.DateTimeField(
                    db_comment="When the last one was", db_default=TransactionNow()
                ),
                free_at=models.DateTimeField(
                    db_comment="When the next one may be made", db_default=TransactionNow()
                ),
                expires_at=models.DateTimeField(
                    db_comment="When the count expires", db_default=TransactionNow()
                ),
            ),
            options={
                "db_table_comment": "Counts of failed attempts to sign in; expired rows are deleted",
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["expires_at"], name="idx_attemptcount_expires_at"),
                    models.Index(fields=["name"], name="idx_attemptcount_name"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("key",), name="idx_attemptcount_key")
                ],
            },
        ),
        migrations.CreateModel(
            name="StaffSession",
            fields=columns(
                id=models.UUIDField(
                    db_comment="The id that the session stores",
                    db_default=RandomUUID(),
                    editable=False,
                    primary_key=True,
                    serialize=False,
                ),
                account_id=models.UUIDField(db_comment="users.id of the owner"),
                address=models.GenericIPAddressField(
                    db_comment="The address that last used it; NULL: unknown", null=True
                ),
                user_agent=models.CharField(
                    blank=True,
                    db_comment="The browser's user agent, cut to 255 characters",
                    max_length=255,
                ),
                created_at=models.DateTimeField(
                    db_comment="When it began", db_default=TransactionNow(), editable=False
                ),
                last_used_at=models.DateTimeField(
                    db_comment="When it was last used, to a minute", db_default=TransactionNow()
                ),
            ),
            options={
                "db_table_comment": "Open sessions of the admin; without its row a session has ended",
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        fields=["account_id", "-created_at"], name="idx_staffsession_account_id"
                    ),
                    models.Index(fields=["last_used_at"], name="idx_staffsession_last_used_at"),
                ],
            },
        ),
    ]
