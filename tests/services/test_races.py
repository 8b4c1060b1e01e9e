"""Two sessions at the same statement: what each of them gets, and what is in the table then.

The first stands in an open transaction while the second comes, so that each race takes place in
every run. Where a word of the statement decides it, a test runs the statement without that word,
and sees what comes of it.
"""

import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from benchmarks.queries.statements import replace, sql
from tests.services.conftest import LONGEST, new_track, new_user, wait_until

SOON = datetime.now(UTC) + timedelta(days=1)


def hashed() -> str:
    return uuid.uuid4().hex


def beside(first, second, statement, *values, of_second=None):
    """What the second session gets of a statement that the first has run, and then commits."""
    first.begin()
    before = first.execute(statement, *values)
    got = before.fetchone() if before.description else before.rowcount
    coming = second.start(second.execute, statement, *(of_second or values))
    wait_until(lambda: second.waits() or coming.done())
    first.commit()
    after = coming.result(LONGEST)
    return got, after.fetchone() if after.description else after.rowcount


# Tokens ---------------------------------------------------------------------------------------


@pytest.fixture
def device(first, user):
    """A session."""
    return first.run("CreateSession", user, hashed(), None, None, None, SOON)[0]


@pytest.fixture
def token(first, user, device):
    token = hashed()
    first.run("CreateRefreshToken", user, device, token, SOON, None, None)
    return token


def rotate_at_once(first, second, token, statement):
    values = [[token, hashed(), SOON, None, None] for _ in "12"]
    return beside(first, second, statement, *values[0], of_second=values[1])


def test_one_refresh_token_buys_one_successor(first, second, token):
    got = rotate_at_once(first, second, token, sql("RotateRefreshToken"))

    assert got[0]
    assert got[1] is None


def test_without_a_word_it_buys_two(first, second, token):
    unsafe = replace(sql("RotateRefreshToken"), "AND refresh_tokens.revoked_at IS NULL", "")

    got = rotate_at_once(first, second, token, unsafe)

    assert got[0]
    assert got[1]


def test_a_token_that_is_used_twice_ends_its_session(first, second, user, device, token):
    successor, other = hashed(), hashed()
    another = first.run("CreateSession", user, hashed(), None, None, None, SOON)[0]
    first.run("CreateRefreshToken", user, another, other, SOON, None, None)
    # The thief's use is under way while the owner's comes.
    values = [token, successor, SOON, None, None]
    got = beside(first, second, sql("RotateRefreshToken"), *values)
    assert got[1] is None

    assert second.run("EndSessionOfReusedToken", token) == 1

    assert first.run("RotateRefreshToken", successor, hashed(), SOON, None, None) is None
    # The account's other devices stay.
    assert first.run("RotateRefreshToken", other, hashed(), SOON, None, None)[2] == another
    assert second.run("EndSessionOfReusedToken", token) == 0
    # A token that was not used ends nothing.
    assert second.run("EndSessionOfReusedToken", hashed()) == 0


@pytest.mark.parametrize("end", ["RevokeSession", "EndSessionOfReusedToken", "SignOutEverywhere"])
def test_a_successor_that_is_made_while_its_session_ends_is_worth_nothing(
    first, second, user, device, token, end
):
    last, successor = hashed(), hashed()
    first.run("RotateRefreshToken", token, last, SOON, None, None)
    arguments = {"RevokeSession": [device, user], "EndSessionOfReusedToken": [token]}
    first.begin()
    assert first.run("RotateRefreshToken", last, successor, SOON, None, None)
    coming = second.start(second.run, end, *arguments.get(end, [user]))
    wait_until(lambda: second.waits() or coming.done())
    first.commit()
    coming.result(LONGEST)

    assert first.run("RotateRefreshToken", successor, hashed(), SOON, None, None) is None


def test_one_device_is_signed_out_by_its_owner_only(first, user, device, token):
    assert first.run("RevokeSession", device, new_user(first)) == 0
    assert first.run("RefreshTokenByHash", token)[4] is None

    assert first.run("RevokeSession", device, user) == 1

    assert first.run("RefreshTokenByHash", token)[4] is not None
    assert first.run("RotateRefreshToken", token, hashed(), SOON, None, None) is None


@pytest.mark.parametrize(
    "state",
    ["is_banned = true", "is_active = false", "deleted_at = CURRENT_TIMESTAMP"],
)
def test_no_token_is_rotated_for_who_may_not_sign_in(first, user, token, state):
    first.execute(f"UPDATE users SET {state} WHERE id = $1", user)

    assert first.run("RotateRefreshToken", token, hashed(), SOON, None, None) is None


