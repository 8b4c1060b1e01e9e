"""Likes, follows, plays and states, two at the same time: see `racing`."""

import uuid

import psycopg
import pytest

from benchmarks.queries.statements import sql
from tests.services.conftest import LONGEST, new_playlist, new_track, wait_until
from tests.services.racing import concurrently, is_free


def test_a_like_counts_once(first, second, user, track):
    assert concurrently(first, second, sql("LikeTrack"), user, track) == (1, 0)
    assert likes(first, track) == (1, 1)


def test_a_like_that_is_taken_back_counts_once(first, second, user, track):
    first.run("LikeTrack", user, track)

    assert concurrently(first, second, sql("UnlikeTrack"), user, track) == (1, 0)
    assert likes(first, track) == (0, 0)


def test_a_like_comes_back(first, user, track):
    changed = [first.run(name, user, track) for name in ("LikeTrack", "UnlikeTrack", "LikeTrack")]

    assert changed == [1, 1, 1]
    assert likes(first, track) == (1, 1)


def likes(session, track):
    return session.execute(
        "SELECT like_count, (SELECT count(*) FROM track_likes WHERE track_id = $1"
        " AND deleted_at IS NULL) FROM tracks WHERE id = $1",
        track,
    ).fetchone()


def test_a_follower_counts_once(first, second, user):
    playlist = new_playlist(first, user)

    assert concurrently(first, second, sql("FollowPlaylist"), user, playlist) == (1, 0)
    assert concurrently(first, second, sql("UnfollowPlaylist"), user, playlist) == (1, 0)
    assert first.one("SELECT follower_count FROM playlists WHERE id = $1", playlist) == 0


def test_no_play_is_lost(first, second, track):
    concurrently(first, second, sql("CountPlay"), track)

    assert first.one("SELECT play_count FROM tracks WHERE id = $1", track) == 2


@pytest.mark.parametrize("reverse", [False, True])
def test_plays_are_counted_in_the_order_of_ids(first, second, third, user, reverse):
    low, middle, high = tracks = sorted(new_track(first, user) for _ in range(3))
    first.begin()
    first.execute("SELECT 1 FROM tracks WHERE id = $1 FOR NO KEY UPDATE", middle)
    order = tracks[::-1] if reverse else tracks

    coming = second.start(second.run, "CountPlays", order, [1, 2, 3])
    wait_until(second.waits)

    # It waits at the middle one and holds the lower one: in one order two batches do not deadlock.
    free = [track for track in (low, high) if is_free(third, "tracks", track)]
    first.commit()
    assert free == [high]
    assert coming.result(LONGEST) == 3
    counted = [first.one("SELECT play_count FROM tracks WHERE id = $1", track) for track in order]
    assert counted == [1, 2, 3]


def test_a_track_listed_twice_is_counted_twice(first, track):
    first.run("CountPlays", [track, track, uuid.uuid4()], [1, 4, 9])

    assert first.one("SELECT play_count FROM tracks WHERE id = $1", track) == 5


def test_one_of_two_moves_a_track(first, second, user):
    track = first.run("CreateTrack", user, "T", None, None, None, None, "a.flac", True)[0]

    got = concurrently(first, second, sql("MoveTrack"), track, "uploading", "processing")

    assert got == (1, 0)
    assert first.run("MoveTrack", track, "processing", "ready") == 1
    assert first.one("SELECT published_at IS NOT NULL FROM tracks WHERE id = $1", track)


def test_one_of_two_moves_a_stream(first, second, track):
    stream = first.run("CreateStream", track, None)[0]

    assert concurrently(first, second, sql("MoveStream"), stream, "pending", "processing") == (1, 0)
    assert first.run("CompleteStream", stream, "https://e.org/a.m3u8", 3, 6000, [128]) == 1
    assert first.run("ReadyStream", track)[0] == stream


def test_two_versions_at_once_are_told_apart(first, second, user, track):
    values = [track, user, "b.flac", 1, None]

    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        concurrently(first, second, sql("AddTrackVersion"), *values)

    assert caught.value.diag.constraint_name == "idx_track_versions_track_id_version_number"
    assert second.run("AddTrackVersion", *values)[1] == 2


def test_a_comment_and_its_count(first, second, user, track):
    comment = first.run("AddComment", track, user, None, "Good", None)[0]
    reply = first.run("AddComment", track, user, comment, "Yes", 1000)[0]

    assert concurrently(first, second, sql("DeleteComment"), reply, user) == (1, 0)
    assert first.one("SELECT comment_count FROM tracks WHERE id = $1", track) == 1
    assert first.run("EditComment", reply, user, "No") == 0
    ((id_, *_),) = first.execute(sql("NewestComments"), track)
    assert id_ == comment
