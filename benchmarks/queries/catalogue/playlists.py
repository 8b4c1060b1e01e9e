"""Group 3: playlists."""

from benchmarks.queries.query import Query

CARD = """playlists.id, playlists.user_id, playlists.title, playlists.slug,
       playlists.track_count, playlists.follower_count"""

QUERIES = [
    Query(
        name="playlist with its tracks",
        group=3,
        sql="""SELECT playlist_tracks.position, tracks.id, tracks.title, tracks.artist,
       tracks.duration_ms
FROM playlist_tracks JOIN tracks ON tracks.id = playlist_tracks.track_id
WHERE playlist_tracks.playlist_id = $1 AND playlist_tracks.deleted_at IS NULL
  AND tracks.deleted_at IS NULL
ORDER BY playlist_tracks.position LIMIT 100""",
        sample="SELECT playlist_id FROM {some:playlist_tracks}",
    ),
    Query(
        name="playlists that a user owns",
        group=3,
        sql=f"""SELECT {CARD} FROM playlists
WHERE user_id = $1 AND deleted_at IS NULL ORDER BY created_at DESC LIMIT 50""",
        sample="SELECT user_id FROM {some:playlists}",
    ),
    Query(
        name="playlists that a user follows",
        group=3,
        sql=f"""SELECT {CARD}
FROM playlist_follows JOIN playlists ON playlists.id = playlist_follows.playlist_id
WHERE playlist_follows.user_id = $1 AND playlist_follows.deleted_at IS NULL
  AND playlists.deleted_at IS NULL
ORDER BY playlist_follows.created_at DESC LIMIT 50""",
        sample="SELECT user_id FROM {some:playlist_follows}",
    ),
    Query(
        name="playlists that a user helps with",
        group=3,
        sql=f"""SELECT {CARD}, playlist_collaborators.permission
FROM playlist_collaborators
JOIN playlists ON playlists.id = playlist_collaborators.playlist_id
WHERE playlist_collaborators.user_id = $1 AND playlist_collaborators.deleted_at IS NULL
  AND playlists.deleted_at IS NULL
ORDER BY playlist_collaborators.created_at DESC LIMIT 50""",
        sample="SELECT user_id FROM {some:playlist_collaborators}",
    ),
]