@pytest.mark.parametrize(
    ("create", "use"),
    [
        ("CreatePasswordResetToken", "UsePasswordResetToken"),
        ("CreateEmailVerificationToken", "UseEmailVerificationToken"),
    ],
)
def test_the_token_of_an_e_mail_is_used_once(first, second, user, create, use):
    token = hashed()
    email = first.one("SELECT email FROM users WHERE id = $1", user)
    first.run(create, *([user, token] if "Reset" in create else [user, email, token]), SOON)

    assert beside(first, second, sql(use), token) == ((user,), None)


def test_no_failed_sign_in_is_lost(first, second, user):
    values = [user, 2, 60]

    before, after = beside(first, second, sql("RecordFailedSignIn"), *values)

    assert before == (1, None)
    assert after[0] == 2
    assert after[1] > datetime.now(UTC)


def test_an_identity_is_never_moved(first, second, user):
    identity = ["provider", hashed(), None, None, None, "secret", None, None]

    got = beside(
        first,
        second,
        sql("SaveIdentity"),
        user,
        *identity,
        of_second=[new_user(first), *identity],
    )

    assert got[0]
    assert got[1] is None
    assert first.run("SaveIdentity", user, *identity) == got[0]


# Likes and follows ----------------------------------------------------------------------------


def test_a_like_counts_once(first, second, user, track):
    assert beside(first, second, sql("LikeTrack"), user, track) == (1, 0)
    assert likes(first, track) == (1, 1)


def test_a_like_that_is_taken_back_counts_once(first, second, user, track):
    first.run("LikeTrack", user, track)

    assert beside(first, second, sql("UnlikeTrack"), user, track) == (1, 0)
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

    assert beside(first, second, sql("FollowPlaylist"), user, playlist) == (1, 0)
    assert beside(first, second, sql("UnfollowPlaylist"), user, playlist) == (1, 0)
    assert first.one("SELECT follower_count FROM playlists WHERE id = $1", playlist) == 0


# Plays ----------------------------------------------------------------------------------------


def test_no_play_is_lost(first, second, track):
    beside(first, second, sql("CountPlay"), track)

    assert first.one("SELECT play_count FROM tracks WHERE id = $1", track) == 2


@pytest.mark.parametrize("reverse", [False, True])
def test_plays_are_counted_in_the_order_of_ids(first, second, third, user, reverse):
    low, middle, high = tracks = sorted(new_track(first, user) for _ in range(3))
    first.begin()
    first.execute("SELECT 1 FROM tracks WHERE id = $1 FOR NO KEY UPDATE", middle)
    order = tracks[::-1] if reverse else tracks

    coming = second.start(second.run, "CountPlays", order, [1, 2, 3])
    wait_until(second.waits)

    # It stands at the middle one and holds the lower one: in one order two batches do not deadlock.
    free = [track for track in (low, high) if is_free(third, "tracks", track)]
    first.commit()
    assert free == [high]
    assert coming.result(LONGEST) == 3
    counted = [first.one("SELECT play_count FROM tracks WHERE id = $1", track) for track in order]
    assert counted == [1, 2, 3]


def is_free(session, table, id_):
    statement = f"SELECT 1 FROM {table} WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED"
    return session.one(statement, id_) is not None


def test_a_track_that_comes_twice_is_counted_twice(first, track):
    first.run("CountPlays", [track, track, uuid.uuid4()], [1, 4, 9])

    assert first.one("SELECT play_count FROM tracks WHERE id = $1", track) == 5


# Playlists ------------------------------------------------------------------------------------


def new_playlist(session, user):
    return session.run("CreatePlaylist", user, "Title", None, None, True)[0]


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

    got = beside(first, second, sql("ReorderPlaylist"), playlist, entries, of_second=values)

    assert got == (5, 5)
    assert in_order(first, playlist) == entries[::-1]


def test_entries_in_another_order_deadlock_without_the_playlist_s_lock(
    first, second, playlist, entries
):
    """What the lock is there for; a statement for each entry takes the order that it is given."""
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


def test_two_who_add_a_track_get_two_positions(first, second, user, playlist, entries):
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


# Jobs -----------------------------------------------------------------------------------------


@pytest.fixture
def queue(first, user):
    """An empty queue, then three jobs."""
    first.execute("DELETE FROM hls_transcode_queue")
    for _ in range(3):
        first.run("EnqueueTranscodeJob", new_track(first, user), None, 5)


def state(session, job):
    return session.execute(
        "SELECT status::text, locked_by, attempt_count FROM hls_transcode_queue WHERE id = $1", job
    ).fetchone()


def test_workers_do_not_wait_and_get_different_jobs(session, queue):
    workers = [session() for _ in range(4)]
    for worker in workers:
        worker.begin()
    # A wait would be an error, not a hang.
    jobs = [
        worker.run("TakeTranscodeJob", f"worker {number}") for number, worker in enumerate(workers)
    ]

    taken = [job[0] for job in jobs[:3]]
    assert len(set(taken)) == 3
    assert jobs[3] is None


