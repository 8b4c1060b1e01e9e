"""`recount`: what it finds and repairs, and that it loses nothing that services count meanwhile."""

import io
import json
import random
import re
import signal
import uuid

import pytest
from django.core.management import call_command

from tests.counters import wrong
from tests.in_process import default_database
from tests.services.conftest import LONGEST, new_playlist, new_track, new_user, wait_until
from tests.support import (
    database_environment,
    is_one_clear_line,
    manage,
    running_manage,
    scratch_database,
)
from veza_core.db.locks import RECOUNT_LOCK_KEY
from veza_core.operations.recount import Recount


@pytest.fixture
def recount(services, db):
    """Runs the command without pauses; returns the outcome of each counter that was wrong."""

    def run(*arguments):
        result = raw_recount(services, "--json", *arguments)
        assert result.returncode == 0, result.stderr
        counters = json.loads(result.stdout)["counters"]
        return {name: off for name, off in counters.items() if off["rows"]}

    run()
    return run


def raw_recount(database, *arguments):
    return manage("recount", "--pause", "0", *arguments, **database_environment(database))


def off(rows, too_low=0, too_high=0, left=0):
    return {"rows": rows, "too_low": too_low, "too_high": too_high, "left": left}


def count_of(session, track, column="like_count"):
    return session.one(f"SELECT {column} FROM tracks WHERE id = $1", track)


@pytest.fixture
def liked(first, recount):
    """A track with three likes that count, one that was taken back, and a comment."""
    owner = new_user(first)
    track = new_track(first, owner)
    for _ in range(3):
        first.run("LikeTrack", new_user(first), track)
    first.run("LikeTrack", owner, track)
    first.run("UnlikeTrack", owner, track)
    first.run("AddComment", track, owner, None, "Nice", None)
    return track


def test_what_is_wrong_is_said_and_repaired(first, liked, recount):
    playlist = new_playlist(first, new_user(first))
    first.execute("UPDATE tracks SET like_count = 9, comment_count = 0 WHERE id = $1", liked)
    first.execute(
        "UPDATE playlists SET track_count = 2, follower_count = 1 WHERE id = $1", playlist
    )
    expected = {
        "tracks.like_count": off(1, too_high=6),
        "tracks.comment_count": off(1, too_low=1),
        "playlists.track_count": off(1, too_high=2),
        "playlists.follower_count": off(1, too_high=1),
    }

    assert recount("--dry-run") == expected
    assert recount("--dry-run", "--batch-size", "1") == expected
    assert recount() == expected

    assert recount() == {}
    assert wrong(first.execute) == {}


def test_what_is_right_is_not_touched(first, services, liked):
    first.execute("UPDATE tracks SET like_count = 0 WHERE id = $1", liked)
    version = "SELECT id, xmin::text FROM tracks WHERE id <> $1 ORDER BY id"
    before = first.execute(version, liked).fetchall()

    result = raw_recount(services)

    assert result.returncode == 0, result.stderr
    assert "  tracks.like_count: 1 row, 3 too few and 0 too many\n" in result.stdout
    assert first.execute(version, liked).fetchall() == before


def test_some_only(first, liked, recount):
    first.execute("UPDATE tracks SET like_count = 9, comment_count = 9 WHERE id = $1", liked)

    assert recount("--only", "playlists") == {}
    assert recount("--only", "tracks.like_count") == {"tracks.like_count": off(1, too_high=6)}
    assert recount("--only", "tracks") == {"tracks.comment_count": off(1, too_high=8)}


def test_plays_that_were_purged_stay_counted_and_new_ones_are_not_counted_twice(
    first, liked, recount
):
    old = "INSERT INTO track_plays (track_id, created_at) SELECT $1, now() - interval '61 minutes'"
    for _ in range(3):
        first.execute(old, liked)
    first.run("RecordPlay", liked, None, 1, False, None, None, None, None)
    assert recount() == {"tracks.play_count": off(1, too_low=3)}
    # The service continues.
    first.run("CountPlay", liked)
    assert count_of(first, liked, "play_count") == 4
    first.execute("DELETE FROM track_plays WHERE track_id = $1", liked)
    assert recount() == {}
    assert count_of(first, liked, "play_count") == 4
    first.execute("UPDATE tracks SET play_count = 0 WHERE id = $1", liked)


# While services run ------------------------------------------------------------------------------


