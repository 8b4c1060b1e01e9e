"""The rooms of old clients. The modern chat is schema `chat`, which belongs to its own service."""

from django.db import models

from veza_core.db.constraints import positive
from veza_core.db.fields import SetNullKey
from veza_core.db.indexes import index_on, set_index
from veza_core.db.text_checks import not_blank
from veza_core.models import SoftDeleteModel, User


class Room(SoftDeleteModel):
    """A chat room, kept for old clients only."""

    creator = SetNullKey(
        User, related_name="rooms", db_comment="Who created it; NULL: a permanently deleted account"
    )
    name = models.CharField(
        max_length=100, db_comment="Name, as shown; several rooms can have the same name"
    )
    description = models.TextField(null=True, blank=True, db_comment="What the room is for")
    is_private = models.BooleanField(db_default=False, db_comment="True: by invitation only")
    max_members = models.IntegerField(db_default=1000, db_comment="Maximum number of members")

    class Meta:
        db_table = "rooms"
        db_table_comment = "Chat rooms of old clients; the modern chat is in schema chat"
        verbose_name = "chat room"
        constraints = [
            not_blank("rooms", "name"),
            positive("rooms", "max_members"),
        ]
        indexes = [
            # A room by its name.
            index_on("rooms", "name"),
            # The rooms that a user made.
            index_on("rooms", "creator_id"),
            # The newest rooms.
            index_on("rooms", "-created_at"),
            # The purge of what was deleted long ago.
            set_index("rooms", "deleted_at"),
        ]

    def __str__(self) -> str:
        return self.name
