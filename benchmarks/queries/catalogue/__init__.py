"""All of the hot queries."""

from . import listening, media, playlists, tracks, users, writes

QUERIES = [
    *users.QUERIES,
    *tracks.QUERIES,
    *playlists.QUERIES,
    *listening.QUERIES,
    *media.QUERIES,
    *writes.QUERIES,
]
READS = [query for query in QUERIES if not query.writes]