def test_without_two_words_a_worker_waits(first, second, queue):
    unsafe = replace(sql("TakeTranscodeJob"), " SKIP LOCKED", "")
    first.begin()
    first.execute(unsafe, "first")
    coming = second.start(second.execute, unsafe, "second")

    wait_until(second.waits)

    first.commit()
    coming.result(LONGEST)


def test_the_result_of_a_worker_that_lost_its_job_is_refused(first, second, queue):
    job = first.run("TakeTranscodeJob", "slow")[0]
    first.execute(
        "UPDATE hls_transcode_queue SET locked_at = now() - interval '1 hour' WHERE id = $1", job
    )
    assert first.run("TakeBackTranscodeJobs", 600)[0] == job
    # The one that was taken back is the oldest.
    assert second.run("TakeTranscodeJob", "fast")[0] == job

    for name in ("KeepTranscodeJob", "CompleteTranscodeJob"):
        assert first.run(name, job, "slow") == 0
    assert first.run("FailTranscodeJob", job, "slow", "no codec") == 0
    assert state(first, job) == ("processing", "fast", 2)
    assert second.run("CompleteTranscodeJob", job, "fast") == 1
    assert second.run("CompleteTranscodeJob", job, "fast") == 0


@pytest.mark.parametrize("words", ["AND locked_by = $2", "AND status = 'processing'"])
def test_without_these_words_it_is_not(first, queue, words):
    job = first.run("TakeTranscodeJob", "slow")[0]
    first.execute(
        "UPDATE hls_transcode_queue SET status = $2, locked_by = $3 WHERE id = $1",
        job,
        *(("processing", "fast") if "locked" in words else ("cancelled", "slow")),
    )
    assert first.run("CompleteTranscodeJob", job, "slow") == 0

    unsafe = replace(sql("CompleteTranscodeJob"), words, "AND $2::text = 'slow'")

    assert first.execute(unsafe, job, "slow").rowcount == 1


def test_a_sign_of_life_that_is_being_given_keeps_the_job(first, second, queue):
    job = first.run("TakeTranscodeJob", "slow")[0]
    first.execute(
        "UPDATE hls_transcode_queue SET locked_at = now() - interval '1 hour' WHERE id = $1", job
    )
    first.begin()
    first.run("KeepTranscodeJob", job, "slow")

    assert second.run("TakeBackTranscodeJobs", 600) is None

    first.commit()
    assert second.run("TakeBackTranscodeJobs", 600) is None


def test_a_job_fails_when_it_was_tried_often_enough(first, queue):
    job = first.run("TakeTranscodeJob", "worker")[0]
    states = []
    for _ in range(3):
        first.run("FailTranscodeJob", job, "worker", "no codec")
        states.append(state(first, job)[0])
        assert state(first, job)[1] is None
        # It is not to be taken before its time.
        assert first.one("SELECT run_after > now() FROM hls_transcode_queue WHERE id = $1", job)
        first.execute(
            "UPDATE hls_transcode_queue SET run_after = now(), priority = 10 WHERE id = $1", job
        )
        first.run("TakeTranscodeJob", "worker")

    assert states == ["pending", "pending", "failed"]


# States and numbers ---------------------------------------------------------------------------


def test_one_of_two_moves_a_track(first, second, user):
    track = first.run("CreateTrack", user, "T", None, None, None, None, "a.flac", True)[0]

    got = beside(first, second, sql("MoveTrack"), track, "uploading", "processing")

    assert got == (1, 0)
    assert first.run("MoveTrack", track, "processing", "ready") == 1
    assert first.one("SELECT published_at IS NOT NULL FROM tracks WHERE id = $1", track)


def test_one_of_two_moves_a_stream(first, second, track):
    stream = first.run("CreateStream", track, None)[0]

    assert beside(first, second, sql("MoveStream"), stream, "pending", "processing") == (1, 0)
    assert first.run("CompleteStream", stream, "https://e.org/a.m3u8", 3, 6000, [128]) == 1
    assert first.run("ReadyStream", track)[0] == stream


def test_two_versions_at_once_are_told_apart(first, second, user, track):
    values = [track, user, "b.flac", 1, None]

    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        beside(first, second, sql("AddTrackVersion"), *values)

    assert caught.value.diag.constraint_name == "idx_track_versions_track_id_version_number"
    assert second.run("AddTrackVersion", *values)[1] == 2


def test_a_comment_and_its_count(first, second, user, track):
    comment = first.run("AddComment", track, user, None, "Good", None)[0]
    reply = first.run("AddComment", track, user, comment, "Yes", 1000)[0]

    assert beside(first, second, sql("DeleteComment"), reply, user) == (1, 0)
    assert first.one("SELECT comment_count FROM tracks WHERE id = $1", track) == 1
    assert first.run("EditComment", reply, user, "No") == 0
    ((id_, *_),) = first.execute(sql("NewestComments"), track)
    assert id_ == comment
