"""The most played tracks of the last 7 days, counted and stored in `tracks.weekly_play_count`.

A reader of the list reads fifty rows of a small index. Counting at each request would read every
play of the week (docs/adr/0005-indexes-of-the-hot-queries.md).
"""

from contextlib import nullcontext
from dataclasses import dataclass
from itertools import batched

from django.core.management.base import CommandError
from django.db import DatabaseError, ProgrammingError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from veza_core.db.fetch import fetch_all
from veza_core.db.inheritance import inherited_tables, named
from veza_core.db.timeouts import set_lock_timeout
from veza_core.db.waits import explain
from veza_core.operations.jobs import job_lock
from veza_core.operations.replicas import wait_for_replicas

#: The name of the job: see `veza_core.operations.jobs`.
WEEKLY_PLAYS = "count_weekly_plays"
#: "vezw" in ASCII: see `veza_core.db.locks`.
WEEKLY_PLAYS_LOCK_KEY = 0x76657A77
#: The most rows of an update transaction: a service that counts a play waits only for these.
BATCH = 100
#: Seconds to wait for the table; locked rows are skipped.
LOCK_TIMEOUT = 1.0

#: The tracks whose count is wrong: those at the top, and those that are no longer there.
CHANGES = sql.SQL("""
WITH top AS MATERIALIZED (
    SELECT track_id, least(count(*), 2147483647)::integer AS plays
    FROM {plays}
    WHERE created_at > CURRENT_TIMESTAMP - interval '7 days' AND created_at <= CURRENT_TIMESTAMP
    GROUP BY track_id
    ORDER BY plays DESC, track_id
    LIMIT %s
)
SELECT id, plays FROM top JOIN {tracks} ON id = track_id WHERE weekly_play_count <> plays
UNION ALL
SELECT id, 0 FROM {tracks}
WHERE weekly_play_count > 0 AND id NOT IN (SELECT track_id FROM top)
ORDER BY id
""")

UPDATE = sql.SQL("""
UPDATE {tracks} SET weekly_play_count = unlocked.plays
FROM (
    SELECT id, plays FROM {tracks}
    JOIN unnest(%s::uuid[], %s::integer[]) AS new (id, plays) USING (id)
    FOR NO KEY UPDATE OF tracks SKIP LOCKED
) AS unlocked
WHERE tracks.id = unlocked.id
""")


@dataclass(slots=True)
class WeeklyCount:
    """How many tracks need another count, and how many have it now."""

    due: int = 0
    updated: int = 0

    @property
    def left(self) -> int:
        """How many were locked by other sessions, or deleted meanwhile."""
        return self.due - self.updated


def count_weekly_plays(
    connection: BaseDatabaseWrapper, tracks: int, outcome: WeeklyCount, *, dry_run: bool = False
) -> None:
    """Set the count of the `tracks` most played tracks of the last 7 days, and 0 for all others.

    `outcome` grows with each batch, and says what was done if a run is interrupted; the next run
    does the rest. Raises `CommandError` in one line.
    """
    lock = job_lock(connection, WEEKLY_PLAYS_LOCK_KEY, WEEKLY_PLAYS)
    try:
        with nullcontext() if dry_run else lock:
            inherited = inherited_tables(connection)
            own = {
                name: named("public", table, is_inherited_from=table in inherited)
                for name, table in (("tracks", "tracks"), ("plays", "track_plays"))
            }
            changes = fetch_all(connection, CHANGES.format(**own), [tracks])
            outcome.due = len(changes)
            for batch in () if dry_run else batched(changes, BATCH):
                outcome.updated += _update(connection, UPDATE.format(**own), batch)
                wait_for_replicas(connection)
    except ProgrammingError as error:
        raise CommandError(
            f"{explain(error)}: the role must also be allowed to update tracks"
        ) from error
    except DatabaseError as error:
        raise CommandError(
            f"{outcome.updated:,} tracks were updated, and the next count does the rest: "
            f"{explain(error)}"
        ) from error


def _update(
    connection: BaseDatabaseWrapper,
    statement: sql.Composable,
    changes: tuple[tuple[object, int], ...],
) -> int:
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        set_lock_timeout(connection, LOCK_TIMEOUT, local=True)
        cursor.execute(statement, [[id_ for id_, _ in changes], [plays for _, plays in changes]])
        return int(cursor.rowcount)
