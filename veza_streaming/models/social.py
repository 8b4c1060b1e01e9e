"""What listeners say of tracks: likes, shares and comments."""

from django.db import models
from django.utils.text import Truncator

from veza_core.db.constraints import LIVE, characters_between, different, non_negative, one_of
from veza_core.db.fields import CascadeKey, SetNullKey
from veza_core.db.indexes import index_on, set_index, unique_on
from veza_core.db.text_checks import not_blank
from veza_core.db.value_checks import moment
from veza_core.models import SoftDeleteModel, User

from .tracks import Track


class TrackLike(SoftDeleteModel):
    """A user who likes a track."""

    track = CascadeKey(Track, related_name="likes", db_comment="What is liked")
    user = CascadeKey(User, related_name="track_likes", db_comment="Who likes it")

    class Meta:
        db_table = "track_likes"
        db_table_comment = "Which user likes which track"
        verbose_name = "like"
        constraints = [
            # The track first. PostgreSQL would use an index that begins with the user for the
            # user's newest likes, and read all of them
            # (docs/adr/0005-indexes-of-the-hot-queries.md).
            unique_on("track_likes", "track_id", "user_id", condition=LIVE)
        ]
        indexes = [
            # A track's likes, newest first.
            index_on("track_likes", "track_id", "-created_at"),
            # What a user likes, newest first.
            index_on("track_likes", "user_id", "-created_at"),
            # The newest of all.
            index_on("track_likes", "-created_at"),
            # The purge of likes that were deleted long ago.
            set_index("track_likes", "deleted_at"),
        ]

    def __str__(self) -> str:
        return f"{self.track_id}: {self.user_id}"


class SharePermission(models.TextChoices):
    """What somebody with a share's token may do."""

    STREAM = "stream"
    DOWNLOAD = "download"


class TrackShare(SoftDeleteModel):
    """A link with which somebody can hear a track without an account."""

    secret_columns = frozenset({"token_hash"})

    track = CascadeKey(Track, related_name="shares", db_comment="What is shared")
    user = CascadeKey(User, related_name="track_shares", db_comment="Who shares it")
    token_hash = models.CharField(max_length=255, db_comment="Hash of the token: a secret")
    permission = models.CharField(
        max_length=20,
        choices=SharePermission.choices,
        db_default=SharePermission.STREAM,
        db_comment="stream or download",
    )
    expires_at = models.DateTimeField(null=True, blank=True, db_comment="When it ends; NULL: never")
    access_count = models.IntegerField(db_default=0, db_comment="Number of uses")

    class Meta:
        db_table = "track_shares"
        db_table_comment = "Links through which tracks are heard without an account"
        verbose_name = "share link"
        constraints = [
            unique_on("track_shares", "token_hash", condition=LIVE),
            one_of("track_shares", "permission", ["stream", "download"]),
            non_negative("track_shares", "access_count"),
            moment("track_shares", "expires_at"),
        ]
        indexes = [
            # A track's shares, newest first.
            index_on("track_shares", "track_id", "-created_at"),
            # What a user shares, newest first.
            index_on("track_shares", "user_id", "-created_at"),
            # The newest of all.
            index_on("track_shares", "-created_at"),
            # The purge of shares that were deleted long ago.
            set_index("track_shares", "deleted_at"),
        ]

    def __str__(self) -> str:
        return f"share of {self.name_of('track')} ({self.permission})"


class TrackComment(SoftDeleteModel):
    """A comment of a user on a track, at a position in it or in general."""

    track = CascadeKey(Track, related_name="comments", db_comment="What is commented on")
    user = CascadeKey(User, related_name="track_comments", db_comment="Who wrote it")
    parent = SetNullKey(
        "self",
        related_name="replies",
        db_comment="The comment it replies to; NULL: it begins a thread, or its parent was purged",
    )
    content = models.TextField(db_comment="1 to 5000 characters")
    position_ms = models.IntegerField(
        null=True, blank=True, db_comment="Where in the track, in ms; NULL: the whole track"
    )
    is_edited = models.BooleanField(
        db_default=False, db_comment="Whether the author changed it afterwards"
    )

    class Meta:
        db_table = "track_comments"
        db_table_comment = "Comments of users on tracks, in threads"
        verbose_name = "comment"
        constraints = [
            different("track_comments", "parent_id", "id"),
            characters_between("track_comments", "content", 1, 5000),
            not_blank("track_comments", "content"),
            non_negative("track_comments", "position_ms"),
        ]
        indexes = [
            # A track's comments, newest first.
            index_on("track_comments", "track_id", "-created_at"),
            # What a user wrote, newest first.
            index_on("track_comments", "user_id", "-created_at"),
            # The newest comments of all, to moderate them.
            index_on("track_comments", "-created_at"),
            # A comment's replies.
            index_on("track_comments", "parent_id", "-created_at"),
            # The purge of comments that were deleted long ago.
            set_index("track_comments", "deleted_at"),
        ]

    def __str__(self) -> str:
        return Truncator(self.content).chars(50)
