"""What listeners do with tracks."""

from django.contrib import admin

from veza_core.screens.actions.notes import AddNote
from veza_core.screens.actions.soft_deletion import soft_deletion
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.search.finders import token
from veza_core.screens.states import UNSORTED, View, boolean, choices
from veza_streaming.models import (
    PlaybackAnalytics,
    SharePermission,
    TrackComment,
    TrackLike,
    TrackPlay,
    TrackShare,
)

#: Of a table with idx(track_id, created_at DESC) and idx(user_id, created_at DESC).
BY_TRACK_AND_USER = {"track": "-created_at", "user": "-created_at"}


@admin.register(TrackPlay)
class TrackPlayAdmin(InspectionAdmin):
    group = "Listening"
    columns = ("id", "track", "user", "duration_ms", "is_complete", "source", "device",
               "country_code", "ip_address", "created_at")  # fmt: skip
    keys = BY_TRACK_AND_USER
    states = (boolean("is_complete", "Heard to the end"),)
    views = (View("This week", {"range": "7d"}, "Plays this week"),)


@admin.register(PlaybackAnalytics)
class PlaybackAnalyticsAdmin(InspectionAdmin):
    group = "Listening"
    columns = ("id", "track", "user", "play_time_ms", "completion_rate", "pause_count",
               "seek_count", "created_at")  # fmt: skip
    keys = {**BY_TRACK_AND_USER, "session": UNSORTED}


@admin.register(TrackLike)
class TrackLikeAdmin(InspectionAdmin):
    group = "Listening"
    columns = ("id", "track", "user", "created_at")
    keys = BY_TRACK_AND_USER


@admin.register(TrackShare)
class TrackShareAdmin(InspectionAdmin):
    named_by = "track"
    group = "Listening"
    columns = ("id", "track", "user", "permission", "access_count", "expires_at", "created_at")
    keys = BY_TRACK_AND_USER
    states = (choices("permission", SharePermission.choices),)
    finders = (token(live=True),)
    row_actions = (*soft_deletion("track_shares"), AddNote("track_shares"))


@admin.register(TrackComment)
class TrackCommentAdmin(InspectionAdmin):
    group = "Listening"
    columns = ("content", "track", "user", "position_ms", "is_edited", "created_at")
    keys = {**BY_TRACK_AND_USER, "parent": UNSORTED}
    states = (boolean("is_edited", "Edited"),)
    views = (View("This week", {"range": "7d"}),)
    label = "content"
    row_actions = (*soft_deletion("track_comments"), AddNote("track_comments"))
