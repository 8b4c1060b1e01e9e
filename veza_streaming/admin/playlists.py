"""Playlists: their tracks, who may change them, who follows them."""

from django.contrib import admin

from veza_core.screens.actions.notes import AddNote
from veza_core.screens.actions.soft_deletion import soft_deletion
from veza_core.screens.base import Moment
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.search.finders import part, slug, whole
from veza_core.screens.states import boolean, choices
from veza_streaming.models import (
    Playlist,
    PlaylistCollaborator,
    PlaylistFollow,
    PlaylistPermission,
    PlaylistTrack,
)


@admin.register(Playlist)
class PlaylistAdmin(InspectionAdmin):
    moments = {"user": Moment("Content", "Made the playlist", ("title",))}
    group = "Playlists"
    columns = ("title", "user", "is_public", "track_count", "follower_count", "created_at")
    states = (boolean("is_public", "Public"),)
    label = "title"
    finders = (whole("title"), slug(), part("title"))
    row_actions = (*soft_deletion("playlists", typed="title"), AddNote("playlists"))


@admin.register(PlaylistTrack)
class PlaylistTrackAdmin(InspectionAdmin):
    group = "Playlists"
    columns = ("id", "playlist", "position", "track", "added_by", "created_at")
    keys = {"playlist": "position"}


@admin.register(PlaylistCollaborator)
class PlaylistCollaboratorAdmin(InspectionAdmin):
    group = "Playlists"
    columns = ("id", "playlist", "user", "permission", "invited_by", "accepted_at", "created_at")
    order = "id"
    states = (choices("permission", PlaylistPermission.choices),)


@admin.register(PlaylistFollow)
class PlaylistFollowAdmin(InspectionAdmin):
    group = "Playlists"
    columns = ("id", "playlist", "user", "created_at")
    order = "id"
