"""The database's cascades delete rows with a row, counted and in limited batches."""

import psycopg
import pytest

from tests.purge.conftest import deleted
from tests.support import database_environment, manage

#: Records the number of rows that each transaction deletes or updates.
WATCH = """
CREATE TABLE django.watched (xid xid8 NOT NULL DEFAULT pg_current_xact_id());
CREATE FUNCTION django.watch() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO django.watched DEFAULT VALUES; RETURN NULL; END';
"""
LARGEST = "SELECT max(count), sum(count) FROM (SELECT count(*) FROM watched GROUP BY xid) batch"
REPLIES = """
WITH RECURSIVE thread AS (
    SELECT 0 AS depth, gen_random_uuid() AS id, NULL::uuid AS parent_id
    UNION ALL SELECT depth + 1, gen_random_uuid(), id FROM thread WHERE depth < %s
)
INSERT INTO track_comments (id, parent_id, track_id, user_id, content, deleted_at)
SELECT id, parent_id, %s, %s, 'x', CASE depth WHEN 0 THEN now() - interval '99 days' END
FROM thread
"""


#: A table whose rows own each other; V1 has no such table.
OWNING = """
ALTER TABLE track_comments DROP CONSTRAINT track_comments_parent_id_fkey,
    ADD CONSTRAINT track_comments_parent_id_fkey FOREIGN KEY (parent_id)
    REFERENCES track_comments ON DELETE CASCADE
"""


def watch(platform):
    platform.execute(WATCH)
    for table in platform.counts():
        platform.execute(
            f"CREATE TRIGGER watch AFTER DELETE OR UPDATE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION django.watch()"
        )


def difference(before, after):
    return {name: before[name] - rows for name, rows in after.items() if before[name] != rows}


def accounts(platform, *, tracks, plays):
    """Small accounts and a large one, deleted long ago, with many rows that refer to them."""
    large = platform.account("large", tracks=tracks, plays=plays)
    for number in range(10):
        platform.account(f"small{number}", tracks=1, plays=2)
    for number in range(5):
        token = platform.insert("refresh_tokens", user_id=large, token_hash=f"hash {number}")
        platform.age("refresh_tokens", token, "revoked_at", 99)
    session = platform.insert("user_sessions")
    platform.age("user_sessions", session, "expires_at", 99)
    for _ in range(120):
        platform.insert("playback_analytics", session_id=session)
    return large


# A transaction for each row is slow.
@pytest.mark.parametrize(
    ("batch_size", "tracks", "plays"), [(1, 5, 6), (7, 20, 30), (100, 20, 30), (1000, 20, 30)]
)
def test_counts_are_exact_and_no_batch_is_larger_than_told(platform, batch_size, tracks, plays):
    large = accounts(platform, tracks=tracks, plays=plays)
    watch(platform)
    before = platform.counts()
    forecast = platform.purged("--dry-run")
    assert platform.counts() == before
    outcome = platform.purged("--batch-size", str(batch_size))
    assert deleted(outcome) == deleted(forecast) == difference(before, platform.counts())
    assert outcome["left"] == {}
    assert not platform.has("users", large)
    largest, all_rows = platform.execute(LARGEST).fetchone()
    # With one row in a batch, a row is deleted when it has no children left.
    assert largest <= batch_size
    updated = sum(count["updated"] for count in outcome["tables"].values())
    assert all_rows == outcome["deleted"] + updated
    lost = "SELECT count(*) FROM track_plays WHERE user_id IS NULL"
    played = tracks * plays + 10 * 2
    assert platform.execute(lost).fetchone() == (played,)
    assert outcome["tables"]["track_plays"] == {
        "deleted": played,
        "by_cascade": played,
        "updated": played,
        "recounted": 0,
    }
    assert outcome["tables"]["playback_analytics"]["updated"] == 120


@pytest.mark.parametrize("depth", [15, 100])
def test_deep_threads(platform, depth):
    track, user = platform.insert("tracks"), platform.insert("users")
    platform.execute(OWNING)
    platform.execute(REPLIES, [depth, track, user])
    assert deleted(platform.purged("--dry-run")) == {"track_comments": depth + 1}
    assert deleted(platform.purged("--batch-size", "20")) == {"track_comments": depth + 1}


@pytest.mark.parametrize(("circle", "left"), [(15, 0), (40, 41)])
def test_comments_in_a_cycle(platform, circle, left):
    """It is deleted as a whole. A circle that is larger than a batch is left, and reported."""
    track, user = platform.insert("tracks"), platform.insert("users")
    platform.execute(OWNING)
    platform.execute(REPLIES, [60, track, user])
    platform.execute(
        "UPDATE track_comments SET parent_id = (SELECT id FROM track_comments LIMIT 1 OFFSET %s) "
        "WHERE parent_id IS NULL",
        [circle],
    )
    assert deleted(platform.purged("--dry-run")) == {"track_comments": 61}
    outcome = platform.purged("--batch-size", "20")
    assert platform.counts()["track_comments"] == left
    assert outcome["left"].keys() == ({"track_comments.deleted_at"} if left else set())
    assert platform.purged()["left"] == {}
    assert platform.counts()["track_comments"] == 0


@pytest.mark.parametrize("what", ["comment", "account"])
def test_live_replies_of_others_stay(platform, what):
    """If a comment is deleted, alone or with its author's account, its replies stay."""
    author = platform.insert("users")
    comment = platform.insert("track_comments", user_id=author)
    reply = platform.insert("track_comments", parent_id=comment)
    table, id_ = ("users", author) if what == "account" else ("track_comments", comment)
    platform.age(table, id_, "deleted_at", 99)
    outcome = platform.purged()
    assert deleted(outcome) == {"track_comments": 1, **({"users": 1} if what == "account" else {})}
    assert outcome["tables"]["track_comments"]["updated"] == 1
    left = platform.execute("SELECT id, parent_id, deleted_at FROM track_comments").fetchall()
    assert left == [(reply, None, None)]


