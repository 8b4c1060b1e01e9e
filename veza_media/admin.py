"""The support admin's screens of streams and of the transcode queue."""

from uuid import UUID

from django.contrib import admin
from django.db.models import Q

from veza_core.models import User
from veza_core.screens.actions.notes import AddNote
from veza_core.screens.base import Moment
from veza_core.screens.columns import computed
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.listing import user_of
from veza_core.screens.panels import THROUGH
from veza_core.screens.states import NOBODY, UNSORTED, Criterion, Option, State, View, choices
from veza_media.job_actions import JOB_ACTIONS
from veza_media.models import (
    BitrateAdaptationLog,
    HlsStream,
    HlsStreamStatus,
    HlsTranscodeJob,
    TranscodeStatus,
)
from veza_streaming.models import Track


def _of_tracks(user: UUID, alias: str) -> Q:
    """Select the jobs of a user's latest tracks, as the user's page does."""
    tracks = Track._base_manager.using(alias).filter(user__any_of=user)
    latest = tracks.order_by("user", "-created_at").values_list("pk", flat=True)[:THROUGH]
    # As values: with a subquery, PostgreSQL might read all jobs.
    return Q(track__in=set(latest) or {NOBODY})


@admin.register(HlsTranscodeJob)
class HlsTranscodeJobAdmin(InspectionAdmin):
    moments = {"track": Moment("Jobs", "Transcode job", ("status", "error_message"), fails=True)}
    named_by = "track"
    group = "Media processing"
    columns = ("id", "track", "status", "priority", "tries", "error_message", "run_after",
               "completed_at", "created_at")  # fmt: skip
    merged = "status"
    panels_through = {"track": "user"}
    criteria = (
        Criterion("track_user", f"For the user’s latest {THROUGH} tracks", user_of, _of_tracks,
                  UNSORTED, "track", ("tracks",), User),
    )  # fmt: skip
    states = (
        choices("status", TranscodeStatus.choices, order="-created_at"),
        State("failed", "Failed", (
            # Jobs without the time, which docs/services.md does not allow, come first.
            Option("latest", "Latest failure first", Q(status="failed"), "-completed_at"),
        )),
    )  # fmt: skip
    views = (
        View("Failed, latest first", {"failed": "latest"}, "Failed jobs"),
        View("In processing, oldest first", {"status": "processing", "order": "reversed"},
             "Stuck in processing"),
        View("Waiting, oldest first", {"status": "pending", "order": "reversed"}),
    )  # fmt: skip
    row_actions = (*JOB_ACTIONS, AddNote("hls_transcode_queue"))
    personal = False

    @computed("Tries", "attempt_count", "max_attempts")
    def tries(self, row: HlsTranscodeJob) -> str:
        return f"{row.attempt_count} of {row.max_attempts}"


@admin.register(HlsStream)
class HlsStreamAdmin(InspectionAdmin):
    moments = {"track": Moment("Jobs", "Stream", ("status", "bitrates"), fails=True)}
    group = "Media processing"
    columns = ("id", "track", "track_version", "status", "bitrates", "segment_count",
               "created_at")  # fmt: skip
    states = (choices("status", HlsStreamStatus.choices, order="-created_at", unordered=["ready"]),)
    personal = False


@admin.register(BitrateAdaptationLog)
class BitrateAdaptationLogAdmin(InspectionAdmin):
    group = "Media processing"
    columns = ("id", "track", "user", "old_bitrate", "new_bitrate", "reason",
               "network_bandwidth", "buffer_level_ms", "created_at")  # fmt: skip
