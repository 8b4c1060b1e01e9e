"""Playlists, two statements at the same time: see `racing`."""

import psycopg
import pytest

from benchmarks.queries.statements import sql
from tests.services.conftest import LONGEST, new_playlist, new_track, new_user, wait_until
from tests.services.racing import concurrently, is_free


@pytest.fixture
def playlist(first, user):
    return new_playlist(first, user)


@pytest.fixture
def entries(first, user, playlist):
    """Tracks of the playlist, in their order."""
    tracks = [new_track(first, user) for _ in range(5)]
    for track in tracks:
        assert first.run("AddPlaylistTrack", playlist, track, user) == 1
    return tracks


def in_order(session, playlist):
    return [row[1] for row in session.execute(sql("TracksOfPlaylist"), playlist)]


def test_a_reorder_waits_for_the_playlist_and_holds_no_entry(
    first, second, third, playlist, entries
):
    first.begin()
    first.run("LockPlaylist", playlist)
    coming = second.start(second.run, "ReorderPlaylist", playlist, entries[::-1])
    wait_until(second.waits)

    ids = first.execute("SELECT id FROM playlist_tracks WHERE playlist_id = $1", playlist)
    free = [is_free(third, "playlist_tracks", id_) for (id_,) in ids]
    first.commit()

    assert free == [True] * 5
    assert coming.result(LONGEST) == 5
    assert in_order(first, playlist) == entries[::-1]


def test_reorders_at_once_do_not_deadlock(first, second, playlist, entries):
    values = [playlist, entries[::-1]]

    got = concurrently(first, second, sql("ReorderPlaylist"), playlist, entries, of_second=values)

    assert got == (5, 5)
    assert in_order(first, playlist) == entries[::-1]


def test_entries_in_another_order_deadlock_without_the_playlist_s_lock(
    first, second, playlist, entries
):
    """Why there is a lock: a statement for each entry locks them in the order that it is given."""
    move = "UPDATE playlist_tracks SET position = $3 WHERE playlist_id = $1 AND track_id = $2"
    first.begin()
    second.begin()
    first.execute(move, playlist, entries[0], 1)
    second.execute(move, playlist, entries[1], 0)
    coming = second.start(second.execute, move, playlist, entries[0], 1)
    wait_until(second.waits)
    both = [first.start(first.execute, move, playlist, entries[1], 0), coming]

    # The server chooses which of the two it ends.
    errors = [future.exception(LONGEST) for future in both]

    assert [type(error) for error in errors if error] == [psycopg.errors.DeadlockDetected]


def test_two_concurrent_additions_get_two_positions(first, second, user, playlist, entries):
    tracks = [new_track(first, user) for _ in "12"]

    def add(session, track):
        session.begin()
        session.run("LockPlaylist", playlist)
        session.run("AddPlaylistTrack", playlist, track, user)

    add(first, tracks[0])
    coming = second.start(add, second, tracks[1])
    wait_until(second.waits)
    first.commit()
    coming.result(LONGEST)
    second.commit()

    places = first.execute(
        "SELECT position FROM playlist_tracks WHERE playlist_id = $1 ORDER BY position", playlist
    )
    assert [place for (place,) in places] == list(range(7))
    assert first.one("SELECT track_count FROM playlists WHERE id = $1", playlist) == 7


def test_a_track_is_in_a_playlist_once(first, user, playlist, entries):
    assert first.run("AddPlaylistTrack", playlist, entries[0], user) == 0
    assert first.run("RemovePlaylistTrack", playlist, entries[0]) == 1
    assert first.run("RemovePlaylistTrack", playlist, entries[0]) == 0
    assert first.run("AddPlaylistTrack", playlist, entries[0], user) == 1
    assert in_order(first, playlist) == [*entries[1:], entries[0]]
    assert first.one("SELECT track_count FROM playlists WHERE id = $1", playlist) == 5


def test_a_collaborator_who_is_invited_again_has_one_row(first, user, playlist):
    guest = new_user(first)
    id_ = first.run("SaveCollaborator", playlist, guest, user, "read")

    assert first.run("SaveCollaborator", playlist, guest, user, "write") == id_
    ((_, *_, permission),) = first.execute(sql("PlaylistsSharedWithUser"), guest)
    assert permission == "write"
