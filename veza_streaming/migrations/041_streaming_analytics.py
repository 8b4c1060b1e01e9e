"""Plays, likes, shares, comments and history."""

from django.conf import settings
from django.contrib.postgres.functions import TransactionNow
from django.db import migrations, models
from django.db.models import CheckConstraint, F, Q

from veza_core.db.constraints import LIVE, characters_between, different, non_negative, one_of
from veza_core.db.fields import CascadeKey, SetNullKey, base_columns, soft_delete_columns
from veza_core.db.indexes import index_on, set_index, unique_on
from veza_core.db.operations import LARGE, SetStorageParameters
from veza_core.db.text_checks import country, not_blank
from veza_core.db.value_checks import json_object, moment


class Migration(migrations.Migration):
    dependencies = [("veza_streaming", "040_streaming_core")]

    operations = [
        migrations.CreateModel(
            name="TrackPlay",
            fields=base_columns(
                track=CascadeKey(
                    db_comment="What was played", related_name="plays", to="veza_streaming.track"
                ),
                user=SetNullKey(
                    db_comment="Who listened; NULL: not signed in, or a permanently deleted account",
                    related_name="track_plays",
                    to=settings.AUTH_USER_MODEL,
                ),
                started_at=models.DateTimeField(
                    db_comment="When it began", db_default=TransactionNow()
                ),
                duration_ms=models.IntegerField(
                    db_comment="How much was heard, in ms", db_default=0
                ),
                is_complete=models.BooleanField(
                    db_comment="Whether it was heard to the end", db_default=False
                ),
                source=models.CharField(
                    blank=True,
                    db_comment="Where it was started from, open vocabulary, such as playlist, search, radio",
                    max_length=50,
                    null=True,
                ),
                device=models.CharField(
                    blank=True,
                    db_comment="Kind of device, open vocabulary, such as phone, web, tv",
                    max_length=50,
                    null=True,
                ),
                ip_address=models.GenericIPAddressField(
                    blank=True, db_comment="The listener's IP address", null=True
                ),
                country_code=models.CharField(
                    blank=True,
                    db_comment="ISO 3166-1 alpha-2, in capitals",
                    max_length=2,
                    null=True,
                ),
            ),
            options={
                "db_table": "track_plays",
                "verbose_name": "play",
                "db_table_comment": "Plays of tracks, one row for each play",
                "indexes": [
                    index_on("track_plays", "track_id", "-created_at"),
                    index_on("track_plays", "user_id", "-created_at"),
                    index_on("track_plays", "-created_at"),
                ],
                "constraints": [
                    non_negative("track_plays", "duration_ms"),
                    country("track_plays", "country_code"),
                ],
            },
        ),
        migrations.CreateModel(
            name="TrackLike",
            fields=soft_delete_columns(
                track=CascadeKey(
                    db_comment="What is liked", related_name="likes", to="veza_streaming.track"
                ),
                user=CascadeKey(
                    db_comment="Who likes it",
                    related_name="track_likes",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            options={
                "db_table": "track_likes",
                "verbose_name": "like",
                "db_table_comment": "Which user likes which track",
                "indexes": [
                    index_on("track_likes", "track_id", "-created_at"),
                    index_on("track_likes", "user_id", "-created_at"),
                    index_on("track_likes", "-created_at"),
                    set_index("track_likes", "deleted_at"),
                ],
                "constraints": [unique_on("track_likes", "track_id", "user_id", condition=LIVE)],
            },
        ),
        migrations.CreateModel(
            name="TrackShare",
            fields=soft_delete_columns(
                track=CascadeKey(
                    db_comment="What is shared", related_name="shares", to="veza_streaming.track"
                ),
                user=CascadeKey(
                    db_comment="Who shares it",
                    related_name="track_shares",
                    to=settings.AUTH_USER_MODEL,
                ),
                token_hash=models.CharField(
                    db_comment="Hash of the token: a secret", max_length=255
                ),
                permission=models.CharField(
                    choices=[("stream", "Stream"), ("download", "Download")],
                    db_comment="stream or download",
                    db_default="stream",
                    max_length=20,
                ),
                expires_at=models.DateTimeField(
                    blank=True, db_comment="When it ends; NULL: never", null=True
                ),
                access_count=models.IntegerField(db_comment="Number of uses", db_default=0),
            ),
            options={
                "db_table": "track_shares",
                "verbose_name": "share link",
                "db_table_comment": "Links through which tracks are heard without an account",
                "indexes": [
                    index_on("track_shares", "track_id", "-created_at"),
                    index_on("track_shares", "user_id", "-created_at"),
                    index_on("track_shares", "-created_at"),
                    set_index("track_shares", "deleted_at"),
                ],
                "constraints": [
                    unique_on("track_shares", "token_hash", condition=LIVE),
                    one_of("track_shares", "permission", ["stream", "download"]),
                    non_negative("track_shares", "access_count"),
                    moment("track_shares", "expires_at"),
                ],
            },
        ),
        migrations.CreateModel(
            name="TrackComment",
            fields=soft_delete_columns(
                track=CascadeKey(
                    db_comment="What is commented on",
                    related_name="comments",
                    to="veza_streaming.track",
                ),
                user=CascadeKey(
                    db_comment="Who wrote it",
                    related_name="track_comments",
                    to=settings.AUTH_USER_MODEL,
                ),
                parent=SetNullKey(
                    db_comment="The comment it replies to; NULL: it begins a thread, or its parent was purged",
                    related_name="replies",
                    to="veza_streaming.trackcomment",
                ),
                content=models.TextField(db_comment="1 to 5000 characters"),
                position_ms=models.IntegerField(
                    blank=True,
                    db_comment="Where in the track, in ms; NULL: the whole track",
                    null=True,
                ),
                is_edited=models.BooleanField(
                    db_comment="Whether the author changed it afterwards", db_default=False
                ),
            ),
            options={
                "db_table": "track_comments",
                "verbose_name": "comment",
                "db_table_comment": "Comments of users on tracks, in threads",
                "indexes": [
                    index_on("track_comments", "track_id", "-created_at"),
                    index_on("track_comments", "user_id", "-created_at"),
                    index_on("track_comments", "-created_at"),
                    index_on("track_comments", "parent_id", "-created_at"),
                    set_index("track_comments", "deleted_at"),
                ],
                "constraints": [
                    different("track_comments", "parent_id", "id"),
                    characters_between("track_comments", "content", 1, 5000),
                    not_blank("track_comments", "content"),
                    non_negative("track_comments", "position_ms"),
                ],
            },
        ),
        migrations.CreateModel(
            name="TrackHistory",
            fields=base_columns(
                track=CascadeKey(
                    db_comment="What was changed", related_name="history", to="veza_streaming.track"
                ),
                user=SetNullKey(
                    db_comment="Who did it; NULL: the platform, or a permanently deleted account",
                    related_name="track_history",
                    to=settings.AUTH_USER_MODEL,
                ),
                action=models.CharField(
                    db_comment="Open vocabulary, such as created, updated, published", max_length=50
                ),
                old_value=models.JSONField(
                    blank=True, db_comment="The changed columns, before", null=True
                ),
                new_value=models.JSONField(
                    blank=True, db_comment="The changed columns, after", null=True
                ),
            ),
            options={
                "db_table": "track_history",
                "verbose_name": "track change",
                "db_table_comment": "Changes of tracks, one row for each change",
                "indexes": [
                    index_on("track_history", "track_id", "-created_at"),
                    index_on("track_history", "user_id", "-created_at"),
                    index_on("track_history", "-created_at"),
                ],
                "constraints": [
                    json_object("track_history", "old_value"),
                    json_object("track_history", "new_value"),
                ],
            },
        ),
        migrations.CreateModel(
            name="PlaybackAnalytics",
            fields=base_columns(
                track=CascadeKey(
                    db_comment="What was played",
                    related_name="playback_analytics",
                    to="veza_streaming.track",
                ),
                user=SetNullKey(
                    db_comment="Who listened; NULL: not signed in, or a permanently deleted account",
                    related_name="playback_analytics",
                    to=settings.AUTH_USER_MODEL,
                ),
                session=SetNullKey(
                    db_comment="The client; NULL: not signed in, or a purged session",
                    related_name="playback_analytics",
                    to="veza_core.usersession",
                ),
                started_at=models.DateTimeField(
                    db_comment="When it began", db_default=TransactionNow()
                ),
                ended_at=models.DateTimeField(
                    blank=True, db_comment="When it ended; NULL: it has not ended", null=True
                ),
                play_time_ms=models.IntegerField(db_comment="Time played, in ms", db_default=0),
                pause_count=models.IntegerField(db_comment="Number of pauses", db_default=0),
                seek_count=models.IntegerField(
                    db_comment="Number of jumps to another position", db_default=0
                ),
                completion_rate=models.DecimalField(
                    db_comment="Part heard, in percent",
                    db_default=0,
                    decimal_places=2,
                    max_digits=5,
                ),
            ),
            options={
                "db_table": "playback_analytics",
                "verbose_name": "playback report",
                "db_table_comment": "How playback went, one row for each play",
                "indexes": [
                    index_on("playback_analytics", "track_id", "-created_at"),
                    index_on("playback_analytics", "user_id", "-created_at"),
                    index_on("playback_analytics", "session_id", "-created_at"),
                    index_on("playback_analytics", "-created_at"),
                ],
                "constraints": [
                    CheckConstraint(
                        condition=Q(ended_at__gte=F("started_at")),
                        name="chk_playback_analytics_ended_at",
                    ),
                    non_negative("playback_analytics", "play_time_ms"),
                    non_negative("playback_analytics", "pause_count"),
                    non_negative("playback_analytics", "seek_count"),
                    CheckConstraint(
                        condition=Q(completion_rate__gte=0, completion_rate__lte=100),
                        name="chk_playback_analytics_completion_rate",
                    ),
                ],
            },
        ),
        SetStorageParameters("track_plays", **LARGE),
        SetStorageParameters("track_likes", **LARGE),
        SetStorageParameters("track_comments", **LARGE),
        SetStorageParameters("track_history", **LARGE),
        SetStorageParameters("playback_analytics", **LARGE),
    ]
