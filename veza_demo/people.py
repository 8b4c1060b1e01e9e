"""Time, users and their sessions: the part of a set on which the other parts depend.

All times are microseconds since 1970. Users are in the order of time, so the users of an earlier
time are always the first ones. Soft-deleted rows are old (`settled`), were deleted recently, and
are related only to settled rows. So nothing happens to a row before it exists, or after it was
deleted.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache, cached_property, partial
from hashlib import blake2b
from uuid import UUID

import numpy as np

from .counts import Counts, rows_of_tables
from .draws import Draws, Flags, Floats, Integers

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

#: The age of the platform.
AGE = 3 * 365 * DAY
#: Rows were deleted only in the last days, and only older rows.
DELETIONS = 60 * DAY
#: One in this many rows is deleted.
DELETED_EVERY = 25

#: The first users: a staff account for each role.
KNOWN = ("support", "moderator", "admin", "super_admin")
SYSTEM_ROLES = ("support", "moderator", "admin")


class People:
    """A set of demo data: `seed`, `now` and `counts` decide everything.

    `addition` distinguishes the sets of a database (0: the first one). `system_roles` has the ids
    of the `SYSTEM_ROLES`, which the migrations insert, and which differ between databases.
    """

    def __init__(
        self,
        seed: int,
        now: datetime,
        counts: Counts,
        system_roles: Sequence[UUID],
        addition: int = 0,
    ) -> None:
        self.counts = counts
        self.rows = rows_of_tables(counts)
        self.now = int(now.timestamp() * SECOND)
        self.key = f"{seed} {self.now} {counts} {addition}"
        joined = b"".join(role.bytes for role in system_roles)
        self.system_roles = np.frombuffer(joined, np.uint8).reshape(-1, 16)
        # Part of the names and addresses of a further set, which must differ from those of other
        # sets.
        digest = blake2b(self.key.encode()).hexdigest()
        self.tag = f"x{digest[:5]}" if addition else ""
        self.settled_before = self.now - DELETIONS
        # There are no uploads before the first user who is not staff.
        self.opening = max(0.02, (counts.staff + 2) / counts.users)
        self.draws = cache(partial(Draws, self.key))

    @property
    def known_addresses(self) -> list[str]:
        tag = f".{self.tag}" if self.tag else ""
        return [f"{name}{tag}@example.com" for name in KNOWN]

    # Time -------------------------------------------------------------------------------------

    def moment(self, part: Floats) -> Integers:
        """The time at a fraction (0 to 1) of all rows: the platform grows, so most are recent."""
        rest = 1 - part
        return self.now - SECOND - (rest * rest * AGE).astype(np.int64)

    def settled(self, times: Integers) -> Flags:
        """Whether a row of that time may be related to deleted rows."""
        return times < self.settled_before

    def _deletion(self, table: str, rows: Integers) -> Integers:
        return self.now - (self.draws(table).fraction("deleted", rows) * DELETIONS).astype(np.int64)

    # Users ------------------------------------------------------------------------------------

    def user_start(self, users: Integers) -> Integers:
        jitter = self.draws("users").fraction("start", users)
        return self.moment((users + jitter) / self.counts.users)

    def user_deleted(self, users: Integers) -> Flags:
        """Whether the users are soft deleted; staff never are."""
        chosen = (users % DELETED_EVERY == DELETED_EVERY - 1) & (users > self.counts.staff)
        return chosen & self.settled(self.user_start(users))

    def user_end(self, users: Integers) -> Integers:
        """When the users were deleted; `now` for the others."""
        return np.where(self.user_deleted(users), self._deletion("users", users), self.now)

    def listeners(self, fractions: Floats) -> Integers:
        """Choose users by a random number, older ones more often. Staff do not listen."""
        staff = self.counts.staff
        return staff + (fractions * fractions * fractions * (self.counts.users - staff)).astype(
            np.int64
        )

    def users_there(self, parts: Floats, fractions: Floats) -> Integers:
        """Choose users who existed at a fraction of time; deleted users only if settled."""
        staff = self.counts.staff
        existing = (parts * self.counts.users).astype(np.int64) - staff
        cubes = fractions * fractions * fractions
        chosen = staff + (cubes * np.maximum(existing, 1)).astype(np.int64)
        return self.fitting(chosen, self.moment(parts))

    def fitting(self, users: Integers, times: Integers) -> Integers:
        """Return the users; if a row is too new for a deleted user, the previous user."""
        return users - (self.user_deleted(users) & ~self.settled(times))

    @cached_property
    def _base(self) -> int:
        return -(-self.counts.staff // DELETED_EVERY) * DELETED_EVERY

    def lasting_user(self, numbers: Integers) -> Integers:
        """The n-th of the users who are neither staff nor deleted."""
        return self._base + numbers + numbers // (DELETED_EVERY - 1)

    @cached_property
    def lasting_users(self) -> int:
        return self._lasting(self.counts.users)

    @cached_property
    def settled_users(self) -> int:
        """The number of settled ones among these, which are the first ones."""
        return self._lasting(self._first_settled(self.counts.users, 0.0))

    def _lasting(self, users: int) -> int:
        users -= self._base
        return max(users - users // DELETED_EVERY, 0)

    def _first_settled(self, rows: int, opening: float) -> int:
        part = 1 - (DELETIONS / AGE) ** 0.5
        return int((part - opening) / (1 - opening) * rows) - 1

    def users_for(self, deleted: Flags) -> Integers:
        """The number of lasting users that rows may refer to, by whether the rows are deleted."""
        return np.where(deleted, self.settled_users, self.lasting_users)

    # Sessions ---------------------------------------------------------------------------------

    def session_user(self, sessions: Integers) -> Integers:
        """The owners of the sessions; the four known staff accounts have the first ones."""
        fractions = self.draws("user_sessions").fraction("user", sessions)
        return np.where(sessions < 4, sessions, self.listeners(fractions))

    def session_start(self, sessions: Integers) -> Integers:
        users = self.session_user(sessions)
        return self.lately("user_sessions", sessions, self.user_start(users), self.user_end(users))

    def session_last(self, sessions: Integers) -> Integers:
        """When the sessions were last used, at most 20 days after they began."""
        start = self.session_start(sessions)
        end = np.minimum(self.user_end(self.session_user(sessions)), start + 20 * DAY)
        return self.between("user_sessions", sessions, start, end, "last")

    def session_revoked(self, sessions: Integers) -> Flags:
        """Whether the sessions were ended early; those of the known staff accounts were not."""
        draws = self.draws("user_sessions")
        return (sessions >= len(KNOWN)) & draws.chance("revoked", sessions, 0.15)

    def session_revoked_at(self, sessions: Integers) -> Integers:
        end = self.user_end(self.session_user(sessions))
        last = self.session_last(sessions)
        return self.between("user_sessions", sessions, last, end, "revoked at")

    def between(
        self, table: str, rows: Integers, start: Integers, end: Integers, what: str = "time"
    ) -> Integers:
        """A random time from `start` to `end`."""
        fractions = self.draws(table).fraction(what, rows)
        return start + ((end - start) * fractions).astype(np.int64)

    def lately(
        self, table: str, rows: Integers, start: Integers, end: Integers, days: int = 30
    ) -> Integers:
        """A random time from `start` to `end`; for half of the rows, within its last days."""
        recent = self.draws(table).chance("lately", rows, 0.5)
        return self.between(
            table, rows, np.where(recent, np.maximum(start, end - days * DAY), start), end
        )
