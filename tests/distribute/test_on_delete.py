"""Triggers that do ON DELETE for foreign keys that distributed tables cannot have, by raw SQL."""

import psycopg
import pytest

from tests.distribute.nodes import database_on_all_nodes
from tests.support import is_one_clear_line

USER = "INSERT INTO users (email, username) VALUES (%s || '@example.com', %s) RETURNING id"
TRACK = "INSERT INTO tracks (user_id, title, file_path) VALUES (%s, 't', 'f') RETURNING id"
PLAY = "INSERT INTO track_plays (track_id, user_id) VALUES (%s, %s) RETURNING id"


@pytest.fixture(scope="module")
def spread(citus):
    with database_on_all_nodes() as node:
        node.done("migrate", "--verbosity", "0")
        node.done("distribute", "--shards", "4", "--verbosity", "0")
        node.session.execute("CREATE ROLE deleter_of_tracks")
        try:
            yield node
        finally:
            node.session.execute("DROP OWNED BY deleter_of_tracks")
            node.session.execute("DROP ROLE deleter_of_tracks")


@pytest.fixture
def listening(spread, request):
    """An artist, a listener, and two tracks of the artist. The listener played each ten times."""
    name = request.node.name[5:30]
    artist, listener = spread.value(USER, name, name), spread.value(USER, f"l{name}", f"l{name}")
    tracks = [spread.value(TRACK, artist) for _ in range(2)]
    for track in tracks * 10:
        spread.value(PLAY, track, listener)
    yield artist, listener, tracks
    spread.session.execute("DELETE FROM users")
    assert spread.value("SELECT count(*) FROM track_plays") == 0


def plays(node, track):
    return node.value("SELECT count(*) FROM track_plays WHERE track_id = %s", track)


def test_a_track_takes_its_plays_along(spread, listening):
    _, _, (gone, other) = listening
    spread.session.execute("DELETE FROM tracks WHERE id = %s", [gone])
    assert (plays(spread, gone), plays(spread, other)) == (0, 10)


def test_a_cascade_from_the_account_reaches_them(spread, listening):
    artist, _, tracks = listening
    spread.session.execute("DELETE FROM users WHERE id = %s", [artist])
    assert [plays(spread, track) for track in tracks] == [0, 0]


def test_a_listener_is_forgotten_and_the_plays_stay(spread, listening):
    _, listener, tracks = listening
    spread.session.execute("DELETE FROM users WHERE id = %s", [listener])
    assert [plays(spread, track) for track in tracks] == [10, 10]
    assert spread.value("SELECT count(user_id) FROM track_plays") == 0
    # The trigger of the shards ran.
    assert spread.value("SELECT bool_and(updated_at > created_at) FROM track_plays")


def test_many_rows_of_one_statement(spread, listening):
    _, _, tracks = listening
    spread.session.execute("DELETE FROM tracks WHERE id = ANY(%s)", [tracks])
    assert [plays(spread, track) for track in tracks] == [0, 0]


def test_a_rollback_keeps_all(spread, listening):
    _, _, (track, _) = listening
    with spread.session.transaction(force_rollback=True):
        spread.session.execute("DELETE FROM tracks WHERE id = %s", [track])
        assert plays(spread, track) == 0
    assert plays(spread, track) == 10


def test_who_may_delete_tracks_needs_no_right_to_plays(spread, listening):
    """As with a foreign key, whose triggers run as the owner of the tables."""
    _, _, (track, _) = listening
    spread.session.execute("GRANT USAGE ON SCHEMA public TO deleter_of_tracks")
    spread.session.execute("GRANT SELECT, DELETE ON tracks TO deleter_of_tracks")
    with spread.session.transaction():
        spread.session.execute("SET LOCAL ROLE deleter_of_tracks")
        spread.session.execute("DELETE FROM tracks WHERE id = %s", [track])
    assert plays(spread, track) == 0


def test_the_sweep_does_what_on_delete_would_have_done(spread, listening):
    _, listener, (track, _) = listening
    spread.session.execute(
        "INSERT INTO track_plays (track_id) SELECT gen_random_uuid() FROM generate_series(1, 7)"
    )
    spread.value(PLAY, track, "00000000-0000-4000-8000-000000000000")
    printed = spread.done("distribute", "--sweep")
    assert "track_plays.track_id: 7 rows without a referenced row" in printed
    assert "track_plays.user_id: 1 row without a referenced row" in printed
    assert plays(spread, track) == 11
    assert spread.value("SELECT count(*) FROM track_plays WHERE user_id = %s", listener) == 20
    assert spread.value("SELECT count(*) FROM track_plays") == 21
    assert "No referenced row is missing." in spread.done("distribute", "--sweep")


def test_a_sweep_waits_no_longer_than_its_limit(spread, listening):
    """It waits for a row that another session locks on another node, but not on the coordinator."""
    play = spread.value(
        "INSERT INTO track_plays (track_id) VALUES (gen_random_uuid()) RETURNING id"
    )
    with psycopg.connect(spread.url) as other:
        other.execute("UPDATE public.track_plays SET created_at = created_at WHERE id = %s", [play])
        result = spread.manage("distribute", "--sweep", "--lock-timeout", "0.2")
        other.rollback()
    assert is_one_clear_line(result), result.stderr
    assert "lock timeout" in result.stderr
    spread.done("distribute", "--sweep")
    assert spread.value("SELECT count(*) FROM track_plays") == 20
