"""What listeners do with tracks: plays, likes, shares, comments, and changes of tracks."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint

from veza_core.db.constraints import LIVE, characters_between, different, non_negative, one_of
from veza_core.db.indexes import Index, set_index
from veza_core.db.text_checks import country, not_blank
from veza_core.db.value_checks import json_object, moment
from veza_core.models import BaseModel, SoftDeleteModel, User, UserSession

from .tracks import Track


class TrackPlay(BaseModel):
    """A play of a track, by a user or by somebody who is not signed in."""

    purged_after = {"created_at": "plays"}

    track = models.ForeignKey(
        Track,
        on_delete=models.DB_CASCADE,
        db_index=False,
        related_name="plays",
        db_comment="What was played",
    )
    user = models.ForeignKey(
        User,
        on_delete=models.DB_SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        related_name="track_plays",
        db_comment="Who listened; NULL: not signed in, or an account since removed",
    )
    started_at = models.DateTimeField(db_default=TransactionNow(), db_comment="When it began")
    duration_ms = models.IntegerField(db_default=0, db_comment="How much was heard, in ms")
    is_complete = models.BooleanField(
        db_default=False, db_comment="Whether it was heard to the end"
    )
    source = models.CharField(
        max_length=50,
        null=True,
        blank=True,
        db_comment="Where it was started from, open vocabulary, such as playlist, search, radio",
    )
    device = models.CharField(
        max_length=50,
        null=True,
        blank=True,
        db_comment="Kind of device, open vocabulary, such as phone, web, tv",
    )
    ip_address = models.GenericIPAddressField(
        null=True, blank=True, db_comment="The listener's address"
    )
    country_code = models.CharField(
        max_length=2, null=True, blank=True, db_comment="ISO 3166-1 alpha-2, in capitals"
    )

    class Meta:
        db_table = "track_plays"
        db_table_comment = "Plays of tracks, one row for each play"
        verbose_name = "play"
        constraints = [
            non_negative("track_plays", "duration_ms"),
            country("track_plays", "country_code"),
        ]
        indexes = [
            # A track's plays, newest first.
            Index(fields=["track", "-created_at"], name="idx_track_plays_track_id_created_at"),
            # What a user played, newest first.
            Index(fields=["user", "-created_at"], name="idx_track_plays_user_id_created_at"),
            # The newest plays of all.
            Index(fields=["-created_at"], name="idx_track_plays_created_at"),
        ]

    def __str__(self) -> str:
        return f"{self.track_id}, {self.started_at}"


class TrackLike(SoftDeleteModel):
    """A user who likes a track."""

    track = models.ForeignKey(
        Track,
        on_delete=models.DB_CASCADE,
        db_index=False,
        related_name="likes",
        db_comment="What is liked",
    )
    user = models.ForeignKey(
        User,
        on_delete=models.DB_CASCADE,
        db_index=False,
        related_name="track_likes",
        db_comment="Who likes it",
    )

    class Meta:
        db_table = "track_likes"
        db_table_comment = "Which user likes which track"
        verbose_name = "like"
        constraints = [
            # The track first. PostgreSQL would use an index that begins with the user for the
            # user's newest likes, and read all of them
            # (docs/adr/0005-indexes-of-the-hot-queries.md).
            UniqueConstraint(
                fields=["track", "user"], condition=LIVE, name="idx_track_likes_track_id_user_id"
            )
        ]
        indexes = [
            # A track's likes, newest first.
            Index(fields=["track", "-created_at"], name="idx_track_likes_track_id_created_at"),
            # What a user likes, newest first.
            Index(fields=["user", "-created_at"], name="idx_track_likes_user_id_created_at"),
            # The newest of all.
            Index(fields=["-created_at"], name="idx_track_likes_created_at"),
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

    track = models.ForeignKey(
        Track,
        on_delete=models.DB_CASCADE,
        db_index=False,
        related_name="shares",
        db_comment="What is shared",
    )
    user = models.ForeignKey(
        User,
        on_delete=models.DB_CASCADE,
        db_index=False,
        related_name="track_shares",
        db_comment="Who shares it",
    )
    token_hash = models.CharField(max_length=255, db_comment="Hash of the token: a secret")
    permission = models.CharField(
        max_length=20,
        choices=SharePermission.choices,
        db_default=SharePermission.STREAM,
        db_comment="stream or download",
    )
    expires_at = models.DateTimeField(
        null=True, blank=True, db_comment="When it ends; NULL: it does not"
    )
    access_count = models.IntegerField(db_default=0, db_comment="How often it was used")

    class Meta:
        db_table = "track_shares"
        db_table_comment = "Links through which tracks are heard without an account"
        verbose_name = "share link"
        constraints = [
            UniqueConstraint(
                fields=["token_hash"], condition=LIVE, name="idx_track_shares_token_hash"
            ),
            one_of("track_shares", "permission", ["stream", "download"]),
            non_negative("track_shares", "access_count"),
            moment("track_shares", "expires_at"),
        ]
        indexes = [
            # A track's shares, newest first.
            Index(fields=["track", "-created_at"], name="idx_track_shares_track_id_created_at"),
            # What a user shares, newest first.
            Index(fields=["user", "-created_at"], name="idx_track_shares_user_id_created_at"),
            # The newest of all.
            Index(fields=["-created_at"], name="idx_track_shares_created_at"),
            # The purge of shares that were deleted long ago.
            set_index("track_shares", "deleted_at"),
        ]

    def __str__(self) -> str:
        return f"share of {self.name_of('track')} ({self.permission})"


class TrackComment(SoftDeleteModel):
    """A comment of a user on a track, at a position in it or in general."""

    track = models.ForeignKey(
        Track,
        on_delete=models.DB_CASCADE,
        db_index=False,
        related_name="comments",
        db_comment="What is commented on",
    )
    user = models.ForeignKey(
        User,
        on_delete=models.DB_CASCADE,
        db_index=False,
        related_name="track_comments",
        db_comment="Who wrote it",
    )
    parent = models.ForeignKey(
        "self",
        on_delete=models.DB_SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        related_name="replies",
        db_comment="The comment it replies to; NULL: it begins a thread, or that one was removed",
    )
    content = models.TextField(db_comment="1 to 5000 characters")
    position_ms = models.IntegerField(
        null=True, blank=True, db_comment="Where in the track, in ms; NULL: all of it"
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
            Index(fields=["track", "-created_at"], name="idx_track_comments_track_id_created_at"),
            # What a user wrote, newest first.
            Index(fields=["user", "-created_at"], name="idx_track_comments_user_id_created_at"),
            # The newest comments of all, to moderate them.
            Index(fields=["-created_at"], name="idx_track_comments_created_at"),
            # A comment's replies.
            Index(fields=["parent", "-created_at"], name="idx_track_comments_parent_id_created_at"),
            # The purge of comments that were deleted long ago.
            set_index("track_comments", "deleted_at"),
        ]

    def __str__(self) -> str:
        return self.content[:50]


class TrackHistory(BaseModel):
    """A change of a track: who did what, and the values before and after."""

    purged_after = {"created_at": "history"}

    track = models.ForeignKey(
        Track,
        on_delete=models.DB_CASCADE,
        db_index=False,
        related_name="history",
        db_comment="What was changed",
    )
    user = models.ForeignKey(
        User,
        on_delete=models.DB_SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        related_name="track_history",
        db_comment="Who did it; NULL: the platform, or an account since removed",
    )
    action = models.CharField(
        max_length=50, db_comment="Open vocabulary, such as created, updated, published"
    )
    old_value = models.JSONField(null=True, blank=True, db_comment="The changed columns, before")
    new_value = models.JSONField(null=True, blank=True, db_comment="The changed columns, after")

    class Meta:
        db_table = "track_history"
        db_table_comment = "Changes of tracks, one row each"
        verbose_name = "track change"
        constraints = [
            json_object("track_history", "old_value"),
            json_object("track_history", "new_value"),
        ]
        indexes = [
            # A track's changes, newest first.
            Index(fields=["track", "-created_at"], name="idx_track_history_track_id_created_at"),
            # What a user changed, newest first.
            Index(fields=["user", "-created_at"], name="idx_track_history_user_id_created_at"),
            # The newest of all; from its other end, the purge of old ones.
            Index(fields=["-created_at"], name="idx_track_history_created_at"),
        ]

    def __str__(self) -> str:
        return f"{self.track_id}, {self.action}"


class PlaybackAnalytics(BaseModel):
    """How a play went: pauses, seeks, and how much was heard."""

    purged_after = {"created_at": "analytics"}

    track = models.ForeignKey(
        Track,
        on_delete=models.DB_CASCADE,
        db_index=False,
        related_name="playback_analytics",
        db_comment="What was played",
    )
    user = models.ForeignKey(
        User,
        on_delete=models.DB_SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        related_name="playback_analytics",
        db_comment="Who listened; NULL: not signed in, or an account since removed",
    )
    session = models.ForeignKey(
        UserSession,
        on_delete=models.DB_SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        related_name="playback_analytics",
        db_comment="The client; NULL: not signed in, or a session since purged",
    )
    started_at = models.DateTimeField(db_default=TransactionNow(), db_comment="When it began")
    ended_at = models.DateTimeField(
        null=True, blank=True, db_comment="When it ended; NULL: it has not ended"
    )
    play_time_ms = models.IntegerField(db_default=0, db_comment="Time played, in ms")
    pause_count = models.IntegerField(db_default=0, db_comment="How often it was paused")
    seek_count = models.IntegerField(
        db_default=0, db_comment="How often the listener jumped to another position"
    )
    completion_rate = models.DecimalField(
        max_digits=5, decimal_places=2, db_default=0, db_comment="Part heard, in percent"
    )

    class Meta:
        db_table = "playback_analytics"
        db_table_comment = "How playback went, one row for each play"
        verbose_name = "playback report"
        constraints = [
            CheckConstraint(
                condition=Q(ended_at__gte=F("started_at")), name="chk_playback_analytics_ended_at"
            ),
            non_negative("playback_analytics", "play_time_ms"),
            non_negative("playback_analytics", "pause_count"),
            non_negative("playback_analytics", "seek_count"),
            CheckConstraint(
                condition=Q(completion_rate__gte=0, completion_rate__lte=100),
                name="chk_playback_analytics_completion_rate",
            ),
        ]
        indexes = [
            # A track's, newest first.
            Index(
                fields=["track", "-created_at"],
                name="idx_playback_analytics_track_id_created_at",
            ),
            # A user's, newest first.
            Index(fields=["user", "-created_at"], name="idx_playback_analytics_user_id_created_at"),
            # A client's.
            Index(
                fields=["session", "-created_at"],
                name="idx_playback_analytics_session_id_created_at",
            ),
            # The newest of all.
            Index(fields=["-created_at"], name="idx_playback_analytics_created_at"),
        ]

    def __str__(self) -> str:
        return f"{self.track_id}, {self.started_at}"
