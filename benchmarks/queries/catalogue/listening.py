"""Group 4: comments, likes, plays."""

from benchmarks.queries.query import Query

#: What there is without a column that is kept: every play of the week.
COUNT_THE_WEEK = """SELECT top.plays, tracks.id, tracks.title, tracks.artist
FROM (SELECT track_id, count(*) AS plays FROM track_plays
      WHERE created_at > CURRENT_TIMESTAMP - interval '7 days'
      GROUP BY track_id ORDER BY plays DESC LIMIT 50) top
JOIN tracks ON tracks.id = top.track_id ORDER BY top.plays DESC"""

QUERIES = [
    Query(
        name="newest comments, with replies",
        group=4,
        sql="""SELECT comment.id, comment.content, comment.position_ms, comment.created_at,
       author.username, reply.id, reply.content, reply.created_at, replier.username
FROM (SELECT * FROM track_comments
      WHERE track_id = $1 AND parent_id IS NULL AND deleted_at IS NULL
      ORDER BY created_at DESC LIMIT 20) comment
JOIN users author ON author.id = comment.user_id
LEFT JOIN LATERAL (SELECT * FROM track_comments
                   WHERE parent_id = comment.id AND deleted_at IS NULL
                   ORDER BY created_at LIMIT 3) reply ON true
LEFT JOIN users replier ON replier.id = reply.user_id
ORDER BY comment.created_at DESC, reply.created_at""",
        sample="SELECT track_id FROM {some:track_comments}",
    ),
    Query(
        name="tracks that a user likes",
        group=4,
        sql="""SELECT tracks.id, tracks.title, tracks.artist, tracks.duration_ms
FROM track_likes JOIN tracks ON tracks.id = track_likes.track_id
WHERE track_likes.user_id = $1 AND track_likes.deleted_at IS NULL
  AND tracks.deleted_at IS NULL
ORDER BY track_likes.created_at DESC LIMIT 50""",
        sample="SELECT user_id FROM {some:track_likes}",
    ),
    Query(
        name="which of 50 tracks are liked",
        group=4,
        # LIMIT 1 for each track: as one condition, PostgreSQL would read all that the user likes.
        sql="""SELECT track.id FROM unnest($2::{key}[]) AS track (id)
CROSS JOIN LATERAL (
    SELECT FROM track_likes
    WHERE track_id = track.id AND user_id = $1 AND deleted_at IS NULL LIMIT 1) AS liked""",
        sample="""SELECT user_id, ARRAY(SELECT id FROM tracks WHERE tracks.id >= track_id LIMIT 50)
FROM {some:track_likes}""",
    ),
    Query(
        name="newest plays of a user",
        group=4,
        sql="""SELECT track_plays.created_at, tracks.id, tracks.title, tracks.artist
FROM track_plays JOIN tracks ON tracks.id = track_plays.track_id
WHERE track_plays.user_id = $1 ORDER BY track_plays.created_at DESC LIMIT 50""",
        # Not the one who is there to be deleted.
        sample="""SELECT user_id FROM {some:track_plays}
WHERE user_id IS NOT NULL
  AND user_id NOT IN (SELECT id FROM users WHERE email = 'heavy@example.com')""",
    ),
    Query(
        name="top tracks of 7 days",
        group=4,
        # Kept by manage.py count_weekly_plays.
        sql="""SELECT weekly_play_count, id, title, artist FROM tracks
WHERE weekly_play_count > 0 AND status = 'ready' AND is_public AND deleted_at IS NULL
ORDER BY weekly_play_count DESC LIMIT 50""",
        instead=dict.fromkeys(("lab", "stock"), COUNT_THE_WEEK),
        sample="SELECT",
    ),
]
