"""Tracks, playlists, and what listeners do with them."""

from .analytics import PlaybackAnalytics, TrackHistory, TrackPlay
from .playlists import (
    Playlist,
    PlaylistCollaborator,
    PlaylistFollow,
    PlaylistPermission,
    PlaylistTrack,
)
from .social import SharePermission, TrackComment, TrackLike, TrackShare
from .tracks import Track, TrackStatus, TrackVersion

__all__ = [
    "PlaybackAnalytics",
    "Playlist",
    "PlaylistCollaborator",
    "PlaylistFollow",
    "PlaylistPermission",
    "PlaylistTrack",
    "SharePermission",
    "Track",
    "TrackComment",
    "TrackHistory",
    "TrackLike",
    "TrackPlay",
    "TrackShare",
    "TrackStatus",
    "TrackVersion",
]
