"""The support admin's screens of streams and of the queue that makes them."""

from django.contrib import admin
from django.db.models import Q

from veza_core.screens.actions.notes import AddNote
from veza_core.screens.columns import computed
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.states import UNSORTED, Option, State, View, choices
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
    columns = ("id", "track", "status", "priority", "tries", "error_message", "run_after",
               "completed_at", "created_at")  # fmt: skip
    merged = "status"
    keys = {"track": UNSORTED, "track_version": UNSORTED}
    states = (
        choices("status", TranscodeStatus.choices, order="-created_at"),
        # A bounded number of them: the index knows when jobs were made, and not when they failed.
        State("failed", "Failed", (
            Option("latest", "The last to fail first", Q(status__any_of="failed"), UNSORTED,
                   "status", sorted_by="-updated_at"),
        )),
    )  # fmt: skip
    views = (
        View("Failed, the last first", {"failed": "latest"}, "Failed jobs"),
        View("In processing, the oldest first", {"status": "processing", "order": "reversed"},
             "Stuck in processing"),
        View("Waiting, the oldest first", {"status": "pending", "order": "reversed"}),
    )  # fmt: skip
    row_actions = (*JOB_ACTIONS, AddNote("hls_transcode_queue"))
    personal = False

    @computed("Tries", "attempt_count", "max_attempts")
    def tries(self, row: HlsTranscodeJob) -> str:
        """How often it was tried, and how often it may be."""
        return f"{row.attempt_count} of {row.max_attempts}"


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
    keys = {"track": "-created_at", "user": "-created_at", "session": UNSORTED}
