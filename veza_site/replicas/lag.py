"""How many seconds a replica is behind the primary, as a reader would notice.

`pg_last_xact_replay_timestamp()` alone is the time of the last commit. If nobody writes, this grows
for hours, although nothing is missing. So the position in the WAL is compared first.
"""

import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from math import inf

from django.db.backends.base.base import BaseDatabaseWrapper

#: A commit is written to the WAL shortly before this position. It is NULL on a server that is a
#: replica. The first part of a WAL file's name is the timeline. The last two columns identify the
#: server and the database.
PRIMARY = """
SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn() - '0/0' END,
    CASE WHEN NOT pg_is_in_recovery() THEN
        ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int END,
    clock_timestamp(), (SELECT system_identifier FROM pg_control_system()),
    current_database()::text
"""
#: A role without pg_read_all_stats cannot see what was received. It sees a new timeline only after
#: the replica's next restartpoint.
REPLICA = """
SELECT pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn() - '0/0', 0),
    greatest((SELECT timeline_id FROM pg_control_checkpoint()),
        (SELECT received_tli FROM pg_stat_wal_receiver)),
    pg_last_xact_replay_timestamp(), (SELECT system_identifier FROM pg_control_system()),
    current_database()::text
"""

#: A healthy replica has a commit within milliseconds. After this many seconds it is asked again,
#: before it counts as behind.
CATCH_UP = 0.05
#: Below this many seconds behind, pages show no message.
TOLERATED = 1.0

#: WAL positions that this process saw, with their times: at most one in `SAMPLE_EVERY`.
SAMPLE_EVERY = 0.25
_samples: deque[tuple[int, float]] = deque(maxlen=600)


@dataclass(frozen=True, slots=True)
class Primary:
    """The state of the primary: its WAL position, its clock, and which database it is."""

    position: int
    timeline: int
    now: datetime
    identity: tuple[int, str]


class LeftError(Exception):
    """Why a replica cannot be read from, in our own words, without names of hosts."""


def read_primary(connection: BaseDatabaseWrapper) -> Primary | None:
    """Query the primary; None if the server is not a primary."""
    with connection.cursor() as cursor:
        cursor.execute(PRIMARY)
        position, timeline, now, *identity = cursor.fetchone()
    if position is None:
        return None
    _remember(int(position))
    return Primary(int(position), timeline, now, (identity[0], identity[1]))


def read_replica(connection: BaseDatabaseWrapper, primary: Primary) -> tuple[int, float]:
    """Return a replica's WAL position, and how many seconds it is behind (`inf`: unknown).

    Raises `LeftError` if it is not a replica of this primary, and Django's errors.
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
    # After a failover, it may have rows that the new primary does not have, at the same positions.
    if timeline != primary.timeline:
        raise LeftError("another timeline")
    return int(replayed), _behind(int(replayed), committed_at, primary)


def _behind(replayed: int, committed_at: datetime | None, primary: Primary) -> float:
    """The replica has everything up to its last replayed commit. It also has all that was
    written up to the time when the primary had not passed the replica's current position.
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
        # Nothing was written since, so the later time is more exact.
        _samples[-1] = position, now
    elif not _samples or now - _samples[-1][1] >= SAMPLE_EVERY:
        _samples.append((position, now))
