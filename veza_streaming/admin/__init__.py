"""The support admin's screens of tracks, playlists, and what listeners do with them."""

from . import listening, playlists, tracks

__all__ = ["listening", "playlists", "tracks"]
