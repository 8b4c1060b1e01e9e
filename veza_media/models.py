"""What the stream server makes from tracks: HLS streams, their queue, and bitrate changes."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint

from veza_core.db.constraints import non_negative, positive
from veza_core.db.fields import CascadeKey, EnumField, SetNullKey
from veza_core.db.indexes import index_on
from veza_core.db.value_checks import positive_numbers
from veza_core.models import BaseModel, User, UserSession
from veza_streaming.models import Track, TrackVersion


class HlsStreamStatus(models.TextChoices):
    """The values of PostgreSQL type `hls_stream_status`."""

    PENDING = "pending"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


class TranscodeStatus(models.TextChoices):
    """The values of PostgreSQL type `transcode_status`."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class HlsStream(BaseModel):
    """A track, or one of its versions, cut into segments for HLS."""

    track = CascadeKey(Track, related_name="hls_streams", db_comment="The track that it streams")
    track_version = SetNullKey(
        TrackVersion,
        related_name="hls_streams",
        db_comment="Made from this version; NULL: from the first file, or a purged version",
    )
    playlist_url = models.TextField(
        null=True, blank=True, db_comment="The master playlist (m3u8); NULL: not yet created"
    )
    segment_count = models.IntegerField(db_default=0, db_comment="Segments of each rendition")
    segment_duration_ms = models.IntegerField(
        null=True, blank=True, db_comment="Target length of a segment, in ms"
    )
    bitrates = ArrayField(
        models.IntegerField(), db_default=[], blank=True, db_comment="Renditions, in kbit/s"
    )
    status = EnumField(
        enum_type="hls_stream_status",
        choices=HlsStreamStatus.choices,
        db_default=HlsStreamStatus.PENDING,
        db_comment="Processing state",
    )

    class Meta:
        db_table = "hls_streams"
        db_table_comment = "Tracks cut into segments for HLS"
        verbose_name = "HLS stream"
        constraints = [
            non_negative("hls_streams", "segment_count"),
            positive("hls_streams", "segment_duration_ms"),
            positive_numbers("hls_streams", "bitrates"),
        ]
        indexes = [
            # A track's streams, newest first.
            index_on("hls_streams", "track_id", "-created_at"),
            # The newest streams that are not there yet, or failed.
            index_on("hls_streams", "status", "-created_at", condition=~Q(status="ready")),
            # A version's streams.
            index_on("hls_streams", "track_version_id"),
            # The newest of all.
            index_on("hls_streams", "-created_at"),
        ]

    def __str__(self) -> str:
        return f"stream of {self.name_of('track')}"


