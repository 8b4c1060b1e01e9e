"""When each scheduled job last succeeded."""

from django.contrib.postgres.functions import TransactionNow
from django.db import migrations, models

from veza_core.db.fields import columns


class Migration(migrations.Migration):
    dependencies = [("veza_site", "0002_daily_counts")]

    operations = [
        migrations.CreateModel(
            name="JobRun",
            fields=columns(
                job=models.CharField(
                    db_comment="backup_db, purge, …",
                    max_length=63,
                    primary_key=True,
                    serialize=False,
                ),
                finished_at=models.DateTimeField(
                    db_comment="When it last succeeded", db_default=TransactionNow()
                ),
                seconds=models.FloatField(db_comment="How long it took, in seconds"),
                details=models.JSONField(
                    db_comment="Object: what it did, such as a backup's file and bytes"
                ),
            ),
            options={
                "db_table_comment": "The last success of each scheduled job, for manage.py status",
                "default_permissions": (),
            },
        )
    ]
