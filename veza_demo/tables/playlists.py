"""Group 040, second half: playlists, their tracks, followers and collaborators."""

import numpy as np

from veza_demo import words
from veza_demo.binary import boolean, digits, integer, text
from veza_demo.counts import table
from veza_demo.draws import Integers
from veza_demo.shares import Shares, Shuffle, distinct
from veza_demo.world import World

from .base import Columns, Rows, sometimes
from .tracks import undone, undone_before


def _live(shares: Shares, ranks: Integers) -> Integers:
    first, after = shares.first(ranks), shares.first(ranks + 1)
    return after - first - (undone_before(after) - undone_before(first))


@table(rows=lambda counts: counts.playlists)
def playlists(rows: Rows) -> Columns:
    """Public and private playlists, with their counters."""
    world, number = rows.world, rows.numbers
    start, end = world.playlist_start(number), world.playlist_end(number)
    deleted = world.playlist_deleted(number)
    rank = world.playlist_ranks.number_at(number)
    tag = f"-{world.tag}" if world.tag else ""
    most = world.counts.playlists
    return rows.key() | {
        "user_id": rows.refer("users", world.playlist_owner(number)),
        "title": text(
            rows.choose("title", words.PLAYLIST_TITLES), rows.choose("end", words.PLAYLIST_ENDS)
        ),
        "slug": text(
            rows.choose("slug, first", words.MOOD),
            "-",
            rows.choose("slug, last", words.THING),
            "-mix-",
            digits(number, most),
            tag,
        ).unless(rows.chance("no slug", 0.2)),
        "description": text(rows.choose("text", words.PLAYLIST_TEXTS)).unless(
            rows.chance("no text", 0.5)
        ),
        "cover_url": text("https://images.example.com/playlists/", digits(number, most)).unless(
            rows.chance("no cover", 0.4)
        ),
        "is_public": boolean(~rows.chance("private", 0.2)),
        "track_count": integer(_live(world.entries, rank)),
        "follower_count": integer(_live(world.follows, rank)),
        **rows.times(start, np.where(deleted, end, rows.between(start, end, "updated"))),
        "deleted_at": sometimes(end, deleted),
    }


class _Members:
    """The playlist of each row, and the row's place within the playlist."""

    def __init__(self, rows: Rows, shares: Shares) -> None:
        world = rows.world
        # Rows are not in the order of playlists, because people add tracks to all playlists all the
        # time.
        self.slot = Shuffle(shares.slots).place_of(rows.numbers)
        rank = shares.rank(self.slot)
        first = shares.first(rank)
        self.number = self.slot - first
        self.count = shares.first(rank + 1) - first
        self.undone_before = undone_before(self.slot) - undone_before(first)
        self.playlist = world.playlist_ranks.place_of(rank)
        self.start = world.playlist_start(self.playlist)
        self.end = world.playlist_end(self.playlist)
        self.deleted = world.playlist_deleted(self.playlist)
        self.offset = world.draws(rows.table).fraction("offset", self.playlist)

    def users(self, world: World) -> Integers:
        """Return a user for each row, each at most once in a playlist."""
        pool = world.users_for(self.deleted)
        return world.lasting_user(distinct(self.number, self.count, self.offset, pool))

    def tracks(self, world: World) -> Integers:
        """Return a track for each row, each at most once in a playlist."""
        ranks = distinct(self.number, self.count, self.offset, world.lasting_ranks)
        # A deleted playlist has only tracks that existed before its deletion.
        settled = distinct(self.number, self.count, self.offset, world.settled_tracks)
        return np.where(self.deleted, settled, world.track_of_rank(world.lasting_rank(ranks)))


@table(rows=lambda counts: counts.playlists * 10)
def playlist_tracks(rows: Rows) -> Columns:
    """Entries. The live entries of a playlist have the positions 0, 1, 2, …"""
    world = rows.world
    entry = _Members(rows, world.entries)
    track = entry.tracks(world)
    start = np.maximum(entry.start, world.track_start(track))
    adder = world.fitting(world.playlist_owner(entry.playlist), start)
    end = np.minimum(np.minimum(entry.end, world.track_end(track)), world.user_end(adder))
    created = rows.in_order(start, end)
    return rows.key() | {
        "playlist_id": rows.refer("playlists", entry.playlist),
        "track_id": rows.refer("tracks", track),
        "added_by_id": rows.refer("users", adder).unless(rows.chance("unknown", 0.02)),
        "position": integer(entry.number - entry.undone_before),
        **rows.removable(created, end, undone(entry.slot)),
    }


@table(rows=lambda counts: counts.playlists)
def playlist_collaborators(rows: Rows) -> Columns:
    """Collaborators who accepted, who have not accepted yet, and who were removed."""
    world = rows.world
    member = _Members(rows, world.collaborators)
    user = member.users(world)
    start = np.maximum(member.start, world.user_start(user))
    owner = world.fitting(world.playlist_owner(member.playlist), start)
    end = np.minimum(np.minimum(member.end, world.user_end(user)), world.user_end(owner))
    invited = rows.in_order(start, end)
    accepted = rows.between(invited, end, "accepted")
    gone = rows.between(accepted, end, "deleted at")
    deleted = rows.chance("deleted", 0.08)
    has_accepted = deleted | rows.chance("accepts", 0.8)
    changed = np.where(deleted, gone, np.where(has_accepted, accepted, invited))
    return rows.key() | {
        "playlist_id": rows.refer("playlists", member.playlist),
        "user_id": rows.refer("users", user),
        "invited_by_id": rows.refer("users", owner).unless(rows.chance("unknown", 0.02)),
        "permission": text(rows.choose_skewed("permission", words.PLAYLIST_PERMISSIONS)),
        "accepted_at": sometimes(accepted, has_accepted),
        **rows.times(invited, changed),
        "deleted_at": sometimes(gone, deleted),
    }


@table(rows=lambda counts: counts.playlists * 2)
def playlist_follows(rows: Rows) -> Columns:
    """Followers, present and former."""
    world = rows.world
    member = _Members(rows, world.follows)
    user = member.users(world)
    start = np.maximum(member.start, world.user_start(user))
    end = np.minimum(member.end, world.user_end(user))
    created = rows.in_order(start, end)
    return rows.key() | {
        "playlist_id": rows.refer("playlists", member.playlist),
        "user_id": rows.refer("users", user),
        **rows.removable(created, end, undone(member.slot)),
    }
