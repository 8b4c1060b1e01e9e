"""What the start page has counted."""

from django.db import migrations, models

from veza_core.db.fields import columns


class Migration(migrations.Migration):
    dependencies = [("veza_site", "0001_staff_log_and_notes")]

    operations = [
        migrations.CreateModel(
            name="CountedUntil",
            fields=columns(
                table=models.CharField(
                    db_comment="Which table", max_length=63, primary_key=True, serialize=False
                ),
                until=models.DateTimeField(db_comment="Rows of created_at before this are counted"),
            ),
            options={
                "db_table_comment": "Until when the rows of a table are counted by day",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="DailyCount",
            fields=columns(
                id=models.BigAutoField(
                    auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                ),
                table=models.CharField(db_comment="Which table", max_length=63),
                day=models.DateField(db_comment="The day, in UTC, of created_at"),
                number=models.BigIntegerField(
                    db_comment="Rows at the time of counting, including those deleted later"
                ),
            ),
            options={
                "db_table_comment": "Rows created on each day, for charts",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("table", "day"), name="idx_dailycount_table_day"
                    )
                ],
            },
        ),
    ]
