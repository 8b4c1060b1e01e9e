"""Group 040, first half: tracks, and the versions of their files."""

import numpy as np

from veza_demo import words
from veza_demo.binary import PackedColumn, Piece, bigint, boolean, digits, integer, smallint, text
from veza_demo.counts import table
from veza_demo.draws import Flags, Integers
from veza_demo.people import HOUR
from veza_demo.world import World

from .base import Columns, Rows, duration, sometimes
from .plays import weekly_plays

UPLOADING, PROCESSING, FAILED = 1, 2, 3
#: One in this many likes, or entries of a playlist, is soft deleted.
UNDONE_EVERY = 20


def undone_before(slots: Integers) -> Integers:
    """Return how many of the slots before this one are soft deleted."""
    return slots // UNDONE_EVERY


def undone(slots: Integers) -> Flags:
    """Whether the row in the slot is soft deleted."""
    return slots % UNDONE_EVERY == UNDONE_EVERY - 1


def status_of(world: World, ranks: Integers) -> Integers:
    """Return the status of the tracks of these ranks, as an index of `words.TRACK_STATUSES`."""
    return np.where(ranks < world.ready_tracks, 0, UPLOADING + ranks % 3)


def _live_counts(world: World, ranks: Integers) -> tuple[Integers, Integers, Integers]:
    """Return the plays, live likes and live comments of the tracks of these ranks."""
    played = np.minimum(ranks, world.ready_tracks - 1)
    ready = ranks < world.ready_tracks
    first, after = world.likes.first(played), world.likes.first(played + 1)
    likes = after - first - (undone_before(after) - undone_before(first))
    first, after = world.threads.first(played), world.threads.first(played + 1)
    comments = 4 * (after - first) - (removed_before(after) - removed_before(first))
    plays = world.plays.count(played)
    return plays * ready, likes * ready, comments * ready


def removed_before(threads: Integers) -> Integers:
    """Return how many comments before this thread are soft deleted: one in five threads."""
    return (threads + 4) // 5


def _names(rows: Rows) -> tuple[Piece, Piece, PackedColumn]:
    """Return title, slug and artist. Title and slug share words; an owner has one artist."""
    mood = rows.below("mood", len(words.MOOD))
    thing = rows.below("thing", len(words.THING))
    abroad = rows.chance("abroad", 0.04)
    title = text(
        words.MOOD_TITLE.take(mood).only(~abroad),
        words.SPACE.take(mood).only(~abroad),
        words.THING_TITLE.take(thing).only(~abroad),
        rows.choose("abroad title", words.TITLES_ABROAD).only(abroad),
        rows.choose_skewed("end", words.TITLE_ENDS),
    )
    return words.MOOD.take(mood), words.THING.take(thing), title


def _artist(rows: Rows, owner: Integers) -> PackedColumn:
    draws = rows.world.draws("artists")
    return text(
        words.BANDS.take(draws.below("band", owner, len(words.BANDS))),
        words.MOOD_TITLE.take(draws.below("mood", owner, len(words.MOOD))),
        " ",
        words.THING_TITLE.take(draws.below("thing", owner, len(words.THING))),
    )


