"""The columns of each table, for any of its rows."""

from . import accounts, analytics, media, playlists, plays, profiles, tracks
from .base import Columns, Rows, Writer

__all__ = ["WRITERS", "Columns", "Rows"]

_WRITERS: tuple[Writer, ...] = (
    accounts.users,
    accounts.federated_identities,
    accounts.user_sessions,
    accounts.refresh_tokens,
    accounts.password_reset_tokens,
    accounts.email_verification_tokens,
    profiles.user_roles,
    profiles.user_profiles,
    profiles.user_settings,
    tracks.tracks,
    tracks.track_versions,
    playlists.playlists,
    playlists.playlist_tracks,
    playlists.playlist_collaborators,
    playlists.playlist_follows,
    plays.track_plays,
    analytics.track_likes,
    analytics.track_shares,
    analytics.track_comments,
    analytics.track_history,
    analytics.playback_analytics,
    media.hls_streams,
    media.hls_transcode_queue,
    media.bitrate_adaptation_logs,
    media.rooms,
)

#: What writes a table's columns, by the table's name.
WRITERS: dict[str, Writer] = {writer.__name__: writer for writer in _WRITERS}
