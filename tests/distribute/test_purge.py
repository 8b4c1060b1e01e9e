"""purge on distributed logs: what it deletes and reports."""

import json

import psycopg
import pytest

from tests.distribute.nodes import database_on_all_nodes

#: A user who was deleted long ago, with two tracks, and another user with one track.
ROWS = """
WITH owner AS (
    INSERT INTO users (email, username, deleted_at)
    VALUES ('gone@example.com', 'gone', now() - interval '31 days') RETURNING id
), other AS (
    INSERT INTO users (email, username) VALUES ('stays@example.com', 'stays') RETURNING id
), owned AS (
    INSERT INTO tracks (user_id, title, file_path)
    SELECT id, 'owned', 'f' FROM owner, generate_series(1, 2) RETURNING id
)
INSERT INTO tracks (user_id, title, file_path) SELECT id, 'kept', 'f' FROM other
"""
PLAYS = """
INSERT INTO track_plays (track_id, user_id)
SELECT tracks.id, users.id FROM tracks, users, generate_series(1, 75)
"""
OLD = """
INSERT INTO bitrate_adaptation_logs (track_id, old_bitrate, new_bitrate, reason, created_at)
SELECT id, 128, 256, 'test', now() - interval '91 days' FROM tracks, generate_series(1, 40)
"""
#: On the coordinator. Under layout A, Citus knows the table, because it refers to a copied one.
TOKEN = """
INSERT INTO password_reset_tokens (user_id, token_hash, expires_at)
SELECT id, 'hash', now() - interval '91 days' FROM users WHERE username = 'stays'
"""
PROFILE = "INSERT INTO user_profiles (user_id) SELECT id FROM users WHERE username = 'gone'"


@pytest.fixture(scope="module", params=["L", "A"])
def spread(citus, request):
    with database_on_all_nodes() as node:
        node.done("migrate", "--verbosity", "0")
        node.done("distribute", "--layout", request.param, "--shards", "4", "--verbosity", "0")
        yield node


@pytest.mark.parametrize("size", ["1000", "50"])
def test_purge_deletes_what_is_due_and_counts_it(spread, size):
    """In one batch, and with an account that is larger than a batch."""
    for statement in (ROWS, PLAYS, OLD, TOKEN, PROFILE):
        spread.session.execute(statement)
    expected = {
        "users": {"deleted": 1, "by_cascade": 0},
        "user_profiles": {"deleted": 1, "by_cascade": 1},
        "password_reset_tokens": {"deleted": 1, "by_cascade": 0},
        "tracks": {"deleted": 2, "by_cascade": 2},
        # 75 by each of two users.
        "track_plays": {"deleted": 300, "by_cascade": 300},
        "bitrate_adaptation_logs": {"deleted": 120, "by_cascade": 0},
    }

    def outcome(*arguments):
        tables = json.loads(spread.done("purge", "--json", "-v0", "--pause", "0", *arguments))[
            "tables"
        ]
        return {
            name: {key: count[key] for key in ("deleted", "by_cascade")}
            for name, count in tables.items()
            if count["deleted"]
        }

    # The two tracks have 80 rows in the log, which are due themselves: no cascade deletes them.
    assert outcome("--dry-run") == expected
    deleted = outcome("--batch-size", size)
    assert deleted == expected
    assert spread.value("SELECT count(*) FROM users") == 1
    assert spread.value("SELECT count(*) FROM tracks") == 1
    assert spread.value("SELECT count(*) FROM track_plays") == 150
    # A play by the deleted user stays, with NULL as the user.
    assert spread.value("SELECT count(user_id) FROM track_plays") == 75
    assert spread.value("SELECT count(*) FROM bitrate_adaptation_logs") == 0
    assert outcome() == {}
    spread.session.execute("DELETE FROM users")


def test_a_row_that_is_locked_on_another_node(spread):
    """The row has no lock on the coordinator. purge leaves rows whose cascades would reach it."""
    node = spread
    for statement in (ROWS, PLAYS):
        node.session.execute(statement)
    play = node.value(
        "SELECT track_plays.id FROM track_plays JOIN tracks ON tracks.id = track_id "
        "WHERE title = 'owned' LIMIT 1"
    )
    with psycopg.connect(node.url) as other:
        other.execute("UPDATE public.track_plays SET created_at = created_at WHERE id = %s", [play])
        result = node.manage("purge", "--pause", "0")
        other.rollback()
    assert result.returncode == 0
    assert "users.deleted_at: 1 row is left" in result.stderr
    assert "locked by other sessions" in result.stderr
    node.done("purge", "--verbosity", "0")
    assert node.value("SELECT count(*) FROM users") == 1
    node.session.execute("DELETE FROM users")
