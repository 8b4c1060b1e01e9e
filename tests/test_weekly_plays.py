"""`count_weekly_plays`: the counted tracks, the changed rows, and locks."""

import psycopg
import pytest

from tests.support import (
    database_environment,
    is_one_clear_line,
    manage,
    scratch_database,
    server_parameters,
)
from veza_streaming.weekly_plays import WEEKLY_PLAYS_LOCK_KEY

#: Ten tracks: the first has ten plays of this week, the last has one; each has five old ones.
PLAYS = """
WITH owner AS (
    INSERT INTO users (email, username) VALUES ('owner@example.com', 'owner') RETURNING id
), uploaded AS (
    INSERT INTO tracks (user_id, title, file_path)
    SELECT id, 'Track ' || n, 'f' FROM owner, generate_series(1, 10) n RETURNING id, title
)
INSERT INTO track_plays (track_id, created_at)
SELECT id, now() - interval '6 days 23 hours'
FROM uploaded, generate_series(substr(title, 7)::integer, 10)
UNION ALL SELECT id, now() - interval '7 days 1 hour' FROM uploaded, generate_series(1, 5)
"""


class Platform:
    """A database with these plays, and a session in it."""

    def __init__(self, name: str, session: psycopg.Connection) -> None:
        self.name = name
        self.session = session
        session.execute(PLAYS)

    def count(self, *arguments: str):
        """Run it; return its output without the first line, which says where it is connected."""
        done = manage("count_weekly_plays", *arguments, **database_environment(self.name))
        done.stdout = done.stdout.partition("\n")[2]
        return done

    @property
    def kept(self) -> list[int]:
        """The tracks' counts, by the number in their titles."""
        rows = self.session.execute(
            "SELECT weekly_play_count FROM tracks ORDER BY substr(title, 7)::integer"
        )
        return [count for (count,) in rows]


@pytest.fixture
def platform(migrated, db):
    with (
        scratch_database(f'TEMPLATE "{migrated}"') as name,
        psycopg.connect(**server_parameters(), dbname=name, autocommit=True) as session,
    ):
        yield Platform(name, session)


@pytest.fixture
def other(platform):
    """Somebody else's transaction."""
    with psycopg.connect(**server_parameters(), dbname=platform.name) as session:
        yield session


def test_plays_of_the_week_are_counted(platform):
    result = platform.count()

    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("10 counts changed, ")
    assert platform.kept == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]


def test_only_the_most_played_keep_a_count(platform):
    platform.count()

    assert platform.count("--tracks", "3").stdout.startswith("7 counts changed, ")
    assert platform.kept == [10, 9, 8, 0, 0, 0, 0, 0, 0, 0]


def test_what_is_right_is_not_touched(platform):
    platform.count()
    updated = "SELECT id, updated_at, xmin FROM tracks ORDER BY id"
    before = platform.session.execute(updated).fetchall()

    assert platform.count().stdout.startswith("0 counts changed, ")
    assert platform.session.execute(updated).fetchall() == before


def test_plays_grow_older(platform):
    platform.count()
    platform.session.execute(
        "UPDATE track_plays SET created_at = created_at - interval '1 day'"
        " WHERE track_id IN (SELECT id FROM tracks WHERE title IN ('Track 1', 'Track 2'))"
    )

    assert platform.count().stdout.startswith("2 counts changed")
    assert platform.kept[:3] == [0, 0, 8]


def test_a_dry_run_changes_nothing_and_needs_no_lock(platform, other):
    other.execute("SELECT pg_advisory_lock(%s)", [WEEKLY_PLAYS_LOCK_KEY])

    result = platform.count("--dry-run")

    assert result.stdout.startswith("10 counts would change, ")
    assert not any(platform.kept)


def test_a_locked_track_is_left_for_the_next_run(platform, other):
    other.execute("SELECT FROM tracks WHERE title IN ('Track 1', 'Track 4') FOR UPDATE")

    result = platform.count()

    assert result.returncode == 0
    assert result.stdout.startswith("8 counts changed")
    assert result.stderr.startswith("2 tracks are left for the next count: locked")
    assert platform.kept == [0, 9, 8, 0, 6, 5, 4, 3, 2, 1]
    other.rollback()
    assert platform.count().stdout.startswith("2 counts changed")
    assert platform.kept == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]


def test_one_run_at_a_time(platform, other):
    other.execute("SELECT pg_advisory_lock(%s)", [WEEKLY_PLAYS_LOCK_KEY])

    result = platform.count()

    assert result.returncode == 1
    assert is_one_clear_line(result), result.stderr
    assert f"another count_weekly_plays is running: pid {other.info.backend_pid}" in result.stderr
    assert not any(platform.kept)


def test_a_locked_table_ends_the_run_in_one_line(platform, other):
    other.execute("LOCK TABLE tracks IN EXCLUSIVE MODE")

    result = platform.count()

    assert result.returncode == 1
    assert is_one_clear_line(result), result.stderr
    assert "canceling statement due to lock timeout" in result.stderr


@pytest.mark.parametrize("tracks", ["0", "-1", "many", "100001"])
def test_an_invalid_number_of_tracks(platform, tracks):
    result = platform.count("--tracks", tracks)

    assert result.returncode == 2
    assert "a number of tracks is needed, from 1 to 100000" in result.stderr
    assert not any(platform.kept)


def test_a_database_that_was_not_migrated(db):
    with scratch_database() as name:
        result = manage("count_weekly_plays", **database_environment(name))

    assert result.returncode == 1
    assert is_one_clear_line(result), result.stderr
    assert "run manage.py migrate first" in result.stderr


def test_a_play_that_is_counted_touches_no_index(platform):
    """The update of a track in the list is HOT, because the index is on another column."""
    platform.count()
    hot = "SELECT pg_stat_get_xact_tuples_hot_updated('tracks'::regclass)"
    count = "UPDATE tracks SET {} = {} + 1 WHERE title = 'Track 1'"
    with platform.session.transaction():
        before = platform.session.execute(hot).fetchone()[0]
        platform.session.execute(count.format("play_count", "play_count"))
        platform.session.execute(count.format("weekly_play_count", "weekly_play_count"))
        after = platform.session.execute(hot).fetchone()[0]

    assert after - before == 1
