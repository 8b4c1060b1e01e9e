"""Group 6: what the services write all the time."""

from benchmarks.queries.query import Query

#: Columns that V1 and lab fill by defaults, and stock Django from Python.
TIMES = "CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP"

#: The same tracks in a new order.
REORDER = """UPDATE playlist_tracks SET position = new.position - 1{touch}
FROM unnest($2::{key}[]) WITH ORDINALITY AS new (track_id, position)
WHERE playlist_tracks.playlist_id = $1 AND playlist_tracks.track_id = new.track_id
  AND playlist_tracks.deleted_at IS NULL"""

#: A re-used token has been refused by then: "refresh token by hash" is the read before.
ROTATE = """WITH old AS (
    UPDATE refresh_tokens SET revoked_at = CURRENT_TIMESTAMP{touch}
    WHERE token_hash = $1 RETURNING user_id
)
INSERT INTO refresh_tokens (user_id, token_hash, expires_at{columns})
SELECT user_id, md5(random()::text) || md5(random()::text),
       CURRENT_TIMESTAMP + interval '30 days'{values} FROM old"""

LIKE = """INSERT INTO track_likes (user_id, track_id{columns}) VALUES ($1, $2{values})
ON CONFLICT (user_id, track_id) {otherwise}"""
UNLIKE = """UPDATE track_likes SET deleted_at = CURRENT_TIMESTAMP{touch}
WHERE user_id = $1 AND track_id = $2 AND deleted_at IS NULL"""
#: Without a partial index the row that was deleted has to come back.
REVIVE = "DO UPDATE SET deleted_at = NULL"

TOUCH = ", updated_at = CURRENT_TIMESTAMP"
BY_HAND = {"columns": ", created_at, updated_at", "values": ", CURRENT_TIMESTAMP" * 2}
NOTHING = {"columns": "", "values": "", "touch": ""}


def fill(sql: str, **parts: str) -> str:
    """Put the parts in their places; `{key}` stays."""
    for name, part in parts.items():
        sql = sql.replace(f"{{{name}}}", part)
    return sql


QUERIES = [
    Query(
        name="record a play",
        group=6,
        sql="""INSERT INTO track_plays (track_id, user_id, duration_ms, is_complete, source, device)
VALUES ($1, $2, 180000, true, 'playlist', 'phone')""",
        instead={
            "stock": f"""INSERT INTO track_plays (track_id, user_id, duration_ms, is_complete,
                         source, device, started_at, created_at, updated_at)
VALUES ($1, $2, 180000, true, 'playlist', 'phone', {TIMES})"""
        },
        sample="SELECT track_id, user_id FROM {some:track_plays}",
    ),
    Query(
        name="count a play",
        group=6,
        sql="UPDATE tracks SET play_count = play_count + 1 WHERE id = $1",
        instead=dict.fromkeys(
            ("lab", "stock"),
            f"UPDATE tracks SET play_count = play_count + 1{TOUCH} WHERE id = $1",
        ),
        sample="SELECT track_id FROM {some:track_plays}",
    ),
    Query(
        name="like, then unlike",
        group=6,
        sql=(
            fill(LIKE, **NOTHING, otherwise="WHERE deleted_at IS NULL DO NOTHING"),
            fill(UNLIKE, **NOTHING),
        ),
        instead={
            "lab": (fill(LIKE, **NOTHING, otherwise=REVIVE), fill(UNLIKE, touch=TOUCH)),
            "stock": (fill(LIKE, **BY_HAND, otherwise=REVIVE), fill(UNLIKE, touch=TOUCH)),
        },
        sample="SELECT user_id, track_id FROM {some:track_plays} WHERE user_id IS NOT NULL",
    ),
    Query(
        name="reorder a playlist of 500",
        group=6,
        sql=fill(REORDER, **NOTHING),
        instead=dict.fromkeys(("lab", "stock"), fill(REORDER, touch=TOUCH)),
        sample="""SELECT playlist_id, array_agg(track_id ORDER BY random())
FROM (SELECT *, row_number() OVER (PARTITION BY playlist_id) AS n FROM playlist_tracks
      WHERE deleted_at IS NULL AND playlist_id IN (
          SELECT playlist_id FROM playlist_tracks WHERE deleted_at IS NULL
          GROUP BY playlist_id ORDER BY count(*) DESC LIMIT 40)) s
WHERE n <= 500 GROUP BY playlist_id""",
    ),
    Query(
        name="rotate a refresh token",
        group=6,
        sql=fill(ROTATE, **NOTHING),
        instead={
            "lab": fill(ROTATE, **NOTHING | {"touch": TOUCH}),
            "stock": fill(ROTATE, **BY_HAND, touch=TOUCH),
        },
        sample="SELECT token_hash FROM {some:refresh_tokens}",
    ),
    Query(
        name="insert 1,000 plays at once",
        group=6,
        sql="""INSERT INTO track_plays (track_id, user_id, duration_ms)
SELECT track_id, user_id, 180000 FROM unnest($1::{key}[], $2::{key}[]) AS p (track_id, user_id)""",
        instead={
            "stock": f"""INSERT INTO track_plays (track_id, user_id, duration_ms, is_complete,
                         started_at, created_at, updated_at)
SELECT track_id, user_id, 180000, false, {TIMES}
FROM unnest($1::{{key}}[], $2::{{key}}[]) AS p (track_id, user_id)"""
        },
        sample="""SELECT array_agg(track_id), array_agg(user_id)
FROM (SELECT track_id, user_id, row_number() OVER () / 1000 AS n
      FROM {some:track_plays} WHERE user_id IS NOT NULL) s
GROUP BY n HAVING count(*) = 1000""",
    ),
]
