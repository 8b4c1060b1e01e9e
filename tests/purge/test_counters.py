"""The counters of remaining rows are correct after a purge, and at each moment of it."""

import pytest

from tests.counters import set_right, wrong
from tests.purge.conftest import deleted
from tests.purge.test_traffic import wait_until

#: Every user likes and comments on each track, has it in a playlist, and follows each playlist.
#: Every third of these rows is deleted again. One in five users was deleted long ago, and so were
#: some tracks and playlists of others.
CROWD = """
WITH people AS (
    INSERT INTO users (email, username, deleted_at)
    SELECT name || '@example.com', name, CASE WHEN n %% 5 = 0 THEN now() - interval '99 days' END
    FROM generate_series(1, %(people)s) AS n, concat('user', n) AS name
    RETURNING id, deleted_at
), uploaded AS (
    INSERT INTO tracks (user_id, title, file_path, deleted_at)
    SELECT id, 'track', 'f', CASE WHEN n = 3 THEN now() - interval '99 days' END
    FROM people, generate_series(1, 3) AS n RETURNING id
), lists AS (
    INSERT INTO playlists (user_id, title, deleted_at)
    SELECT id, 'list', CASE WHEN n = 2 THEN now() - interval '99 days' END
    FROM people, generate_series(1, 2) AS n RETURNING id, user_id
), numbered AS (
    SELECT uploaded.id AS track, lists.id AS list, lists.user_id,
        row_number() OVER () AS n FROM uploaded, lists
), liked AS (
    INSERT INTO track_likes (track_id, user_id, deleted_at)
    SELECT DISTINCT ON (track, user_id) track, user_id, CASE WHEN n %% 3 = 0 THEN now() END
    FROM numbered
), commented AS (
    INSERT INTO track_comments (track_id, user_id, content, deleted_at)
    SELECT track, user_id, 'x', CASE WHEN n %% 3 = 1 THEN now() END FROM numbered
), listed AS (
    INSERT INTO playlist_tracks (playlist_id, track_id, position, deleted_at)
    SELECT list, track, n, CASE WHEN n %% 3 = 2 THEN now() END FROM numbered
), followed AS (
    INSERT INTO playlist_follows (playlist_id, user_id, deleted_at)
    SELECT lists.id, people.id, CASE WHEN people.deleted_at IS NULL THEN NULL ELSE
        CASE WHEN lists.user_id < people.id THEN now() END END FROM lists, people
)
INSERT INTO track_plays (track_id, user_id) SELECT track, user_id FROM numbered
"""


@pytest.fixture
def crowd(platform, request):
    platform.execute(CROWD, {"people": getattr(request, "param", 10)})
    set_right(platform.execute)
    assert wrong(platform.execute) == {}


# A transaction for each row is slow.
@pytest.mark.parametrize(
    ("batch_size", "crowd"), [("1", 5), ("9", 10), ("1000", 10)], indirect=["crowd"]
)
def test_they_are_right_afterwards(platform, crowd, batch_size):
    forecast = platform.purged("--dry-run")
    outcome = platform.purged("--batch-size", batch_size)
    assert deleted(outcome) == deleted(forecast)
    assert outcome["left"] == {}
    assert wrong(platform.execute) == {}
    # Rows of others stay, and their counters were reduced.
    assert outcome["tables"]["tracks"]["recounted"] > 0
    assert outcome["tables"]["playlists"]["recounted"] > 0
    # No track loses a reference.
    assert outcome["tables"]["tracks"]["updated"] == 0


def test_plays_that_are_purged_stay_counted(platform, crowd):
    counts = "SELECT sum(play_count) FROM tracks"
    before = platform.execute(counts).fetchone()
    platform.execute("UPDATE track_plays SET created_at = now() - interval '99 days'")
    outcome = platform.purged("--only", "track_plays", PURGE_PLAYS_AFTER_DAYS="9")
    assert outcome["tables"]["track_plays"]["deleted"] > 0
    assert platform.execute(counts).fetchone() == before


def test_a_counter_that_is_too_low_does_not_stop_the_purge(platform, crowd):
    platform.execute("UPDATE tracks SET like_count = 0, comment_count = 1")
    assert platform.purged()["left"] == {}
    counts = platform.execute("SELECT max(like_count), max(comment_count) FROM tracks")
    assert counts.fetchone() == (0, 1)


@pytest.mark.parametrize("table", ["tracks", "playlists"])
def test_a_counter_that_is_locked_keeps_what_it_counts(platform, crowd, table):
    """Only rows that can be subtracted are deleted, and the purge waits for nobody for long."""
    with platform.connect() as other:
        other.execute(f"SELECT FROM {table} WHERE deleted_at IS NULL FOR NO KEY UPDATE")
        outcome = platform.purged("--lock-timeout", "0.05")
        assert outcome["left"]
        assert wrong(platform.execute) == {}
        other.rollback()
    assert platform.purged()["left"] == {}
    assert wrong(platform.execute) == {}


def test_they_are_right_at_each_moment(platform, crowd):
    """Also for a row that needs several batches, because it may be restored in between."""
    people = "SELECT count(*) FROM users"
    before = platform.execute(people).fetchone()[0]
    with platform.purging("--batch-size", "7", "--pause", "0.01") as run:
        while run.poll() is None:
            assert wrong_in_one_snapshot(platform) == {}
        assert run.returncode == 0
    assert platform.execute(people).fetchone()[0] < before


def wrong_in_one_snapshot(platform):
    with platform.session.transaction():
        platform.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        found = wrong(platform.execute)
    # The plays of a deleted track are deleted first, and stay counted.
    found.pop("tracks.play_count", None)
    return found


def test_rows_inserted_meanwhile_are_counted(platform):
    """A track is added to a playlist while its owner's account is deleted: one waits for the
    other.
    """
    owner, track = platform.insert("users"), platform.insert("tracks")
    platform.execute("UPDATE tracks SET user_id = %s WHERE id = %s", [owner, track])
    platform.age("users", owner, "deleted_at", 99)
    playlist = platform.insert("playlists")
    with platform.connect() as other:
        other.execute("SELECT FROM playlists WHERE id = %s FOR NO KEY UPDATE", [playlist])
        other.execute(
            "INSERT INTO playlist_tracks (playlist_id, track_id, position) VALUES (%s, %s, 0)",
            [playlist, track],
        )
        other.execute("UPDATE playlists SET track_count = 1 WHERE id = %s", [playlist])
        with platform.purging("--lock-timeout", "60", "--pause", "0") as run:
            waits = "SELECT FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
            wait_until(lambda: platform.execute(waits, [other.info.backend_pid]).fetchall())
            other.commit()
            _, err = run.communicate(timeout=60)
            assert run.returncode == 0, err
    assert not platform.has("tracks", track)
    assert wrong(platform.execute) == {}
