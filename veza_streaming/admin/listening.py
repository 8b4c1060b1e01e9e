"""What listeners do with tracks."""

from django.contrib import admin

from veza_core.screens.actions.notes import AddNote
from veza_core.screens.actions.soft_deletion import soft_deletion
from veza_core.screens.base import Moment
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.search.finders import token
from veza_core.screens.states import View, boolean, choices
from veza_streaming.models import (
    PlaybackAnalytics,
    SharePermission,
    TrackComment,
    TrackLike,
    TrackPlay,
    TrackShare,
)


@admin.register(TrackPlay)
class TrackPlayAdmin(InspectionAdmin):
    moments = {"user": Moment("Plays", "Played", ("track", "duration_ms")),
               "track": Moment("Plays", "Played by", ("user", "duration_ms"))}  # fmt: skip
    group = "Listening"
    columns = ("id", "track", "user", "duration_ms", "is_complete", "source", "device",
               "country_code", "ip_address", "created_at")  # fmt: skip
    states = (boolean("is_complete", "Heard to the end"),)
    views = (View("This week", {"range": "7d"}, "Plays this week"),)


@admin.register(PlaybackAnalytics)
class PlaybackAnalyticsAdmin(InspectionAdmin):
    group = "Listening"
    columns = ("id", "track", "user", "play_time_ms", "completion_rate", "pause_count",
               "seek_count", "created_at")  # fmt: skip


@admin.register(TrackLike)
class TrackLikeAdmin(InspectionAdmin):
    moments = {"user": Moment("Likes", "Liked", ("track",))}
    group = "Listening"
    columns = ("id", "track", "user", "created_at")


@admin.register(TrackShare)
class TrackShareAdmin(InspectionAdmin):
    moments = {"user": Moment("Content", "Shared", ("track", "permission")),
               "track": Moment("Changes", "Shared by", ("user", "permission"))}  # fmt: skip
    named_by = "track"
    group = "Listening"
    columns = ("id", "track", "user", "permission", "access_count", "expires_at", "created_at")
    states = (choices("permission", SharePermission.choices),)
    finders = (token(live=True),)
    row_actions = (*soft_deletion("track_shares"), AddNote("track_shares"))


@admin.register(TrackComment)
class TrackCommentAdmin(InspectionAdmin):
    moments = {"user": Moment("Comments", "Commented on", ("track", "content")),
               "track": Moment("Comments", "Comment by", ("user", "content"))}  # fmt: skip
    group = "Listening"
    columns = ("content", "track", "user", "position_ms", "is_edited", "created_at")
    states = (boolean("is_edited", "Edited"),)
    views = (View("This week", {"range": "7d"}),)
    label = "content"
    row_actions = (*soft_deletion("track_comments"), AddNote("track_comments"))
