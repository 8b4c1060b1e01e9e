"""Group 041: likes, shares, comments, history, and reports of clients."""

from decimal import Decimal

import numpy as np

from veza_demo import words
from veza_demo.binary import PackedColumn, boolean, encoded, integer, text, timestamp
from veza_demo.counts import THREAD, table
from veza_demo.draws import Integers
from veza_demo.people import DAY, HOUR
from veza_demo.shares import Shuffle, distinct

from .base import Columns, Rows, duration, sometimes
from .plays import MILLISECOND, listened, together
from .tracks import undone

#: From 0.00 to 100.00: choice 1234 is 12.34.
PERCENTAGES = encoded("numeric", [Decimal(number).scaleb(-2) for number in range(10_001)])
CREATED = 0
NO_OLD = np.array([old is None for _, old, _ in words.HISTORY])
NO_NEW = np.array([new is None for _, _, new in words.HISTORY])


@table(rows=lambda counts: counts.likes)
def track_likes(rows: Rows) -> Columns:
    """Likes. One in twenty was taken back, and most of these were given again by the same user."""
    world = rows.world
    slot = Shuffle(rows.total).place_of(rows.numbers)
    rank = world.likes.rank(slot)
    first = world.likes.first(rank)
    count = world.likes.first(rank + 1) - first
    number = slot - first
    # A like that was taken back has the same user as the like before it.
    number -= undone(slot) & (number > 0)
    track = world.track_of_rank(rank)
    pool = world.users_for(world.track_deleted(track))
    offset = rows.draws.fraction("offset", rank)
    user = world.lasting_user(distinct(number, count, offset, pool))
    start = np.maximum(world.track_start(track), world.user_start(user))
    end = world.track_end(track)
    return rows.key() | {
        "track_id": rows.refer("tracks", track),
        "user_id": rows.refer("users", user),
        **rows.removable(rows.in_order(start, end), end, undone(slot)),
    }


def _lasting_listener(rows: Rows) -> Integers:
    """Choose users who are neither staff nor deleted, older ones more often."""
    fractions = rows.fraction("user")
    numbers = (fractions * fractions * rows.world.lasting_users).astype(np.int64)
    return rows.world.lasting_user(numbers)


