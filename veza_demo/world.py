"""Facts that must be the same in several tables: owners, and numbers of rows.

Tracks and playlists are in the order of time, as users are: see `people`.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from uuid import UUID

import numpy as np

from .counts import Counts
from .draws import Flags, Floats, Integers
from .people import DELETED_EVERY, People
from .shares import Shares, Shuffle, strongest_shares

#: The part of the tracks that are ready to be played.
READY = 0.94
PLAYS_POWER = 4


class ImpossibleError(ValueError):
    """Counts that contradict each other; the message is for the user."""


class World(People):
    """One set of demo data, by the same arguments as `People`.

    Raises `ImpossibleError` if counts contradict each other.
    """

    def __init__(
        self,
        seed: int,
        now: datetime,
        counts: Counts,
        system_roles: Sequence[UUID],
        addition: int = 0,
    ) -> None:
        super().__init__(seed, now, counts, system_roles, addition)
        # Each of these properties is computed at its first use, and may raise the error.
        _ = self.likes, self.entries, self.follows, self.collaborators

    # Tracks -----------------------------------------------------------------------------------

    def track_part(self, tracks: Integers) -> Floats:
        """The part of time (for `moment`) at which the tracks were uploaded."""
        return self._part("tracks", tracks, self.counts.tracks)

    def _part(self, table: str, rows: Integers, count: int) -> Floats:
        jitter = self.draws(table).fraction("start", rows)
        return self.opening + (1 - self.opening) * ((rows + jitter) / count)

    def track_start(self, tracks: Integers) -> Integers:
        return self.moment(self.track_part(tracks))

    def track_owner(self, tracks: Integers) -> Integers:
        """Who uploaded the tracks; a few users uploaded most of them."""
        fractions = self.draws("tracks").fraction("owner", tracks)
        return self.users_there(self.track_part(tracks), fractions)

    @cached_property
    def _popularity(self) -> Shuffle:
        return Shuffle(self.counts.tracks)

    def track_of_rank(self, ranks: Integers) -> Integers:
        """Return the track with the rank; 0 is the most played one."""
        return self._popularity.place_of(ranks)

    def rank_of_track(self, tracks: Integers) -> Integers:
        return self._popularity.number_at(tracks)

    @cached_property
    def ready_tracks(self) -> int:
        """The number of ready tracks, which have the first ranks."""
        return int(self.counts.tracks * READY)

    @cached_property
    def lasting_ranks(self) -> int:
        return self.ready_tracks - self.ready_tracks // DELETED_EVERY

    def lasting_rank(self, numbers: Integers) -> Integers:
        """The n-th rank of those that are not deleted."""
        return numbers + numbers // (DELETED_EVERY - 1)

    def track_deleted(self, tracks: Integers) -> Flags:
        chosen = self.rank_of_track(tracks) % DELETED_EVERY == DELETED_EVERY - 1
        return chosen & self.settled(self.track_start(tracks))

    def track_end(self, tracks: Integers) -> Integers:
        """When the tracks were deleted; `now` for the others."""
        return np.where(self.track_deleted(tracks), self._deletion("tracks", tracks), self.now)

    def popular_track(self, fractions: Floats) -> Integers:
        """Choose tracks by a random number, ready and not deleted, popular ones more often."""
        squares = fractions * fractions
        numbers = (squares * squares * self.lasting_ranks).astype(np.int64)
        return self.track_of_rank(self.lasting_rank(numbers))

    @cached_property
    def settled_tracks(self) -> int:
        """The number of settled tracks, which are the first ones."""
        return max(self._first_settled(self.counts.tracks, self.opening), 1)

    # Playlists --------------------------------------------------------------------------------

    def playlist_part(self, playlists: Integers) -> Floats:
        """The part of time at which the playlists were created."""
        return self._part("playlists", playlists, self.counts.playlists)

    def playlist_start(self, playlists: Integers) -> Integers:
        return self.moment(self.playlist_part(playlists))

    def playlist_owner(self, playlists: Integers) -> Integers:
        fractions = self.draws("playlists").fraction("owner", playlists)
        return self.users_there(self.playlist_part(playlists), fractions)

    def playlist_deleted(self, playlists: Integers) -> Flags:
        chosen = playlists % DELETED_EVERY == DELETED_EVERY - 1
        return chosen & self.settled(self.playlist_start(playlists))

    def playlist_end(self, playlists: Integers) -> Integers:
        """When the playlists were deleted; `now` for the others."""
        deletion = self._deletion("playlists", playlists)
        return np.where(self.playlist_deleted(playlists), deletion, self.now)

    @cached_property
    def playlist_ranks(self) -> Shuffle:
        """Maps the playlists' ranks to the playlists, and back."""
        return Shuffle(self.counts.playlists)

    # Numbers of rows --------------------------------------------------------------------------

    @cached_property
    def plays(self) -> Shares:
        """Plays by rank of track."""
        return Shares(self.ready_tracks, self.counts.plays, PLAYS_POWER)

    @cached_property
    def likes(self) -> Shares:
        """Likes by rank of track."""
        return self._shares("likes", self.ready_tracks, self.counts.likes, self.settled_users)

    @cached_property
    def threads(self) -> Shares:
        """Threads of comments by rank of track."""
        return Shares(self.ready_tracks, self.counts.threads, PLAYS_POWER)

    @cached_property
    def entries(self) -> Shares:
        """Tracks by rank of playlist."""
        rows = self.rows["playlist_tracks"]
        most = min(self.settled_tracks, self.lasting_ranks)
        return self._shares("playlists", self.counts.playlists, rows, most)

    @cached_property
    def follows(self) -> Shares:
        """Followers by rank of playlist."""
        rows = self.rows["playlist_follows"]
        return self._shares("playlists", self.counts.playlists, rows, self.settled_users)

    @cached_property
    def collaborators(self) -> Shares:
        """Collaborators by rank of playlist."""
        rows = self.rows["playlist_collaborators"]
        return self._shares("playlists", self.counts.playlists, rows, self.settled_users)

    def _shares(self, name: str, things: int, slots: int, most: int) -> Shares:
        shares = strongest_shares(things, slots, most)
        if shares is None:
            raise ImpossibleError(
                f"--{name}: too many for {self.counts.users:,} users and "
                f"{self.counts.tracks:,} tracks, since nobody likes, follows or lists twice"
            )
        return shares
