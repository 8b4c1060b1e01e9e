"""Group 2: finding tracks."""

from benchmarks.queries.query import Query

CARD = "id, user_id, title, slug, artist, genre, duration_ms, play_count, like_count, created_at"
PUBLIC = "status = 'ready' AND is_public AND deleted_at IS NULL"

QUERIES = [
    Query(
        name="track by slug",
        group=2,
        sql="SELECT * FROM tracks WHERE slug = $1 AND deleted_at IS NULL",
        sample="SELECT slug FROM {some:track_plays} JOIN tracks ON tracks.id = track_id"
        " WHERE slug IS NOT NULL AND tracks.deleted_at IS NULL",
    ),
    Query(
        name="newest tracks, first page",
        group=2,
        sql=f"""SELECT {CARD} FROM tracks
WHERE {PUBLIC} ORDER BY created_at DESC, id DESC LIMIT 50""",
        sample="SELECT",
    ),
    Query(
        name="newest tracks, deep page",
        group=2,
        sql=f"""SELECT {CARD} FROM tracks
WHERE {PUBLIC} AND (created_at, id) < ($1, $2)
ORDER BY created_at DESC, id DESC LIMIT 50""",
        sample=f"SELECT created_at, id FROM {{some:tracks}} WHERE {PUBLIC}",
    ),
    Query(
        name="tracks of a user",
        group=2,
        sql=f"""SELECT {CARD} FROM tracks
WHERE user_id = $1 AND deleted_at IS NULL ORDER BY created_at DESC LIMIT 50""",
        sample="SELECT user_id FROM {some:tracks}",
    ),
    Query(
        name="newest of a genre",
        group=2,
        sql=f"""SELECT {CARD} FROM tracks
WHERE genre = $1 AND {PUBLIC} ORDER BY created_at DESC LIMIT 50""",
        sample="SELECT genre FROM {some:tracks} WHERE genre IS NOT NULL",
    ),
    Query(
        name="search by part of a title",
        group=2,
        # The newest first, as far as the newest 1,000 tracks have them; then any. A common word is
        # among those. All that has a rare one is found by trigrams, and 20 of it are read.
        sql=f"""WITH recent AS MATERIALIZED (
    SELECT * FROM (SELECT {CARD} FROM tracks
                   WHERE {PUBLIC} ORDER BY created_at DESC LIMIT 1000) AS newest
    WHERE upper(title) LIKE upper('%' || $1::text || '%') LIMIT 20
), every AS MATERIALIZED (
    SELECT {CARD} FROM tracks
    WHERE upper(title) LIKE upper('%' || $1::text || '%') AND {PUBLIC}
), others AS (
    SELECT * FROM every WHERE (SELECT count(*) FROM recent) < 20 LIMIT 20
)
SELECT DISTINCT ON (created_at, id) * FROM (TABLE recent UNION ALL TABLE others) AS found
ORDER BY created_at DESC, id DESC LIMIT 20""",
        sample="SELECT substr(title, 3, 8) FROM {some:tracks} WHERE length(title) >= 10"
        " AND title !~ '[%_\\\\]'",
    ),
]
