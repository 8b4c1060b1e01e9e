"""How far a replica is behind the primary, in seconds of what a reader would miss.

`pg_last_xact_replay_timestamp()` alone is the time of the last commit: where nobody writes it grows
for hours, though nothing is missing. So the position in the WAL is compared first.
"""

import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from math import inf

from django.db.backends.base.base import BaseDatabaseWrapper

#: A commit is written to the WAL a moment before this position at the latest. NULL on a server that
#: is itself a replica. The timeline is the first part of a WAL file's name; the last two tell a
#: replica of another server, or another database.
PRIMARY = """
SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn() - '0/0' END,
    CASE WHEN NOT pg_is_in_recovery() THEN
        ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int END,
    clock_timestamp(), (SELECT system_identifier FROM pg_control_system()),
    current_database()::text
"""
#: A role without pg_read_all_stats does not see what is received, and knows of a new timeline by
#: the replica's next restartpoint.
REPLICA = """
SELECT pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn() - '0/0', 0),
    greatest((SELECT timeline_id FROM pg_control_checkpoint()),
        (SELECT received_tli FROM pg_stat_wal_receiver)),
    pg_last_xact_replay_timestamp(), (SELECT system_identifier FROM pg_control_system()),
    current_database()::text
"""

#: A replica that is well has a commit within milliseconds: seconds after which it is asked again,
#: before it is said to be behind.
CATCH_UP = 0.05
#: Seconds behind that nobody needs to be told.
TOLERATED = 1.0

#: Positions in the WAL that this process saw, with the times: at most one in `SAMPLE_EVERY`.
SAMPLE_EVERY = 0.25
_samples: deque[tuple[int, float]] = deque(maxlen=600)


@dataclass(frozen=True, slots=True)
class Primary:
    """Where the primary is: its position in the WAL, its clock, and which database it is."""

    position: int
    timeline: int
    now: datetime
    identity: tuple[int, str]


class LeftError(Exception):
    """Why a replica cannot be read from, in words of ours, without names of hosts."""

    @property
    def why(self) -> str:
        """The reason."""
        return str(self)


def read_primary(connection: BaseDatabaseWrapper) -> Primary | None:
    """Ask the primary; None where the server is none."""
    with connection.cursor() as cursor:
        cursor.execute(PRIMARY)
        position, timeline, now, *identity = cursor.fetchone()
    if position is None:
        return None
    _remember(int(position))
    return Primary(int(position), timeline, now, (identity[0], identity[1]))


def read_replica(connection: BaseDatabaseWrapper, primary: Primary) -> tuple[int, float]:
    """A replica's position in the WAL, and the seconds by which it is behind; `inf`: unknown.

    Raises `LeftError` where it is no replica of that primary, and Django's errors.
    """
    found = _ask(connection, primary)
    if found[1] > TOLERATED:
        time.sleep(CATCH_UP)
        found = _ask(connection, primary)
    return found


def _ask(connection: BaseDatabaseWrapper, primary: Primary) -> tuple[int, float]:
    with connection.cursor() as cursor:
        cursor.execute(REPLICA)
        in_recovery, replayed, timeline, committed_at, *identity = cursor.fetchone()
    if tuple(identity) != primary.identity:
        raise LeftError("another database")
    if not in_recovery:
        raise LeftError("not a replica")
    # After a failover it may have what the new primary has not, at the same positions.
    if timeline != primary.timeline:
        raise LeftError("another timeline")
    return int(replayed), _behind(int(replayed), committed_at, primary)


def _behind(replayed: int, committed_at: datetime | None, primary: Primary) -> float:
    """Everything up to the last replayed commit is there, and all that was written up to a time
    at which the primary was no further than the replica is now.
    """
    if replayed >= primary.position:
        return 0.0
    since_commit = (primary.now - committed_at).total_seconds() if committed_at else inf
    now = time.monotonic()
    since_seen = next((now - at for seen, at in reversed(_samples) if seen <= replayed), inf)
    return max(0.0, min(since_commit, since_seen))


def _remember(position: int) -> None:
    now = time.monotonic()
    if _samples and position == _samples[-1][0]:
        # Nothing was written since: the later time says more.
        _samples[-1] = position, now
    elif not _samples or now - _samples[-1][1] >= SAMPLE_EVERY:
        _samples.append((position, now))