def test_what_services_do_between_the_measure_and_the_repair(
    first, second, liked, recount, monkeypatch
):
    """The counter is 9, with 3 likes. Two are added and one is removed before 6 are subtracted."""
    liker = new_user(first)
    first.run("LikeTrack", liker, liked)
    first.execute("UPDATE tracks SET like_count = 10 WHERE id = $1", liked)
    add = Recount._add

    def later(self, *arguments):
        second.run("LikeTrack", new_user(second), liked)
        second.run("LikeTrack", new_user(second), liked)
        second.run("UnlikeTrack", liker, liked)
        monkeypatch.setattr(Recount, "_add", add)
        add(self, *arguments)

    monkeypatch.setattr(Recount, "_add", later)
    assert recount() == {"tracks.like_count": off(1, too_high=6)}
    assert count_of(first, liked) == 5
    assert wrong(first.execute) == {}


def test_a_counter_that_a_service_keeps_at_0(first, second, liked, recount, monkeypatch):
    """It would become -1, and stays at 0. So the difference changes, and is measured again."""
    liker = new_user(first)
    first.run("LikeTrack", liker, liked)
    first.execute("UPDATE tracks SET like_count = 0 WHERE id = $1", liked)
    add = Recount._add

    def later(self, *arguments):
        second.run("UnlikeTrack", liker, liked)
        monkeypatch.setattr(Recount, "_add", add)
        add(self, *arguments)

    monkeypatch.setattr(Recount, "_add", later)
    recount()
    assert count_of(first, liked) == 3


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
def test_a_transaction_that_is_open_meanwhile(first, second, third, services, liked, end):
    """Its like is in no snapshot yet, and in no counter; its counter is locked."""
    first.execute("UPDATE tracks SET like_count = 9 WHERE id = $1", liked)
    second.begin()
    second.run("LikeTrack", new_user(first), liked)
    pid = second.connection.info.backend_pid
    with running_manage("recount", "--lock-timeout", "60", **database_environment(services)) as run:
        waits = "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))"
        wait_until(lambda: third.one(waits, pid))
        second.execute(end)
        assert run.wait(LONGEST) == 0
    assert count_of(first, liked) == 3 + (end == "COMMIT")


def test_many_services_at_once(session, first, services, recount):
    """Counters that are wrong at first are right at the end, whatever was counted meanwhile."""
    users = [new_user(first) for _ in range(4)]
    tracks = [new_track(first, users[0]) for _ in range(4)]
    lists = [new_playlist(first, users[0]) for _ in range(4)]
    done = []

    def serve(mine, number):
        pick, user, comments = random.Random(number), users[number], []  # noqa: S311
        while len(done) < 4:
            track, playlist = pick.choice(tracks), pick.choice(lists)
            mine.run(pick.choice(["LikeTrack", "UnlikeTrack"]), user, track)
            mine.run(pick.choice(["FollowPlaylist", "UnfollowPlaylist"]), user, playlist)
            comments.append(mine.run("AddComment", track, user, None, "x", None)[0])
            mine.run("DeleteComment", pick.choice(comments), user)
            mine.begin()
            mine.run("LockPlaylist", playlist)
            mine.run(*pick.choice([("AddPlaylistTrack", playlist, track, user),
                                   ("RemovePlaylistTrack", playlist, track)]))  # fmt: skip
            mine.commit()

    servers = [session() for _ in range(3)]
    running = [server.start(serve, server, number) for number, server in enumerate(servers)]
    found = set()
    try:
        for number in range(4):
            first.execute("UPDATE tracks SET like_count = $1, comment_count = 99", number)
            first.execute("UPDATE playlists SET track_count = 99, follower_count = $1", number)
            found |= recount("--batch-size", "3").keys()
            done.append(number)
    finally:
        done[:] = range(4)
        for future in running:
            future.result(LONGEST)
    recount()
    assert found == {"tracks.like_count", "tracks.comment_count",
                     "playlists.track_count", "playlists.follower_count"}  # fmt: skip
    assert wrong(first.execute) == {}


def test_a_row_that_is_locked_is_left(first, second, services, liked, recount):
    other = new_track(first, new_user(first))
    first.execute("UPDATE tracks SET like_count = 9 WHERE id IN ($1, $2)", liked, other)
    second.begin()
    second.execute("SELECT FROM tracks WHERE id = $1 FOR UPDATE", liked)

    result = raw_recount(services, "--lock-timeout", "0.01")

    assert result.returncode == 0
    assert result.stderr == "1 counter is left for the next recount: locked by other sessions\n"
    assert (count_of(first, liked), count_of(first, other)) == (9, 0)
    second.execute("ROLLBACK")
    assert recount() == {"tracks.like_count": off(1, too_high=6)}


