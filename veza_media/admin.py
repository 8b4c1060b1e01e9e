"""The support admin's screens of streams and of the queue that makes them."""

from django.contrib import admin

from veza_core.screens.actions.notes import AddNote
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.states import UNSORTED, choices
from veza_media.job_actions import JOB_ACTIONS
from veza_media.models import (
    BitrateAdaptationLog,
    HlsStream,
    HlsStreamStatus,
    HlsTranscodeJob,
    TranscodeStatus,
)


@admin.register(HlsTranscodeJob)
class HlsTranscodeJobAdmin(InspectionAdmin):
    named_by = "track"
    group = "Media processing"
    columns = ("id", "track", "status", "priority", "attempt_count", "max_attempts",
               "error_message", "run_after", "created_at")  # fmt: skip
    merged = "status"
    keys = {"track": UNSORTED, "track_version": UNSORTED}
    states = (choices("status", TranscodeStatus.choices, order="-created_at"),)
    row_actions = (*JOB_ACTIONS, AddNote("hls_transcode_queue"))
    personal = False


@admin.register(HlsStream)
class HlsStreamAdmin(InspectionAdmin):
    group = "Media processing"
    columns = ("id", "track", "track_version", "status", "bitrates", "segment_count",
               "created_at")  # fmt: skip
    keys = {"track": "-created_at", "track_version": UNSORTED}
    states = (choices("status", HlsStreamStatus.choices, order="-created_at", unordered=["ready"]),)
    personal = False


@admin.register(BitrateAdaptationLog)
class BitrateAdaptationLogAdmin(InspectionAdmin):
    group = "Media processing"
    columns = ("id", "track", "user", "old_bitrate", "new_bitrate", "reason",
               "network_bandwidth", "buffer_level_ms", "created_at")  # fmt: skip
    keys = {"track": "-created_at", "user": "-created_at", "session": "-created_at"}
