"""Group 6: frequent writes of the services.

The other schemas have no trigger that sets updated_at, and no partial index. For them, the
statements of schema/queries are changed as far as necessary. Stock Django sets defaults in Python.
"""

import re

from benchmarks.queries.query import Query
from benchmarks.queries.statements import replace, sql

NOW = "CURRENT_TIMESTAMP"
#: Without a partial index, the deleted row must be restored.
REVIVE = replace(
    sql("LikeTrack"),
    "ON CONFLICT (track_id, user_id) WHERE deleted_at IS NULL DO NOTHING",
    "ON CONFLICT (user_id, track_id) DO UPDATE SET deleted_at = NULL"
    " WHERE track_likes.deleted_at IS NOT NULL",
)
#: Each token can be rotated only once, so this reverses it.
PUT_BACK = """WITH gone AS (DELETE FROM refresh_tokens WHERE token_hash = $2)
UPDATE refresh_tokens SET revoked_at = NULL WHERE token_hash = $1"""


def touch(statement: str) -> str:
    """Return the statement, changed so that it sets updated_at as V1's trigger does."""
    return re.sub(r"(UPDATE \w+) SET ", rf"\1 SET updated_at = {NOW}, ", statement)


def by_hand(statement: str, columns: str, values: str) -> str:
    """Return the statement, changed so that it sets created_at and updated_at.

    `columns` and `values` are the ends of its lists.
    """
    return replace(
        statement,
        f"{columns})", f"{columns}, created_at, updated_at)",
        values, f"{values}, {NOW}, {NOW}",
    )  # fmt: skip


QUERIES = [
    Query(
        name="record a play",
        group=6,
        sql=sql("RecordPlay"),
        instead={
            "stock": replace(
                sql("RecordPlay"),
                "country_code)",
                "country_code, started_at, created_at, updated_at)",
                "$8",
                f"$8, {NOW}, {NOW}, {NOW}",
            )
        },
        sample="SELECT track_id, user_id, 180000, true, 'playlist', 'phone', NULL, NULL"
        " FROM {some:track_plays}",
    ),
    Query(
        name="count a play",
        group=6,
        sql=sql("CountPlay"),
        instead=dict.fromkeys(("lab", "stock"), touch(sql("CountPlay"))),
        sample="SELECT track_id FROM {some:track_plays}",
    ),
    Query(
        name="like, then unlike",
        group=6,
        sql=(sql("LikeTrack"), sql("UnlikeTrack")),
        instead={
            "lab": (touch(REVIVE), touch(sql("UnlikeTrack"))),
            "stock": (
                touch(by_hand(REVIVE, "INTO track_likes (user_id, track_id", "($1, $2")),
                touch(sql("UnlikeTrack")),
            ),
        },
        sample="SELECT user_id, track_id FROM {some:track_plays} WHERE user_id IS NOT NULL",
    ),
    Query(
        name="reorder a playlist of 500",
        group=6,
        sql=sql("ReorderPlaylist"),
        instead=dict.fromkeys(("lab", "stock"), touch(sql("ReorderPlaylist"))),
        sample="""SELECT playlist_id, array_agg(track_id ORDER BY random())
FROM (SELECT *, row_number() OVER (PARTITION BY playlist_id) AS n FROM playlist_tracks
      WHERE deleted_at IS NULL AND playlist_id IN (
          SELECT playlist_id FROM playlist_tracks WHERE deleted_at IS NULL
          GROUP BY playlist_id ORDER BY count(*) DESC LIMIT 40)) s
WHERE n <= 500 GROUP BY playlist_id""",
    ),
    Query(
        name="rotate a refresh token, and put it back",
        group=6,
        sql=(sql("RotateRefreshToken"), PUT_BACK),
        instead={
            "lab": (touch(sql("RotateRefreshToken")), touch(PUT_BACK)),
            "stock": (
                touch(by_hand(sql("RotateRefreshToken"), "user_agent", "$5")),
                touch(PUT_BACK),
            ),
        },
        sample="""SELECT token_hash, md5(token_hash), CURRENT_TIMESTAMP + interval '30 days',
       NULL AS ip_address, NULL AS user_agent
FROM {some:refresh_tokens} JOIN users ON users.id = user_id
WHERE revoked_at IS NULL AND expires_at > CURRENT_TIMESTAMP
  AND is_active AND NOT is_banned AND deleted_at IS NULL""",
    ),
    Query(
        name="insert 1,000 plays at once",
        group=6,
        sql=sql("RecordPlays"),
        instead={
            "stock": replace(
                sql("RecordPlays"),
                "duration_ms)",
                "duration_ms, is_complete, started_at, created_at, updated_at)",
                "$3::integer",
                f"$3::integer, false, {NOW}, {NOW}, {NOW}",
            )
        },
        sample="""SELECT array_agg(track_id), array_agg(user_id), 180000
FROM (SELECT track_id, user_id, row_number() OVER () / 1000 AS n
      FROM {some:track_plays} WHERE user_id IS NOT NULL) s
GROUP BY n HAVING count(*) = 1000""",
    ),
]
