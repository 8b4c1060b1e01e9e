"""What the start page has counted, and when each job last succeeded."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models


class DailyCount(models.Model):
    """How many rows of a table were created in a day: see `veza_site.support.daily`."""

    table = models.CharField(max_length=63, db_comment="Which table")
    day = models.DateField(db_comment="The day, in UTC, of created_at")
    number = models.BigIntegerField(
        db_comment="Rows at the time of counting, including those deleted later"
    )

    class Meta:
        db_table_comment = "Rows created on each day, for charts"
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