class HlsTranscodeJob(BaseModel):
    """A stream that must be made. Workers take the next one with FOR UPDATE SKIP LOCKED."""

    track = CascadeKey(Track, related_name="transcode_jobs", db_comment="The track to transcode")
    track_version = CascadeKey(
        TrackVersion,
        null=True,
        blank=True,
        related_name="transcode_jobs",
        db_comment="From this version; NULL: from the first file",
    )
    priority = models.SmallIntegerField(db_default=5, db_comment="1 to 10, 10 first")
    status = EnumField(
        enum_type="transcode_status",
        choices=TranscodeStatus.choices,
        db_default=TranscodeStatus.PENDING,
        db_comment="pending: waits for a worker",
    )
    attempt_count = models.IntegerField(db_default=0, db_comment="Number of attempts so far")
    max_attempts = models.IntegerField(
        db_default=3, db_comment="Number of attempts after which it is failed"
    )
    locked_by = models.CharField(
        max_length=255, null=True, blank=True, db_comment="The worker that has it; NULL: none"
    )
    locked_at = models.DateTimeField(null=True, blank=True, db_comment="When that worker took it")
    run_after = models.DateTimeField(
        db_default=TransactionNow(), db_comment="Workers do not take it before this time"
    )
    started_at = models.DateTimeField(
        null=True, blank=True, db_comment="When the last attempt began"
    )
    completed_at = models.DateTimeField(
        null=True, blank=True, db_comment="When it completed, failed or was cancelled"
    )
    error_message = models.TextField(
        null=True, blank=True, db_comment="Why the last attempt failed"
    )

    class Meta:
        db_table = "hls_transcode_queue"
        db_table_comment = "Transcode jobs; workers take them with FOR UPDATE SKIP LOCKED"
        verbose_name = "transcode job"
        constraints = [
            CheckConstraint(
                condition=Q(priority__gte=1, priority__lte=10),
                name="chk_hls_transcode_queue_priority",
            ),
            CheckConstraint(
                condition=Q(attempt_count__gte=0, attempt_count__lte=F("max_attempts")),
                name="chk_hls_transcode_queue_attempt_count",
            ),
            positive("hls_transcode_queue", "max_attempts"),
            # A job that has ended has the time of its end. Staff find the latest failures by it.
            CheckConstraint(
                condition=Q(completed_at__isnull=False) | Q(status__in=["pending", "processing"]),
                name="chk_hls_transcode_queue_completed_at",
            ),
            # A stream is requested only once. NULL, the track's first file, counts as a version.
            UniqueConstraint(
                fields=["track", "track_version"],
                condition=Q(status="pending"),
                nulls_distinct=False,
                name="idx_hls_transcode_queue_track_id_track_version_id",
            ),
        ]
        indexes = [
            # A track's jobs.
            index_on("hls_transcode_queue", "track_id"),
            # A version's jobs.
            index_on("hls_transcode_queue", "track_version_id"),
            # The next job of a priority. Deferred jobs come after those that can be taken.
            index_on(
                "hls_transcode_queue", "-priority", "run_after", condition=Q(status="pending")
            ),
            # The jobs in a state, newest first.
            index_on("hls_transcode_queue", "status", "-created_at"),
            # Failed jobs, the latest first. Only a failure writes to it. With an index on
            # updated_at, no heartbeat would be a HOT update.
            index_on("hls_transcode_queue", "-completed_at", condition=Q(status="failed")),
        ]

    def __str__(self) -> str:
        return f"job of {self.name_of('track')}"


class BitrateAdaptationLog(BaseModel):
    """A change of bitrate while a listener's client played a stream."""

    purged_after = {"created_at": "bitrate_logs"}

    track = CascadeKey(Track, related_name="bitrate_adaptation_logs", db_comment="What was played")
    user = SetNullKey(
        User,
        related_name="bitrate_adaptation_logs",
        db_comment="Who listened; NULL: not signed in, or a permanently deleted account",
    )
    session = SetNullKey(
        UserSession,
        related_name="bitrate_adaptation_logs",
        db_comment="The client; NULL: not signed in, or a purged session",
    )
    old_bitrate = models.IntegerField(db_comment="Before, in kbit/s")
    new_bitrate = models.IntegerField(db_comment="After, in kbit/s")
    reason = models.CharField(
        max_length=50, db_comment="Open vocabulary, such as bandwidth, buffer, user"
    )
    network_bandwidth = models.IntegerField(
        null=True, blank=True, db_comment="As the client measured it, in kbit/s"
    )
    buffer_level_ms = models.IntegerField(
        null=True, blank=True, db_comment="Music in the client's buffer, in ms"
    )

    class Meta:
        db_table = "bitrate_adaptation_logs"
        db_table_comment = "Changes of bitrate while clients played streams"
        verbose_name = "bitrate change"
        constraints = [
            positive("bitrate_adaptation_logs", "old_bitrate"),
            positive("bitrate_adaptation_logs", "new_bitrate"),
            non_negative("bitrate_adaptation_logs", "network_bandwidth"),
            non_negative("bitrate_adaptation_logs", "buffer_level_ms"),
        ]
        indexes = [
            # A track's, newest first.
            index_on("bitrate_adaptation_logs", "track_id", "-created_at"),
            # A user's, newest first.
            index_on("bitrate_adaptation_logs", "user_id", "-created_at"),
            # The rows of a session.
            index_on("bitrate_adaptation_logs", "session_id", "-created_at"),
            # The newest of all; the purge reads it backwards, from the oldest.
            index_on("bitrate_adaptation_logs", "-created_at"),
        ]

    def __str__(self) -> str:
        return f"{self.old_bitrate} to {self.new_bitrate} kbit/s"
