"""Groups 042 and 050: streams, transcode jobs, bitrate changes; the rooms of old clients."""

import numpy as np

from veza_demo import words
from veza_demo.binary import PackedColumn, boolean, digits, integer, smallint, text, timestamp
from veza_demo.counts import table
from veza_demo.draws import Integers
from veza_demo.people import HOUR, MINUTE, SECOND

from .analytics import Listening
from .base import Columns, Rows, duration, sometimes
from .tracks import status_of, version_start

READY_STREAM, PENDING_STREAM = 0, 1
COMPLETED, PENDING, PROCESSING, FAILED_JOB, CANCELLED = range(5)

#: The status of a track's last job, by the track's status in `words.TRACK_STATUSES`.
JOB_OF_TRACK = np.array([COMPLETED, CANCELLED, PROCESSING, FAILED_JOB])
SEGMENT = 6_000


@table(rows=lambda counts: counts.tracks // 2)
def hls_streams(rows: Rows) -> Columns:
    """One for each of the most played tracks, for the newest version if there are several."""
    world, number = rows.world, rows.numbers
    track = world.track_of_rank(number)
    has_version = (number % 3 == 0) & (number < world.rows["track_versions"] // 2)
    start = np.where(has_version, version_start(world, number * 2 + 1), world.track_start(track))
    end = world.track_end(track)
    status = np.where(rows.chance("not ready", 0.06), 1 + rows.below("status", 3), READY_STREAM)
    ready = status == READY_STREAM
    segments = duration(world, track) // SEGMENT + 1
    created = rows.between(start, np.minimum(start + 2 * HOUR, end))
    updated = np.minimum(created + rows.below("took", 20) * MINUTE, end)
    choice = rows.choose("renditions", words.RENDITIONS)
    return rows.key() | {
        "track_id": rows.refer("tracks", track),
        "track_version_id": rows.refer("track_versions", number * 2 + 1).unless(~has_version),
        "playlist_url": text(
            "https://streams.example.com/", rows.hexadecimal("url"), "/master.m3u8"
        ).unless(~ready),
        "segment_count": integer(np.where(ready, segments, 0)),
        "segment_duration_ms": integer(np.full_like(number, SEGMENT)).unless(~ready),
        "bitrates": PackedColumn(
            (choice.only(ready), words.NO_RENDITIONS.take(number * 0).only(~ready))
        ),
        "status": text(words.HLS_STATUSES.take(status)),
        **rows.times(created, np.where(status == PENDING_STREAM, created, updated)),
    }


def _job_status(rows: Rows, rank: Integers) -> Integers:
    track_status = status_of(rows.world, rank)
    status = JOB_OF_TRACK[track_status]
    # Some tracks that are ready are transcoded again, or were going to be.
    again = (track_status == 0) & rows.chance("again", 0.25)
    status = np.where(again, rows.below("status", 5), status)
    return np.where((status == PROCESSING) & rows.chance("queued", 0.6), PENDING, status)


@table(rows=lambda counts: counts.tracks // 5)
def hls_transcode_queue(rows: Rows) -> Columns:
    """Jobs that are completed, failed, cancelled, processing, pending, or pending for a retry."""
    world, number = rows.world, rows.numbers
    # In turn for the most played and the least played tracks; the latter include those not ready.
    rank = np.where(number % 2 == 0, world.counts.tracks - 1 - number // 2, number // 2)
    track = world.track_of_rank(rank)
    has_version = (number % 2 == 1) & (number // 2 < world.rows["track_versions"] // 2)
    version = np.where(has_version, rank * 2, 0)
    start = np.where(has_version, version_start(world, version), world.track_start(track))
    end = world.track_end(track)
    status = _job_status(rows, rank)
    is_open = ((status == PENDING) | (status == PROCESSING)) & (end == world.now)
    status = np.where(is_open | (status == COMPLETED) | (status >= FAILED_JOB), status, COMPLETED)
    # Jobs that are not done yet were created today.
    created = np.where(
        is_open,
        rows.between(np.maximum(start, world.now - 6 * HOUR), end),
        rows.between(start, np.minimum(start + 6 * HOUR, end)),
    )
    failed, done = status == FAILED_JOB, status == COMPLETED
    retried = (status == PENDING) & rows.chance("retried", 0.4)
    attempts = np.where(failed, 3, np.where(done | (status == PROCESSING), 1, 0))
    attempts = np.where(retried, 1 + rows.below("attempts", 2), attempts)
    attempts = np.where(done & rows.chance("second try", 0.1), 2, attempts)
    run_after = np.where(retried, world.now + attempts * 12 * HOUR, created)
    begun = attempts > 0
    began = rows.between(created, np.minimum(created + HOUR, end), "began")
    completed = np.minimum(began + rows.below("took", 600) * SECOND, end)
    worker = text("transcoder-", digits(rows.below("worker", 16) + 1, 16))
    over = done | failed | (status == CANCELLED)
    return rows.key() | {
        "track_id": rows.refer("tracks", track),
        "track_version_id": rows.refer("track_versions", version).unless(~has_version),
        "priority": smallint(
            np.where(rows.chance("normal", 0.6), 5, 1 + rows.below("priority", 10))
        ),
        "status": text(words.JOB_STATUSES.take(status)),
        "attempt_count": integer(attempts),
        "max_attempts": integer(np.full_like(number, 3)),
        "locked_by": worker.unless(status != PROCESSING),
        "locked_at": sometimes(began, status == PROCESSING),
        "run_after": timestamp(run_after),
        "started_at": sometimes(began, begun),
        "completed_at": sometimes(completed, over),
        "error_message": text(rows.choose("error", words.JOB_ERRORS)).unless(~(failed | retried)),
        **rows.times(created, np.where(over, completed, np.where(begun, began, created))),
    }


@table(rows=lambda counts: max(counts.plays // 20, 40))
def bitrate_adaptation_logs(rows: Rows) -> Columns:
    """Changes of the bitrate during a play, each by one step or more."""
    listening = Listening(rows)
    created = rows.between(listening.start, listening.end)
    steps = np.array(words.BITRATES)
    old = rows.below("old", len(steps))
    new = (old + 1 + rows.below("new", len(steps) - 1)) % len(steps)
    bandwidth = steps[new] * 2 + rows.below("bandwidth", 2_000)
    return rows.key() | {
        "track_id": listening.track_id,
        "user_id": listening.user_id,
        "session_id": listening.session_id,
        "old_bitrate": integer(steps[old]),
        "new_bitrate": integer(steps[new]),
        "reason": text(rows.choose("reason", words.ADAPTATIONS)),
        "network_bandwidth": integer(bandwidth).unless(rows.chance("unmeasured", 0.1)),
        "buffer_level_ms": integer(rows.below("buffer", 30_000)).unless(
            rows.chance("no buffer", 0.1)
        ),
        **rows.times(created, created),
    }


@table(rows=lambda counts: max(counts.users // 50, 20))
def rooms(rows: Rows) -> Columns:
    """Rooms; several have the same name, which is allowed."""
    world = rows.world
    creator = world.listeners(rows.fraction("creator"))
    start, end = world.user_start(creator), world.user_end(creator)
    created = rows.between(start, end)
    return rows.key() | {
        "creator_id": rows.refer("users", creator).unless(rows.chance("unknown", 0.05)),
        "name": text(rows.choose("name", words.ROOM_NAMES)),
        "description": text(rows.choose("text", words.ROOM_TEXTS)).unless(
            rows.chance("no text", 0.3)
        ),
        "is_private": boolean(rows.chance("private", 0.25)),
        "max_members": integer(np.where(rows.chance("small", 0.2), 50, 1000)),
        **rows.removable(created, end, rows.numbers % 10 == 3),
    }
