"""HLS streams, the transcode queue, and bitrate logs."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import TransactionNow
from django.db import migrations, models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint

from veza_core.db.constraints import non_negative, positive
from veza_core.db.fields import CascadeKey, EnumField, SetNullKey, base_columns
from veza_core.db.indexes import index_on
from veza_core.db.operations import LARGE, SetStorageParameters
from veza_core.db.value_checks import positive_numbers


class Migration(migrations.Migration):
    initial = True

    dependencies = [("veza_streaming", "041_streaming_analytics")]

    operations = [
        migrations.CreateModel(
            name="HlsStream",
            fields=base_columns(
                track=CascadeKey(
                    db_comment="The track that it streams",
                    related_name="hls_streams",
                    to="veza_streaming.track",
                ),
                track_version=SetNullKey(
                    db_comment="Made from this version; NULL: from the first file, or a purged version",
                    related_name="hls_streams",
                    to="veza_streaming.trackversion",
                ),
                playlist_url=models.TextField(
                    blank=True,
                    db_comment="The master playlist (m3u8); NULL: not yet created",
                    null=True,
                ),
                segment_count=models.IntegerField(
                    db_comment="Segments of each rendition", db_default=0
                ),
                segment_duration_ms=models.IntegerField(
                    blank=True, db_comment="Target length of a segment, in ms", null=True
                ),
                bitrates=ArrayField(
                    base_field=models.IntegerField(),
                    blank=True,
                    db_comment="Renditions, in kbit/s",
                    db_default=[],
                ),
                status=EnumField(
                    db_comment="Processing state",
                    db_default="pending",
                    enum_type="hls_stream_status",
                ),
            ),
            options={
                "verbose_name": "HLS stream",
                "db_table": "hls_streams",
                "db_table_comment": "Tracks cut into segments for HLS",
                "indexes": [
                    index_on("hls_streams", "track_id", "-created_at"),
                    index_on("hls_streams", "status", "-created_at", condition=~Q(status="ready")),
                    index_on("hls_streams", "track_version_id"),
                    index_on("hls_streams", "-created_at"),
                ],
                "constraints": [
                    non_negative("hls_streams", "segment_count"),
                    positive("hls_streams", "segment_duration_ms"),
                    positive_numbers("hls_streams", "bitrates"),
                ],
            },
        ),
        migrations.CreateModel(
            name="HlsTranscodeJob",
            fields=base_columns(
                track=CascadeKey(
                    db_comment="The track to transcode",
                    related_name="transcode_jobs",
                    to="veza_streaming.track",
                ),
                track_version=CascadeKey(
                    blank=True,
                    db_comment="From this version; NULL: from the first file",
                    null=True,
                    related_name="transcode_jobs",
                    to="veza_streaming.trackversion",
                ),
                priority=models.SmallIntegerField(db_comment="1 to 10, 10 first", db_default=5),
                status=EnumField(
                    db_comment="pending: waits for a worker",
                    db_default="pending",
                    enum_type="transcode_status",
                ),
                attempt_count=models.IntegerField(
                    db_comment="Number of attempts so far", db_default=0
                ),
                max_attempts=models.IntegerField(
                    db_comment="Number of attempts after which it is failed", db_default=3
                ),
                locked_by=models.CharField(
                    blank=True,
                    db_comment="The worker that has it; NULL: none",
                    max_length=255,
                    null=True,
                ),
                locked_at=models.DateTimeField(
                    blank=True, db_comment="When that worker took it", null=True
                ),
                run_after=models.DateTimeField(
                    db_comment="Workers do not take it before this time",
                    db_default=TransactionNow(),
                ),
                started_at=models.DateTimeField(
                    blank=True, db_comment="When the last attempt began", null=True
                ),
                completed_at=models.DateTimeField(
                    blank=True, db_comment="When it completed, failed or was cancelled", null=True
                ),
                error_message=models.TextField(
                    blank=True, db_comment="Why the last attempt failed", null=True
                ),
            ),
            options={
                "verbose_name": "transcode job",
                "db_table": "hls_transcode_queue",
                "db_table_comment": "Transcode jobs; workers take them with FOR UPDATE SKIP LOCKED",
                "indexes": [
                    index_on("hls_transcode_queue", "track_id"),
                    index_on("hls_transcode_queue", "track_version_id"),
                    index_on(
                        "hls_transcode_queue",
                        "-priority",
                        "run_after",
                        condition=Q(status="pending"),
                    ),
                    index_on("hls_transcode_queue", "status", "-created_at"),
                    index_on("hls_transcode_queue", "-completed_at", condition=Q(status="failed")),
                ],
                "constraints": [
                    CheckConstraint(
                        condition=Q(priority__gte=1, priority__lte=10),
                        name="chk_hls_transcode_queue_priority",
                    ),
                    CheckConstraint(
                        condition=Q(attempt_count__gte=0, attempt_count__lte=F("max_attempts")),
                        name="chk_hls_transcode_queue_attempt_count",
                    ),
                    positive("hls_transcode_queue", "max_attempts"),
                    CheckConstraint(
                        condition=Q(completed_at__isnull=False)
                        | Q(status__in=["pending", "processing"]),
                        name="chk_hls_transcode_queue_completed_at",
                    ),
                    UniqueConstraint(
                        fields=["track", "track_version"],
                        condition=Q(status="pending"),
                        nulls_distinct=False,
                        name="idx_hls_transcode_queue_track_id_track_version_id",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BitrateAdaptationLog",
            fields=base_columns(
                track=CascadeKey(
                    db_comment="What was played",
                    related_name="bitrate_adaptation_logs",
                    to="veza_streaming.track",
                ),
                user=SetNullKey(
                    db_comment="Who listened; NULL: not signed in, or a permanently deleted account",
                    related_name="bitrate_adaptation_logs",
                    to=settings.AUTH_USER_MODEL,
                ),
                session=SetNullKey(
                    db_comment="The client; NULL: not signed in, or a purged session",
                    related_name="bitrate_adaptation_logs",
                    to="veza_core.usersession",
                ),
                old_bitrate=models.IntegerField(db_comment="Before, in kbit/s"),
                new_bitrate=models.IntegerField(db_comment="After, in kbit/s"),
                reason=models.CharField(
                    db_comment="Open vocabulary, such as bandwidth, buffer, user", max_length=50
                ),
                network_bandwidth=models.IntegerField(
                    blank=True, db_comment="As the client measured it, in kbit/s", null=True
                ),
                buffer_level_ms=models.IntegerField(
                    blank=True, db_comment="Music in the client's buffer, in ms", null=True
                ),
            ),
            options={
                "db_table": "bitrate_adaptation_logs",
                "verbose_name": "bitrate change",
                "db_table_comment": "Changes of bitrate while clients played streams",
                "indexes": [
                    index_on("bitrate_adaptation_logs", "track_id", "-created_at"),
                    index_on("bitrate_adaptation_logs", "user_id", "-created_at"),
                    index_on("bitrate_adaptation_logs", "session_id", "-created_at"),
                    index_on("bitrate_adaptation_logs", "-created_at"),
                ],
                "constraints": [
                    positive("bitrate_adaptation_logs", "old_bitrate"),
                    positive("bitrate_adaptation_logs", "new_bitrate"),
                    non_negative("bitrate_adaptation_logs", "network_bandwidth"),
                    non_negative("bitrate_adaptation_logs", "buffer_level_ms"),
                ],
            },
        ),
        SetStorageParameters("hls_transcode_queue", **LARGE),
        SetStorageParameters("bitrate_adaptation_logs", **LARGE),
    ]