# As a command ---------------------------------------------------------------------------------


def test_one_run_at_a_time(first, services, liked):
    first.execute("UPDATE tracks SET like_count = 9 WHERE id = $1", liked)
    first.execute("SELECT pg_advisory_lock($1)", RECOUNT_LOCK_KEY)

    result = raw_recount(services)

    assert result.returncode == 1
    assert is_one_clear_line(result), result.stderr
    assert f"another recount is running: pid {first.connection.info.backend_pid}" in result.stderr
    # Reading needs no lock.
    assert "1 row, 0 too few and 6 too many" in raw_recount(services, "--dry-run").stdout
    assert count_of(first, liked) == 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "tracks.weekly_play_count"], "there is no counter tracks.weekly_play_count"),
        (["--only", "users"], "choose from playlists, playlists.follower_count"),
        (["--after", "users:" + str(uuid.uuid4())], "this run does not check table users"),
        (["--after", "tracks"], "a table and an id are needed"),
        (["--batch-size", "0"], "from 1 to 100000"),
    ],
)
def test_wrong_options_change_nothing(first, services, liked, arguments, message):
    first.execute("UPDATE tracks SET like_count = 9 WHERE id = $1", liked)
    result = raw_recount(services, *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert count_of(first, liked) == 9


def test_it_continues_after_a_row(first, services, recount, liked):
    ids = sorted(new_track(first, new_user(first)) for _ in range(3))
    first.execute("UPDATE tracks SET like_count = 9 WHERE id = ANY($1)", ids)
    recount("--after", f"tracks:{ids[0]}")
    assert [count_of(first, id_) for id_ in ids] == [9, 0, 0]
    # Tables before that one are done.
    first.execute("UPDATE playlists SET follower_count = 9")
    assert recount("--after", f"tracks:{uuid.UUID(int=0)}") == {"tracks.like_count": off(1, 0, 9)}


def test_a_dry_run_that_is_ended_changed_nothing(first, services, liked, monkeypatch):
    """And says so; a run says that what it repaired stays. Here Ctrl-C comes after a batch."""
    ids = sorted([liked, new_track(first, new_user(first))])
    first.execute("UPDATE tracks SET like_count = 9 WHERE id = ANY($1)", ids)
    counts = "SELECT array_agg(like_count ORDER BY id) FROM tracks WHERE id = ANY($1)"

    def interrupt(self, text):
        raise KeyboardInterrupt

    monkeypatch.setattr("veza_core.operations.progress.StatusLine.show", interrupt)
    out = io.StringIO()
    options = ["--only", "tracks", "--batch-size", "1", "--pause", "0"]
    for more, told in (
        (["--dry-run"], "Nothing was changed."),
        ([], "Ended: repaired counters stay repaired."),
    ):
        assert first.one(counts, ids) == [9, 9]
        with default_database(services), pytest.raises(KeyboardInterrupt):
            call_command("recount", *options, *more, stdout=out, stderr=out)
        last = out.getvalue().splitlines()[-1]
        assert re.fullmatch(rf"{told} --after tracks:[0-9a-f-]{{36}} continues\.", last)


@pytest.mark.process
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_run_that_is_ended(first, services, recount, liked, number, code):
    # When the first one is seen, more than 10 seconds of pauses are left.
    owner = new_user(first)
    ids = [new_track(first, owner) for _ in range(60)]
    first.execute("UPDATE tracks SET like_count = 9 WHERE id = ANY($1)", ids)
    left = "SELECT count(*) FROM tracks WHERE like_count = 9 AND id = ANY($1)"
    arguments = ["recount", "--batch-size", "1", "--pause", "0.2"]
    with running_manage(*arguments, **database_environment(services)) as run:
        wait_until(lambda: first.one(left, ids) < len(ids))
        run.send_signal(number)
        _, err = run.communicate(timeout=LONGEST)
    assert run.returncode == code
    assert 0 < first.one(left, ids) < len(ids)
    if number == signal.SIGTERM:
        place = err.partition(" --after ")[2].split()[0]
        assert err == f"Ended: repaired counters stay repaired. --after {place} continues.\n"
        assert recount("--after", place).keys() == {"tracks.like_count"}
    else:
        recount()
    assert wrong(first.execute) == {}


def test_a_database_that_was_not_migrated(db):
    with scratch_database() as name:
        result = raw_recount(name)
    assert is_one_clear_line(result), result.stderr
    assert "run manage.py migrate first" in result.stderr
