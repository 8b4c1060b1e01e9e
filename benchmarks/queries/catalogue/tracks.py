"""Group 2: finding tracks."""

from benchmarks.queries.query import Query

CARD = "id, user_id, title, slug, artist, genre, duration_ms, play_count, like_count, created_at"
PUBLIC = "status = 'ready' AND is_public AND deleted_at IS NULL"

#: What a title is from its n-th word on, as the indexes of tracks have it.
WORDS = ("title", *(f"substring(title, '^(?:\\S+\\s+){{{n}}}(.+)$')" for n in (1, 2, 3)))

HAS_IT = "upper(title) LIKE upper('%' || $1::text || '%')"


def _begins(rest: str) -> str:
    """The first twenty that begin with it there: a range of an index, in its own order.

    LIKE would want a plan for each text; this one is good for all of them.
    """
    return f"""(SELECT {CARD} FROM tracks
     WHERE upper({rest}) ~>=~ upper($1::text)
       AND upper({rest}) ~<~ (upper($1::text) || chr(1114111)) AND {PUBLIC}
     ORDER BY upper({rest}) USING ~<~ LIMIT 20)"""


#: Of the newest tracks those that have it anywhere, and of all those that have it from one of their
#: first four words on, twenty for each word; of these the newest first. Each part ends by itself,
#: which "the newest of all that have it" does not.
SEARCH = f"""WITH newest AS (
    SELECT {CARD} FROM tracks WHERE {PUBLIC} ORDER BY created_at DESC LIMIT 500
), found AS (
    (SELECT * FROM newest WHERE {HAS_IT} LIMIT 20)
    UNION ALL
    {"\n    UNION ALL\n    ".join(map(_begins, WORDS))}
)
SELECT DISTINCT ON (created_at, id) * FROM found ORDER BY created_at DESC, id DESC LIMIT 20"""
#: What there is without these indexes.
SEARCH_ALL = f"""SELECT {CARD} FROM tracks
WHERE {HAS_IT} AND {PUBLIC} ORDER BY created_at DESC LIMIT 20"""

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
        sql=SEARCH,
        instead=dict.fromkeys(("lab", "stock"), SEARCH_ALL),
        # What listeners type begins where a word does.
        sample="""SELECT left(CASE WHEN random() < 0.5 THEN title ELSE rest END, 8)
FROM (SELECT title, substring(title FROM '^\\S+\\s+(.+)$') AS rest FROM {some:tracks}) AS titles
WHERE length(rest) >= 8 AND title !~ '[%_\\\\]'""",
    ),
]
