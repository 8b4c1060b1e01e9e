"""Tracks, their versions and their changes."""

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString

from veza_core.access import StaffRequest
from veza_core.screens.actions.notes import AddNote
from veza_core.screens.actions.soft_deletion import soft_deletion
from veza_core.screens.base import Moment
from veza_core.screens.columns import computed
from veza_core.screens.differences import differences
from veza_core.screens.display import badge
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.search.finders import part, slug, whole
from veza_core.screens.states import View, boolean, choices
from veza_streaming.admin.plays import plays_by_day
from veza_streaming.models import Track, TrackHistory, TrackStatus, TrackVersion


@admin.register(Track)
class TrackAdmin(InspectionAdmin):
    moments = {"user": Moment("Content", "Uploaded", ("title", "status"), fails=True)}
    has_timeline = True
    panels_lead = True
    group = "Catalogue"
    columns = ("title", "artist", "user", "status", "genre", "duration_ms", "play_count",
               "created_at")  # fmt: skip
    keys = {"genre": "-created_at"}
    states = (
        choices("status", TrackStatus.choices, order="-created_at", unordered=["ready"]),
        boolean("is_public", "Public"),
    )
    views = (
        View("Failed", {"status": "failed"}),
        View("In processing, oldest first", {"status": "processing", "order": "reversed"}),
        View("This week", {"range": "7d"}),
    )
    label = "title"
    finders = (whole("title"), whole("artist"), slug(), part("title"),
               part("artist"))  # fmt: skip
    row_actions = (*soft_deletion("tracks", typed="title"), AddNote("tracks"))
    sections = (
        ("Track", ("title", "artist", "album", "user", "genre", "release_year", "tags",
                   "duration_ms", "slug")),
        ("State", ("status", "is_public", "published_at", "play_count", "weekly_play_count",
                   "like_count", "comment_count")),
        ("File", ("file_path", "file_size", "format", "bitrate", "sample_rate", "cover_art_path",
                  "waveform_path")),
    )  # fmt: skip

    def glance(self, request: StaffRequest, row: Track) -> list[SafeString]:
        hidden = [] if row.is_public else [badge("hidden", "Not public")]
        return [*super().glance(request, row), *hidden, self.column("user")(row)]

    def page_context(self, request: StaffRequest, row: Track) -> dict[str, Any]:
        context = super().page_context(request, row)
        if request.access.may("track_plays", "read"):
            context["chart"] = plays_by_day(row, self.read_alias)
        return context


@admin.register(TrackVersion)
class TrackVersionAdmin(InspectionAdmin):
    moments = {"track": Moment("Changes", "New version", ("version_number", "changelog"))}
    group = "Catalogue"
    columns = ("id", "track", "version_number", "file_size", "created_by", "changelog",
               "created_at")  # fmt: skip


@admin.register(TrackHistory)
class TrackHistoryAdmin(InspectionAdmin):
    moments = {"user": Moment("Changes", "Changed", ("track", "action", "change")),
               "track": Moment("Changes", "Changed by", ("user", "action", "change"))}  # fmt: skip
    group = "Catalogue"
    columns = ("id", "track", "action", "user", "change", "created_at")
    sections = (
        ("Change", ("track", "user", "action", "changes")),
        ("As recorded", ("old_value", "new_value")),
    )

    @computed("Changes", "old_value", "new_value")
    def changes(self, row: TrackHistory) -> SafeString:
        return differences(Track, row.old_value, row.new_value, row=row)

    @computed("Changes", "old_value", "new_value")
    def change(self, row: TrackHistory) -> SafeString:
        return differences(Track, row.old_value, row.new_value, whole=False, row=row)
