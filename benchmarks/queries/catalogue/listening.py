"""Group 4: comments, likes, plays."""

from benchmarks.queries.query import Query
from benchmarks.queries.statements import sql

#: The query for a schema without a stored count: it counts every play of the week.
COUNT_THE_WEEK = """SELECT top.plays, tracks.id, tracks.title, tracks.artist
FROM (SELECT track_id, count(*) AS plays FROM track_plays
      WHERE created_at > CURRENT_TIMESTAMP - interval '7 days'
      GROUP BY track_id ORDER BY plays DESC LIMIT 50) top
JOIN tracks ON tracks.id = top.track_id ORDER BY top.plays DESC"""

QUERIES = [
    Query(
        name="newest comments, with replies",
        group=4,
        sql=sql("NewestComments"),
        sample="SELECT track_id FROM {some:track_comments}",
    ),
    Query(
        name="tracks that a user likes",
        group=4,
        sql=sql("TracksLikedByUser"),
        sample="SELECT user_id FROM {some:track_likes}",
    ),
    Query(
        name="which of 50 tracks are liked",
        group=4,
        sql=sql("LikedOfTracks"),
        sample="""SELECT user_id, ARRAY(SELECT id FROM tracks WHERE tracks.id >= track_id LIMIT 50)
FROM {some:track_likes}""",
    ),
    Query(
        name="newest plays of a user",
        group=4,
        sql=sql("NewestPlaysOfUser"),
        # Without the heavy user, who only exists to be deleted.
        sample="""SELECT user_id FROM {some:track_plays}
WHERE user_id IS NOT NULL
  AND user_id NOT IN (SELECT id FROM users WHERE email = 'heavy@example.com')""",
    ),
    Query(
        name="top tracks of 7 days",
        group=4,
        sql=sql("TopTracks"),
        instead=dict.fromkeys(("lab", "stock"), COUNT_THE_WEEK),
        sample="SELECT",
    ),
]
