"""Tracks, playlists, and what listeners do with them."""