def test_another_services_tables(platform):
    """The database runs its cascades. Rows whose deletion it forbids stay; all others are
    deleted.
    """
    platform.execute("""
        CREATE SCHEMA chat;
        CREATE TABLE chat.messages (id int, author uuid REFERENCES users ON DELETE CASCADE);
        CREATE TABLE chat.bans (id int, banned uuid REFERENCES users);
    """)
    large = platform.account("large", tracks=30, plays=10)
    others = [platform.account(f"small{number}", tracks=1, plays=1) for number in range(9)]
    platform.execute("INSERT INTO chat.messages SELECT 1, id FROM users")
    for banned in (large, others[4]):
        platform.execute("INSERT INTO chat.bans VALUES (1, %s)", [banned])
    result = platform.purge("--batch-size", "100")
    assert result.returncode == 0
    assert "chat.messages: 8 (8 of them by cascade)" in result.stdout
    assert "users.deleted_at: 2 rows are left for the next purge: " in result.stderr
    assert "chat.bans refers to them" in result.stderr
    # It was not emptied for nothing.
    count = "SELECT count(*) FROM tracks WHERE user_id = %s"
    assert platform.execute(count, [large]).fetchone() == (30,)
    assert [platform.has("users", other) for other in others].count(True) == 1


#: Tables of another service, also foreign tables, which can neither be locked nor changed.
CHILDREN = """
CREATE SCHEMA chat;
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE chat.users () INHERITS (users) SERVER nowhere;
CREATE FOREIGN TABLE chat.likes () INHERITS (track_likes) SERVER nowhere;
CREATE TABLE chat.sessions () INHERITS (user_sessions);
CREATE TABLE chat.tracks () INHERITS (tracks);
"""
OF_CHILDREN = """
SELECT (SELECT array_agg(s ORDER BY id) FROM chat.sessions s),
    (SELECT array_agg(t ORDER BY id) FROM chat.tracks t)
"""


def test_rows_of_tables_that_inherit_are_another_services(platform):
    user = platform.account("large", tracks=3, plays=3)
    other = platform.account("other", tracks=1, plays=1)
    platform.execute("UPDATE users SET deleted_at = NULL WHERE id = %s", [other])
    # Rows that are due, or have wrong counters: ours, and a copy of the other service.
    platform.insert("user_sessions", user_id=other, expires_at="2001-01-01")
    track = platform.insert("tracks", user_id=other, like_count=7, weekly_play_count=7)
    platform.insert("track_likes", user_id=user, track_id=track)
    platform.execute(CHILDREN)
    platform.execute("INSERT INTO chat.sessions SELECT * FROM ONLY user_sessions")
    platform.execute("INSERT INTO chat.tracks SELECT * FROM ONLY tracks")
    before = platform.execute(OF_CHILDREN).fetchall()
    for batch_size in ("1", "1000"):
        purged = platform.purged("--batch-size", batch_size)
        assert purged["left"] == {}
    assert not platform.execute("SELECT FROM ONLY user_sessions").fetchall()
    assert not platform.execute("SELECT FROM ONLY users WHERE id = %s", [user]).fetchall()
    for job in ("recount", "count_weekly_plays"):
        result = manage(job, **database_environment(platform.name))
        assert (result.returncode, result.stderr) == (0, "")
    counts = "SELECT like_count, weekly_play_count FROM ONLY tracks WHERE id = %s"
    assert platform.execute(counts, [track]).fetchone() == (0, 0)
    assert platform.execute(OF_CHILDREN).fetchall() == before


def test_a_foreign_key_holds_to_the_end(platform):
    """PostgreSQL decides in the end: no batch leaves a row that refers to nothing."""
    user = platform.account("large", tracks=3, plays=3)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        platform.execute("UPDATE tracks SET user_id = gen_random_uuid()")
    platform.purged("--batch-size", "2")
    assert not platform.has("users", user)


#: docs/scale.md: the key also contains the time.
BY_TIME = """
DROP TABLE track_plays;
CREATE TABLE track_plays (
    id uuid DEFAULT gen_random_uuid(), track_id uuid NOT NULL REFERENCES tracks ON DELETE CASCADE,
    user_id uuid REFERENCES users ON DELETE SET NULL,
    created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(),
    PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
CREATE TABLE track_plays_old PARTITION OF track_plays FOR VALUES FROM (MINVALUE) TO ('2020-01-01');
CREATE TABLE track_plays_new PARTITION OF track_plays FOR VALUES FROM ('2020-01-01') TO (MAXVALUE);
"""


def test_a_table_that_is_partitioned_by_time(platform):
    """Its rows are deleted by age and by cascades; its partitions do not count as tables."""
    platform.execute(BY_TIME)
    platform.account("large", tracks=3, plays=20)
    [track] = platform.execute("SELECT id FROM tracks WHERE title = 'other'").fetchone()
    for year in (2018, 2019):
        platform.execute(
            "INSERT INTO track_plays (track_id, created_at) "
            "SELECT %s, make_date(%s, 5, 1) FROM generate_series(1, 30)",
            [track, year],
        )
    expected = {"users": 1, "tracks": 3, "track_plays": 120}
    plays = {"PURGE_PLAYS_AFTER_DAYS": "900"}
    assert deleted(platform.purged("--dry-run", **plays)) == expected
    assert deleted(platform.purged("--batch-size", "25", **plays)) == expected
    # Plays of somebody else's track lose their user.
    left = "SELECT count(*), count(user_id) FROM track_plays"
    assert platform.execute(left).fetchone() == (60, 0)
