"""Jobs of the transcode queue, with several workers at the same time: see `racing`."""

import pytest

from benchmarks.queries.statements import replace, sql
from tests.services.conftest import LONGEST, new_track, wait_until


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


def test_without_skip_locked_a_worker_waits(first, second, queue):
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
def test_without_this_condition_it_is_not(first, queue, words):
    job = first.run("TakeTranscodeJob", "slow")[0]
    first.execute(
        "UPDATE hls_transcode_queue SET status = $2, locked_by = $3, completed_at = now()"
        " WHERE id = $1",
        job,
        *(("processing", "fast") if "locked" in words else ("cancelled", "slow")),
    )
    assert first.run("CompleteTranscodeJob", job, "slow") == 0

    unsafe = replace(sql("CompleteTranscodeJob"), words, "AND $2::text = 'slow'")

    assert first.execute(unsafe, job, "slow").rowcount == 1


def test_a_heartbeat_in_progress_keeps_the_job(first, second, queue):
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
        # No worker may take it before its time.
        assert first.one("SELECT run_after > now() FROM hls_transcode_queue WHERE id = $1", job)
        first.execute(
            "UPDATE hls_transcode_queue SET run_after = now(), priority = 10 WHERE id = $1", job
        )
        first.run("TakeTranscodeJob", "worker")

    assert states == ["pending", "pending", "failed"]


def test_a_failed_job_gives_way_to_a_waiting_job_of_the_same_version(first, queue, user):
    """Otherwise it could not be put back, because at most one job of a version may be pending."""
    track = new_track(first, user)
    first.execute("DELETE FROM hls_transcode_queue")
    first.run("EnqueueTranscodeJob", track, None, 5)
    job = first.run("TakeTranscodeJob", "worker")[0]
    assert first.run("EnqueueTranscodeJob", track, None, 5) == 1

    assert first.run("FailTranscodeJob", job, "worker", "no codec") == 1

    assert state(first, job)[:2] == ("cancelled", None)
    assert first.run("TakeTranscodeJob", "worker")[0] != job


def test_only_one_job_of_a_version_is_requeued(first, queue, user):
    """Also if several workers died with one; and none if another one is pending."""
    track, other = new_track(first, user), new_track(first, user)
    first.execute("DELETE FROM hls_transcode_queue")
    for _ in range(3):
        first.run("EnqueueTranscodeJob", track, None, 5)
        first.run("TakeTranscodeJob", "worker")
    first.run("EnqueueTranscodeJob", other, None, 5)
    first.run("TakeTranscodeJob", "worker")
    first.run("EnqueueTranscodeJob", other, None, 5)
    first.execute(
        "UPDATE hls_transcode_queue SET locked_at = now() - interval '1 hour'"
        " WHERE status = 'processing'"
    )

    found = first.execute(sql("TakeBackTranscodeJobs"), 600).fetchall()

    assert sorted((of == track, status) for _, of, status in found) == [
        (False, "cancelled"), (True, "cancelled"), (True, "cancelled"), (True, "pending"),
    ]  # fmt: skip


def test_a_version_is_deleted_together_with_its_jobs(first, queue, user):
    """A job without its version would transcode another file, or conflict with its job."""
    track = new_track(first, user)
    version = first.run("AddTrackVersion", track, user, "b.flac", 1, None)[0]
    for of in (None, version):
        assert first.run("EnqueueTranscodeJob", track, of, 5) == 1

    first.execute("DELETE FROM track_versions WHERE id = $1", version)

    jobs = first.execute(
        "SELECT track_version_id FROM hls_transcode_queue WHERE track_id = $1", track
    )
    assert jobs.fetchall() == [(None,)]
