"""How a job shares the tables with other sessions: batches, pauses, and obstacles."""

import time
from dataclasses import dataclass

import psycopg
from django.db import DatabaseError

from veza_core.db.timeouts import is_obstacle

#: SQLSTATEs of a row that cannot be deleted, because another row refers to it.
REFERRED_TO = {"23503", "23001"}
LOCKED = "locked by other sessions"


@dataclass(frozen=True, slots=True)
class Pace:
    """How a run shares the tables with other sessions.

    `batch_size`: the most rows that one transaction deletes or updates, including cascades.
    `lock_timeout`: seconds that a statement waits for a lock. It is less than PostgreSQL's
    deadlock_timeout: if a service and the batch wait for each other, the batch gives way, and the
    service gets no error. After each batch, the run pauses for `pause` seconds plus `share` times
    as long as the batch took.
    """

    batch_size: int = 1000
    lock_timeout: float = 0.5
    pause: float = 0.0
    share: float = 1.0

    def rest(self, seconds: float) -> None:
        time.sleep(self.pause + self.share * seconds)


def obstacle(error: DatabaseError) -> str | None:
    """Why rows stay, if another session or a referring row caused the error; otherwise None."""
    cause = error.__cause__
    if isinstance(cause, psycopg.Error) and cause.sqlstate in REFERRED_TO:
        table = f"{cause.diag.schema_name}.{cause.diag.table_name}"
        return f"{table.removeprefix('public.')} refers to them ({cause.diag.constraint_name})"
    return LOCKED if is_obstacle(error) else None
