"""The rooms of old clients."""

from django.conf import settings
from django.db import migrations, models

from veza_core.db.fields import CreatedAtField, DeletedAtField, IdField, SetNullKey, UpdatedAtField
from veza_core.db.indexes import Index
from veza_core.db.text_checks import Matches


class Migration(migrations.Migration):
    initial = True

    dependencies = [("veza_core", "020_rbac_and_profiles")]

    operations = [
        migrations.CreateModel(
            name="Room",
            fields=[
                ("id", IdField()),
                (
                    "creator",
                    SetNullKey(
                        db_comment="Who made it; NULL: an account since removed",
                        related_name="rooms",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        db_comment="As shown; several rooms may share one", max_length=100
                    ),
                ),
                (
                    "description",
                    models.TextField(blank=True, db_comment="What the room is for", null=True),
                ),
                (
                    "is_private",
                    models.BooleanField(db_comment="True: by invitation only", db_default=False),
                ),
                (
                    "max_members",
                    models.IntegerField(db_comment="How many may be in it", db_default=1000),
                ),
                ("created_at", CreatedAtField()),
                ("updated_at", UpdatedAtField()),
                ("deleted_at", DeletedAtField()),
            ],
            options={
                "db_table": "rooms",
                "verbose_name": "chat room",
                "db_table_comment": "Chat rooms of old clients; the modern chat is in schema chat",
                "indexes": [
                    Index(fields=["name"], name="idx_rooms_name"),
                    Index(fields=["creator"], name="idx_rooms_creator_id"),
                    Index(fields=["-created_at"], name="idx_rooms_created_at"),
                    Index(
                        condition=models.Q(("deleted_at__isnull", False)),
                        fields=["deleted_at"],
                        name="idx_rooms_deleted_at",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=Matches(
                            "name",
                            "[^\\u0001-\\u0020\\u007f-\\u00a0\\u00ad\\u034f\\u061c\\u115f\\u1160\\u1680\\u17b4\\u17b5\\u180b-\\u180f\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a\\U000e0000-\\U000e0fff]",
                        ),
                        name="chk_rooms_name",
                        violation_error_message="It has no visible characters.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("max_members__gt", 0)), name="chk_rooms_max_members"
                    ),
                ],
            },
        )
    ]
