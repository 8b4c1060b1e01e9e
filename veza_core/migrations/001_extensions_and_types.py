"""Extensions and enum types."""

from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations

from veza_core.db.operations import CreateEnum, LegacyExtension


class Migration(migrations.Migration):
    initial = True

    operations = [
        LegacyExtension("pgcrypto"),
        LegacyExtension("uuid-ossp"),
        TrigramExtension(),
        CreateEnum(
            "user_role",
            ["user", "premium", "support", "moderator", "admin", "super_admin"],
            comment="Kind of account, least first",
        ),
        CreateEnum(
            "playlist_permission",
            ["read", "write", "admin"],
            comment="What a collaborator may do with a playlist, least first",
        ),
        CreateEnum(
            "track_status",
            ["uploading", "processing", "ready", "failed"],
            comment="Processing state of a track",
        ),
        CreateEnum(
            "hls_stream_status",
            ["pending", "processing", "ready", "failed"],
            comment="Processing state of an HLS stream",
        ),
        CreateEnum(
            "transcode_status",
            ["pending", "processing", "completed", "failed", "cancelled"],
            comment="State of a transcode job",
        ),
    ]
