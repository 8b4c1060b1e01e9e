"""The rooms of old clients."""

from django.conf import settings
from django.db import migrations, models

from veza_core.db.constraints import positive
from veza_core.db.fields import SetNullKey, soft_delete_columns
from veza_core.db.indexes import index_on, set_index
from veza_core.db.text_checks import not_blank


class Migration(migrations.Migration):
    initial = True

    dependencies = [("veza_core", "020_rbac_and_profiles")]

    operations = [
        migrations.CreateModel(
            name="Room",
            fields=soft_delete_columns(
                creator=SetNullKey(
                    db_comment="Who created it; NULL: a permanently deleted account",
                    related_name="rooms",
                    to=settings.AUTH_USER_MODEL,
                ),
                name=models.CharField(
                    db_comment="Name, as shown; several rooms can have the same name",
                    max_length=100,
                ),
                description=models.TextField(
                    blank=True, db_comment="What the room is for", null=True
                ),
                is_private=models.BooleanField(
                    db_comment="True: by invitation only", db_default=False
                ),
                max_members=models.IntegerField(
                    db_comment="Maximum number of members", db_default=1000
                ),
            ),
            options={
                "db_table": "rooms",
                "verbose_name": "chat room",
                "db_table_comment": "Chat rooms of old clients; the modern chat is in schema chat",
                "indexes": [
                    index_on("rooms", "name"),
                    index_on("rooms", "creator_id"),
                    index_on("rooms", "-created_at"),
                    set_index("rooms", "deleted_at"),
                ],
                "constraints": [not_blank("rooms", "name"), positive("rooms", "max_members")],
            },
        )
    ]
