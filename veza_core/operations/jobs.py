"""Scheduled jobs: one run at a time, and a record of the last success for `manage.py status`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.locks import LockNotAvailableError, run_lock

BACKUP, PURGE, RECOUNT = "backup_db", "purge", "recount"

# The job has ended: its record does not wait for a synchronous replica, which may be down.
WITHOUT_REPLICAS = """
SELECT set_config('synchronous_commit', 'local', true)
WHERE current_setting('synchronous_commit') <> 'off'
"""
RECORD = """
INSERT INTO django.veza_site_jobrun (job, finished_at, seconds, details)
VALUES (%s, CURRENT_TIMESTAMP, %s, %s::jsonb)
ON CONFLICT (job) DO UPDATE SET
    finished_at = excluded.finished_at, seconds = excluded.seconds, details = excluded.details
"""


@contextmanager
def job_lock(connection: BaseDatabaseWrapper, key: int, job: str) -> Iterator[None]:
    """Hold the lock of a job in the block.

    Raises `CommandError`, in one line, at once if another session has it.
    """
    try:
        with run_lock(connection, key):
            yield
    except LockNotAvailableError as error:
        raise CommandError(f"another {job} is running: {error}. This one did nothing.") from error


def record_success(
    connection: BaseDatabaseWrapper, job: str, seconds: float, **details: Any
) -> str | None:
    """Record that the job has just succeeded, after so many seconds.

    Returns None, or one line about why that could not be written: a role that only reads, a
    replica, a database with pending migrations. The job itself has succeeded in any case.
    """
    if not connection.in_atomic_block and not connection.is_usable():
        # The session was idle while pg_dump ran, and a firewall or the server has closed it.
        connection.close()
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(WITHOUT_REPLICAS)
            cursor.execute(RECORD, [job, round(seconds, 3), json.dumps(details)])
    except DatabaseError as error:
        why = str(error).splitlines()[0]
        return f"manage.py status will not show this {job}: {why}"
    return None
