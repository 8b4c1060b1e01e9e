"""Group 3: playlists."""

from benchmarks.queries.query import Query
from benchmarks.queries.statements import sql

QUERIES = [
    Query(
        name="playlist with its tracks",
        group=3,
        sql=sql("TracksOfPlaylist"),
        sample="SELECT playlist_id FROM {some:playlist_tracks}",
    ),
    Query(
        name="playlists that a user owns",
        group=3,
        sql=sql("PlaylistsOfUser"),
        sample="SELECT user_id FROM {some:playlists}",
    ),
    Query(
        name="playlists that a user follows",
        group=3,
        sql=sql("PlaylistsFollowedByUser"),
        sample="SELECT user_id FROM {some:playlist_follows}",
    ),
    Query(
        name="playlists that a user helps with",
        group=3,
        sql=sql("PlaylistsSharedWithUser"),
        sample="SELECT user_id FROM {some:playlist_collaborators}",
    ),
]
