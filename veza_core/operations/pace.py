"""How a job treats those who use the tables meanwhile: batches, rests, and what is in its way."""

import time
from dataclasses import dataclass

import psycopg
from django.db import DatabaseError

#: A lock timeout, a deadlock, and a row elsewhere that refers to this one and forbids.
OBSTACLES = {"55P03", "40P01", "23503", "23001"}
LOCKED = "locked by other sessions"


@dataclass(frozen=True, slots=True)
class Pace:
    """How a run treats those who use the tables meanwhile.

    `batch_size`: rows that one transaction deletes or updates at most, cascades included.
    `lock_timeout`: seconds that a statement waits for a lock; less than PostgreSQL's
    deadlock_timeout, so that where a service waits for the batch in turn, the batch gives way, and
    the service gets no error. After each batch it rests for
    `pause` seconds and for `share` times as long as the batch took.
    """

    batch_size: int = 1000
    lock_timeout: float = 0.5
    pause: float = 0.0
    share: float = 1.0

    def rest(self, seconds: float) -> None:
        """Let the others work after a batch that took so long."""
        time.sleep(self.pause + self.share * seconds)


def obstacle(error: DatabaseError) -> str | None:
    """What is in the way, when it is another session or a row that refers to this one."""
    cause = error.__cause__
    if not isinstance(cause, psycopg.Error) or cause.sqlstate not in OBSTACLES:
        return None
    if cause.sqlstate in {"23503", "23001"}:
        table = f"{cause.diag.schema_name}.{cause.diag.table_name}"
        return f"{table.removeprefix('public.')} refers to them ({cause.diag.constraint_name})"
    return LOCKED
