"""Group 2: finding tracks."""

from benchmarks.queries.query import Query
from benchmarks.queries.statements import sql

#: The query for a schema without indexes on the words of a title.
SEARCH_ALL = """SELECT id, user_id, title, slug, artist, genre, duration_ms, play_count, like_count,
       created_at
FROM tracks
WHERE upper(title) LIKE upper('%' || $1::text || '%')
  AND status = 'ready' AND is_public AND deleted_at IS NULL
ORDER BY created_at DESC LIMIT 20"""

QUERIES = [
    Query(
        name="track by slug",
        group=2,
        sql=sql("TrackBySlug"),
        sample="SELECT slug FROM {some:track_plays} JOIN tracks ON tracks.id = track_id"
        " WHERE slug IS NOT NULL AND tracks.deleted_at IS NULL",
    ),
    Query(
        name="newest tracks, first page",
        group=2,
        sql=sql("NewestTracks"),
        sample="SELECT",
    ),
    Query(
        name="newest tracks, deep page",
        group=2,
        sql=sql("NewestTracksAfter"),
        sample="SELECT created_at, id FROM {some:tracks}"
        " WHERE status = 'ready' AND is_public AND deleted_at IS NULL",
    ),
    Query(
        name="tracks of a user",
        group=2,
        sql=sql("TracksOfUser"),
        sample="SELECT user_id FROM {some:tracks}",
    ),
    Query(
        name="newest of a genre",
        group=2,
        sql=sql("NewestTracksOfGenre"),
        sample="SELECT genre FROM {some:tracks} WHERE genre IS NOT NULL",
    ),
    Query(
        name="search by part of a title",
        group=2,
        sql=sql("SearchTracks"),
        instead=dict.fromkeys(("lab", "stock"), SEARCH_ALL),
        # Listeners type the beginning of a word.
        sample="""SELECT left(CASE WHEN random() < 0.5 THEN title ELSE rest END, 8)
FROM (SELECT title, substring(title FROM '^\\S+\\s+(.+)$') AS rest FROM {some:tracks}) AS titles
WHERE length(rest) >= 8 AND title !~ '[%_\\\\]'""",
    ),
]