@table(rows=lambda counts: max(counts.users // 5, 40))
def track_shares(rows: Rows) -> Columns:
    """Links that never expire, that will expire, that have expired, and that were deleted."""
    world = rows.world
    track, user = world.popular_track(rows.fraction("track")), _lasting_listener(rows)
    start = np.maximum(world.track_start(track), world.user_start(user))
    created = rows.lately(start, np.full_like(start, world.now))
    return rows.key() | {
        "track_id": rows.refer("tracks", track),
        "user_id": rows.refer("users", user),
        "token_hash": rows.token_hash(),
        "permission": text(rows.choose("permission", words.SHARE_PERMISSIONS)),
        "expires_at": sometimes(
            created + (1 + rows.below("days", 45)) * DAY, rows.chance("e", 0.6)
        ),
        "access_count": integer(rows.below("base", 4) * rows.below("accesses", 40)),
        **rows.removable(created, np.full_like(start, world.now), rows.chance("deleted", 0.08)),
    }


@table(rows=lambda counts: counts.threads * THREAD)
def track_comments(rows: Rows) -> Columns:
    """Threads of four comments: the first, replies to it or to a reply, and perhaps a second
    beginning.

    A thread is within one chunk, so a reply never comes before what it replies to.
    """
    world, number = rows.world, rows.numbers
    place = number % THREAD
    slot = Shuffle(world.counts.threads).place_of(number // THREAD)
    track = world.track_of_rank(world.threads.rank(slot))
    deleted = (place == THREAD - 1) & (slot % 5 == 0)
    pool = world.users_for(world.track_deleted(track))
    fractions = rows.fraction("user")
    user = world.lasting_user((fractions * fractions * pool).astype(np.int64))
    created = _comment_time(rows, track, pool)
    end = world.track_end(track)
    edited_at = rows.between(created, np.minimum(created + HOUR, end), "edited at")
    edited = rows.chance("edited", 0.06)
    gone = rows.between(edited_at, end, "deleted at")
    # The third replies to the first or the second one; the last begins a thread or replies too.
    parent = number - np.where(place == 2, 1 + rows.below("to", 2), place)
    begins = (place == 0) | ((place == 3) & rows.draws.chance("begins", slot, 0.5))
    return rows.key() | {
        "track_id": rows.refer("tracks", track),
        "user_id": rows.refer("users", user),
        "parent_id": rows.refer("track_comments", parent).unless(begins),
        "content": text(
            rows.choose("comment", words.COMMENTS).only(begins),
            rows.choose("reply", words.REPLIES).only(~begins),
            rows.choose("more", words.MORE),
        ),
        "position_ms": integer(rows.below("position", duration(world, track))).unless(
            ~begins | rows.chance("whole", 0.4)
        ),
        "is_edited": boolean(edited),
        **rows.times(created, np.where(deleted, gone, np.where(edited, edited_at, created))),
        "deleted_at": sometimes(gone, deleted),
    }


def _comment_time(rows: Rows, track: Integers, pool: Integers) -> Integers:
    """When the comments were written: after all four authors of the thread had signed up."""
    world, number = rows.world, rows.numbers
    begin = number - number % THREAD
    latest = world.track_start(track)
    for place in range(THREAD):
        fractions = rows.draws.fraction("user", begin + place)
        user = world.lasting_user((fractions * fractions * pool).astype(np.int64))
        latest = np.maximum(latest, world.user_start(user))
    end = world.track_end(track)
    rest = 1 - (begin + rows.draws.fraction("time", begin)) / rows.total
    first = end - ((end - latest) * (rest * rest)).astype(np.int64)
    # The replies follow within two days, in their order.
    step = np.minimum(12 * HOUR, (end - first) // THREAD)
    return first + step * (number - begin)


@table(rows=lambda counts: max(counts.tracks // 5, 40))
def track_history(rows: Rows) -> Columns:
    """Changes of tracks by their owners, and sometimes by the platform."""
    world = rows.world
    track = rows.below("track", world.counts.tracks)
    owner = world.track_owner(track)
    start = world.track_start(track)
    end = np.minimum(world.track_end(track), world.user_end(owner))
    kind = rows.below("kind", len(words.ACTIONS))
    created = np.where(kind == CREATED, start, rows.between(start, end))
    before, after = (
        PackedColumn((values.take(kind),)).unless(none[kind])
        for values, none in ((words.OLD_VALUES, NO_OLD), (words.NEW_VALUES, NO_NEW))
    )
    return rows.key() | {
        "track_id": rows.refer("tracks", track),
        "user_id": rows.refer("users", owner).unless(rows.chance("platform", 0.1)),
        "action": text(words.ACTIONS.take(kind)),
        "old_value": before,
        "new_value": after,
        **rows.times(created, created),
    }


class Listening:
    """Listeners with their tracks and sessions, for the reports of clients.

    If the track is newer than the session, the session is unknown.
    """

    def __init__(self, rows: Rows) -> None:
        world = rows.world
        session = rows.below("session", world.rows["user_sessions"])
        user = world.session_user(session)
        track = world.popular_track(rows.fraction("track"))
        session_start = world.session_start(session)
        start, end, apart = together(world, user, track)
        unknown = apart | rows.chance("unknown", 0.05)
        within = ~unknown & (world.track_start(track) <= session_start)
        self.track = track
        self.start = np.where(within, session_start, start)
        self.end = np.where(within, world.session_last(session), end)
        self.track_id = rows.refer("tracks", track)
        self.user_id = rows.refer("users", user).unless(unknown)
        self.session_id = rows.refer("user_sessions", session).unless(~within)


@table(rows=lambda counts: max(counts.plays // 10, 40))
def playback_analytics(rows: Rows) -> Columns:
    """Reports about plays; a few have no end."""
    world = rows.world
    listening = Listening(rows)
    started = rows.between(listening.start, listening.end)
    heard = listened(rows, listening.track, started, listening.end)
    ended = started + heard * MILLISECOND
    goes_on = rows.chance("goes on", 0.04)
    part = heard * 10_000 // duration(world, listening.track)
    return rows.key() | {
        "track_id": listening.track_id,
        "user_id": listening.user_id,
        "session_id": listening.session_id,
        "started_at": timestamp(started),
        "ended_at": sometimes(ended, ~goes_on),
        "play_time_ms": integer(heard),
        "pause_count": integer(rows.below("pauses", 3) * rows.below("paused", 2)),
        "seek_count": integer(rows.below("seeks", 5) * rows.below("sought", 2)),
        "completion_rate": PackedColumn((PERCENTAGES.take(part),)),
        **rows.times(started, np.where(goes_on, started, ended)),
    }
