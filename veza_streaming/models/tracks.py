"""Tracks, and the versions of their files."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper

from veza_core.counters import Counter
from veza_core.db.constraints import LIVE, non_negative, positive
from veza_core.db.fields import CascadeKey, EnumField, SetNullKey
from veza_core.db.indexes import Index, index_on, search_index, set_index, unique_on, word_indexes
from veza_core.db.text_checks import not_blank, slug
from veza_core.db.value_checks import labels, moment
from veza_core.models import SoftDeleteModel, User


class TrackStatus(models.TextChoices):
    """The values of PostgreSQL type `track_status`."""

    UPLOADING = "uploading"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


class Track(SoftDeleteModel):
    """A piece of music that a user uploaded."""

    counters = (
        Counter("play_count", rows="track_plays", key="track_id", only_grows=True),
        Counter("like_count", rows="track_likes", key="track_id"),
        Counter("comment_count", rows="track_comments", key="track_id"),
    )

    user = CascadeKey(User, related_name="tracks", db_comment="Who uploaded it")
    title = models.CharField(max_length=255, db_comment="Title, as shown")
    slug = models.CharField(
        max_length=255, null=True, blank=True, db_comment="Name in URLs; unique among live rows"
    )
    artist = models.CharField(max_length=255, null=True, blank=True, db_comment="As shown")
    album = models.CharField(max_length=255, null=True, blank=True, db_comment="As shown")
    genre = models.CharField(
        max_length=100,
        null=True,
        blank=True,
        db_comment="One genre, open vocabulary, such as house, jazz",
    )
    release_year = models.SmallIntegerField(
        null=True, blank=True, db_comment="Year of first release (Gregorian)"
    )
    tags = ArrayField(
        models.CharField(max_length=100),
        db_default=[],
        blank=True,
        db_comment="Labels that the uploader chose, 50 at most",
    )
    duration_ms = models.IntegerField(
        null=True, blank=True, db_comment="Length in milliseconds; NULL: not yet known"
    )
    file_path = models.TextField(db_comment="The original file, in object storage")
    file_size = models.BigIntegerField(
        null=True, blank=True, db_comment="Size of the original file in bytes"
    )
    format = models.CharField(
        max_length=20,
        null=True,
        blank=True,
        db_comment="Container or codec, open vocabulary, such as flac, mp3",
    )
    bitrate = models.IntegerField(
        null=True, blank=True, db_comment="Of the original file, in kbit/s"
    )
    sample_rate = models.IntegerField(
        null=True, blank=True, db_comment="Of the original file, in Hz"
    )
    cover_art_path = models.TextField(
        null=True, blank=True, db_comment="Picture, in object storage"
    )
    waveform_path = models.TextField(
        null=True, blank=True, db_comment="Waveform data, in object storage"
    )
    status = EnumField(
        enum_type="track_status",
        choices=TrackStatus.choices,
        db_default=TrackStatus.UPLOADING,
        db_comment="Processing state",
    )
    is_public = models.BooleanField(db_default=True, db_comment="Whether others may find it")
    published_at = models.DateTimeField(
        null=True, blank=True, db_comment="When it was published; NULL: not published"
    )
    play_count = models.BigIntegerField(db_default=0, db_comment="Plays, counted by the services")
    like_count = models.BigIntegerField(db_default=0, db_comment="Likes, counted by the services")
    comment_count = models.BigIntegerField(
        db_default=0, db_comment="Comments, counted by the services"
    )
    weekly_play_count = models.IntegerField(
        db_default=0,
        db_comment="Plays of the last 7 days, as manage.py count_weekly_plays last counted them; "
        "0: not among the most played",
    )

    class Meta:
        db_table = "tracks"
        db_table_comment = "Pieces of music that users uploaded"
        constraints = [
            unique_on("tracks", "slug", condition=LIVE),
            not_blank("tracks", "title"),
            slug("tracks"),
            not_blank("tracks", "artist"),
            not_blank("tracks", "album"),
            not_blank("tracks", "genre"),
            labels("tracks", "tags", 50),
            non_negative("tracks", "duration_ms"),
            non_negative("tracks", "file_size"),
            positive("tracks", "bitrate"),
            positive("tracks", "sample_rate"),
            non_negative("tracks", "play_count"),
            non_negative("tracks", "like_count"),
            non_negative("tracks", "comment_count"),
            non_negative("tracks", "weekly_play_count"),
            moment("tracks", "published_at"),
        ]
        indexes = [
            # A user's tracks, newest first.
            index_on("tracks", "user_id", "-created_at"),
            # The newest tracks.
            index_on("tracks", "-created_at"),
            # The newest tracks of a genre.
            index_on("tracks", "genre", "-created_at"),
            # The newest tracks that are not ready, or failed: few, so other live tracks cost
            # nothing.
            index_on("tracks", "status", "-created_at", condition=~Q(status="ready")),
            # The most played tracks of a week. Only these are in it.
            index_on("tracks", "-weekly_play_count", condition=Q(weekly_play_count__gt=0)),
            # The listeners' search, by the text of a title from one of its words on.
            *word_indexes("tracks", "title"),
            # Search by the whole artist, in any case. A trigram index would read all rows with
            # these words, and finds nothing for two characters.
            Index(Upper("artist"), name="idx_tracks_artist_upper"),
            # Support search, by any part of the title or the artist.
            search_index("tracks", "title"),
            search_index("tracks", "artist"),
            # The purge of tracks that were deleted long ago.
            set_index("tracks", "deleted_at"),
        ]

    def __str__(self) -> str:
        return self.title


class TrackVersion(SoftDeleteModel):
    """A file that replaced, or will replace, a track's first one."""

    track = CascadeKey(Track, related_name="versions", db_comment="The track it is a version of")
    created_by = SetNullKey(
        User,
        related_name="track_versions",
        db_comment="Who uploaded it; NULL: a permanently deleted account",
    )
    version_number = models.IntegerField(db_comment="1, 2, 3, … within the track")
    file_path = models.TextField(db_comment="The file, in object storage")
    file_size = models.BigIntegerField(null=True, blank=True, db_comment="Size in bytes")
    changelog = models.TextField(null=True, blank=True, db_comment="Description of the changes")

    class Meta:
        db_table = "track_versions"
        db_table_comment = "Files that replaced, or will replace, a track's first one"
        constraints = [
            unique_on("track_versions", "track_id", "version_number", condition=LIVE),
            positive("track_versions", "version_number"),
            non_negative("track_versions", "file_size"),
        ]
        indexes = [
            # A track's versions, newest first.
            index_on("track_versions", "track_id", "-created_at"),
            # What a user uploaded.
            index_on("track_versions", "created_by_id", "-created_at"),
            # The newest of all.
            index_on("track_versions", "-created_at"),
            # The purge of versions that were deleted long ago.
            set_index("track_versions", "deleted_at"),
        ]

    def __str__(self) -> str:
        return f"{self.track_id}, version {self.version_number}"
