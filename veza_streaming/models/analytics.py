"""What happens to tracks: plays, how they went, and what was changed when."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.db.models import CheckConstraint, F, Q

from veza_core.db.constraints import non_negative
from veza_core.db.fields import CascadeKey, SetNullKey
from veza_core.db.indexes import index_on
from veza_core.db.text_checks import country
from veza_core.db.value_checks import json_object
from veza_core.models import BaseModel, User, UserSession

from .tracks import Track


class TrackPlay(BaseModel):
    """A play of a track, by a user or by somebody who is not signed in."""

    purged_after = {"created_at": "plays"}

    track = CascadeKey(Track, related_name="plays", db_comment="What was played")
    user = SetNullKey(
        User,
        related_name="track_plays",
        db_comment="Who listened; NULL: not signed in, or a permanently deleted account",
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
        null=True, blank=True, db_comment="The listener's IP address"
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
            index_on("track_plays", "track_id", "-created_at"),
            # What a user played, newest first.
            index_on("track_plays", "user_id", "-created_at"),
            # The newest plays of all.
            index_on("track_plays", "-created_at"),
        ]

    def __str__(self) -> str:
        return f"{self.track_id}, {self.started_at}"


class TrackHistory(BaseModel):
    """A change of a track: who did what, and the values before and after."""

    purged_after = {"created_at": "history"}

    track = CascadeKey(Track, related_name="history", db_comment="What was changed")
    user = SetNullKey(
        User,
        related_name="track_history",
        db_comment="Who did it; NULL: the platform, or a permanently deleted account",
    )
    action = models.CharField(
        max_length=50, db_comment="Open vocabulary, such as created, updated, published"
    )
    old_value = models.JSONField(null=True, blank=True, db_comment="The changed columns, before")
    new_value = models.JSONField(null=True, blank=True, db_comment="The changed columns, after")

    class Meta:
        db_table = "track_history"
        db_table_comment = "Changes of tracks, one row for each change"
        verbose_name = "track change"
        constraints = [
            json_object("track_history", "old_value"),
            json_object("track_history", "new_value"),
        ]
        indexes = [
            # A track's changes, newest first.
            index_on("track_history", "track_id", "-created_at"),
            # What a user changed, newest first.
            index_on("track_history", "user_id", "-created_at"),
            # The newest of all; the purge reads it backwards, from the oldest.
            index_on("track_history", "-created_at"),
        ]

    def __str__(self) -> str:
        return f"{self.track_id}, {self.action}"


class PlaybackAnalytics(BaseModel):
    """How a play went: pauses, seeks, and how much was heard."""

    purged_after = {"created_at": "analytics"}

    track = CascadeKey(Track, related_name="playback_analytics", db_comment="What was played")
    user = SetNullKey(
        User,
        related_name="playback_analytics",
        db_comment="Who listened; NULL: not signed in, or a permanently deleted account",
    )
    session = SetNullKey(
        UserSession,
        related_name="playback_analytics",
        db_comment="The client; NULL: not signed in, or a purged session",
    )
    started_at = models.DateTimeField(db_default=TransactionNow(), db_comment="When it began")
    ended_at = models.DateTimeField(
        null=True, blank=True, db_comment="When it ended; NULL: it has not ended"
    )
    play_time_ms = models.IntegerField(db_default=0, db_comment="Time played, in ms")
    pause_count = models.IntegerField(db_default=0, db_comment="Number of pauses")
    seek_count = models.IntegerField(db_default=0, db_comment="Number of jumps to another position")
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
            index_on("playback_analytics", "track_id", "-created_at"),
            # A user's, newest first.
            index_on("playback_analytics", "user_id", "-created_at"),
            # The rows of a session.
            index_on("playback_analytics", "session_id", "-created_at"),
            # The newest of all.
            index_on("playback_analytics", "-created_at"),
        ]

    def __str__(self) -> str:
        return f"{self.track_id}, {self.started_at}"
