"""Group 041, plays: who played which track and when, and the tracks' plays of the last week."""

from functools import cache

import numpy as np

from veza_demo import words
from veza_demo.binary import boolean, integer, text, timestamp
from veza_demo.counts import table
from veza_demo.draws import Flags, Integers
from veza_demo.people import DAY, SECOND
from veza_demo.shares import Shuffle
from veza_demo.world import World

from .base import Columns, Rows, duration

MILLISECOND = SECOND // 1000
WEEK = 7 * DAY
#: This many tracks, the most played ones, have a count of the last week.
ON_TOP = 1_000
#: Plays that are counted together for it, to limit the memory.
TOGETHER = 50_000


def together(world: World, user: Integers, track: Integers) -> tuple[Integers, Integers, Flags]:
    """The time in which both the user and the track existed, and the rows where there is none.

    Where there is none, it is the track's own time, and the listener is not signed in.
    """
    apart = world.track_deleted(track) & ~world.settled(world.user_start(user))
    apart |= world.user_deleted(user) & ~world.settled(world.track_start(track))
    track_start, track_end = world.track_start(track), world.track_end(track)
    start = np.where(apart, track_start, np.maximum(track_start, world.user_start(user)))
    end = np.where(apart, track_end, np.minimum(track_end, world.user_end(user)))
    return start, end, apart


def listened(rows: Rows, track: Integers, started: Integers, end: Integers) -> Integers:
    """The time heard, in ms. Half of the plays are complete, and none continues after `end`."""
    parts = np.minimum(rows.fraction("heard") * 2, 1)
    heard = (duration(rows.world, track) * parts).astype(np.int64)
    return np.minimum(heard, (end - started) // MILLISECOND)


class Play:
    """Plays: the track, the user (none if `apart`), the start, and the time heard."""

    def __init__(self, rows: Rows) -> None:
        world = rows.world
        self.rank = world.plays.rank(Shuffle(rows.total).place_of(rows.numbers))
        self.track = world.track_of_rank(self.rank)
        self.user = world.listeners(rows.fraction("user"))
        start, end, self.apart = together(world, self.user, self.track)
        self.started = rows.in_order(start, end)
        self.heard = listened(rows, self.track, self.started, end)
        self.created = self.started + self.heard * MILLISECOND


@table(rows=lambda counts: counts.plays)
def track_plays(rows: Rows) -> Columns:
    """Plays in the order of time; one in seven by a listener who is not signed in."""
    play = Play(rows)
    return rows.key() | {
        "track_id": rows.refer("tracks", play.track),
        "user_id": rows.refer("users", play.user).unless(play.apart | rows.chance("unknown", 0.14)),
        "started_at": timestamp(play.started),
        "duration_ms": integer(play.heard),
        "is_complete": boolean(play.heard == duration(rows.world, play.track)),
        "source": text(rows.choose_skewed("source", words.SOURCES)).unless(
            rows.chance("no source", 0.05)
        ),
        "device": text(rows.choose("device", words.DEVICES)).unless(rows.chance("no device", 0.03)),
        "ip_address": rows.address().unless(rows.chance("no address", 0.05)),
        "country_code": text(rows.choose_skewed("country", words.COUNTRIES)).unless(
            rows.chance("no country", 0.05)
        ),
        **rows.times(play.created, play.created),
    }


@cache
def weekly_plays(world: World) -> Integers:
    """Return the plays of the last 7 days of each track, by rank, for the first `ON_TOP` tracks."""
    on_top = min(ON_TOP, world.ready_tracks)
    counts = np.zeros(on_top, dtype=np.int64)
    slots = int(world.plays.first(np.array([on_top]))[0])
    numbers_of = Shuffle(world.rows["track_plays"])
    for first in range(0, slots, TOGETHER):
        numbers = numbers_of.number_at(np.arange(first, min(first + TOGETHER, slots)))
        play = Play(Rows(world, "track_plays", numbers))
        counts += np.bincount(play.rank[play.created > world.now - WEEK], minlength=on_top)
    return counts