@table(rows=lambda counts: counts.tracks)
def tracks(rows: Rows) -> Columns:
    """Ready tracks with their counters, and some that are uploading, processing or failed."""
    world, number = rows.world, rows.numbers
    owner, rank = world.track_owner(number), world.rank_of_track(number)
    status = status_of(world, rank)
    ready = status == 0
    start, end = world.track_start(number), world.track_end(number)
    deleted = world.track_deleted(number)
    public = ~rows.chance("private", 0.08)
    published = np.minimum(start + 1 + rows.below("published", 72) * HOUR, end)
    plays, likes, comments = _live_counts(world, rank)
    weekly = weekly_plays(world)
    mood, thing, title = _names(rows)
    tag = f"-{world.tag}" if world.tag else ""
    lossless = rows.chance("lossless", 0.4)
    bitrate = np.where(lossless, 800 + rows.below("rate", 400), 128 + 64 * rows.below("step", 4))
    size = duration(world, number) * bitrate // 8
    uploaded = start.astype("datetime64[us]").astype("datetime64[Y]").astype(np.int64) + 1970
    year = uploaded - rows.below("age", 4) * rows.below("years", 8)
    path = [rows.hexadecimal("path"), digits(number, world.counts.tracks)]
    return rows.key() | {
        "user_id": rows.refer("users", owner),
        "title": title,
        "slug": text(mood, "-", thing, "-", digits(number, world.counts.tracks), tag).unless(
            rows.chance("no slug", 0.05)
        ),
        "artist": _artist(rows, owner).unless(rows.chance("no artist", 0.05)),
        "album": text(
            rows.choose("album, first", words.MOOD_TITLE),
            " ",
            rows.choose("album, last", words.THING_TITLE),
        ).unless(rows.chance("single", 0.4)),
        "genre": text(rows.choose_skewed("genre", words.GENRES)).unless(
            rows.chance("no genre", 0.05)
        ),
        "release_year": smallint(year).unless(rows.chance("no year", 0.1)),
        "tags": PackedColumn((rows.choose_skewed("tags", words.TAGS),)),
        "duration_ms": integer(duration(world, number)).unless(~ready),
        "file_path": text("originals/", *path),
        "file_size": bigint(size).unless(status == UPLOADING),
        "format": text(rows.choose("format", words.FORMATS)).unless(status == UPLOADING),
        "bitrate": integer(bitrate).unless(~ready),
        "sample_rate": integer(np.where(lossless, 48_000, 44_100)).unless(~ready),
        "cover_art_path": text("covers/", *path, ".jpg").unless(rows.chance("no cover", 0.2)),
        "waveform_path": text("waveforms/", *path, ".json").unless(~ready),
        "status": text(words.TRACK_STATUSES.take(status)),
        "is_public": boolean(public),
        "published_at": sometimes(published, ready & public),
        "play_count": bigint(plays),
        "like_count": bigint(likes),
        "comment_count": bigint(comments),
        "weekly_play_count": integer(
            np.where(rank < len(weekly), weekly[np.minimum(rank, len(weekly) - 1)], 0)
        ),
        **rows.times(start, np.where(deleted, end, rows.between(published, end, "updated"))),
        "deleted_at": sometimes(end, deleted),
    }


def version_track(world: World, versions: Integers) -> Integers:
    """Return the tracks of the versions: two for each track, beginning with the most played one."""
    return world.track_of_rank(versions // 2)


def version_start(world: World, versions: Integers) -> Integers:
    """When the version was uploaded: the second after the first, both while the track exists."""
    track = version_track(world, versions)
    start, end = world.track_start(track), world.track_end(track)
    parts = world.draws("track_versions").fraction("time", versions)
    return start + ((end - start) * ((versions % 2 + parts) / 3)).astype(np.int64)


@table(rows=lambda counts: counts.tracks // 5 * 2)
def track_versions(rows: Rows) -> Columns:
    """Two versions of each of the most played tracks."""
    world, number = rows.world, rows.numbers
    track, start = version_track(world, number), version_start(world, number)
    # Jobs are for first versions, and streams for the second of every third track.
    unused = number % 6 == 3
    return rows.key() | {
        "track_id": rows.refer("tracks", track),
        "created_by_id": rows.refer("users", world.fitting(world.track_owner(track), start)).unless(
            rows.chance("unknown", 0.02)
        ),
        "version_number": integer(number % 2 + 1),
        "file_path": text(
            "versions/", rows.hexadecimal("path"), digits(number, world.counts.tracks)
        ),
        "file_size": bigint(3_000_000 + rows.below("size", 60_000_000)).unless(
            rows.chance("no size", 0.05)
        ),
        "changelog": text(rows.choose("changelog", words.CHANGELOGS)).unless(
            rows.chance("no changelog", 0.3)
        ),
        **rows.removable(start, world.track_end(track), unused & rows.chance("deleted", 0.4)),
    }
