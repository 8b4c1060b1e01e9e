"""The audit's session: read-only, with time limits, and with one snapshot for all queries."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import IsolationLevel

from veza_core.db.session import FORMATS, set_locally
from veza_core.errors import ClearError

OLDEST_VERSION = 150000

#: The limit for one query of the catalog. A migration in progress may hold locks that block it.
STATEMENT_TIMEOUT = "60s"
LOCK_TIMEOUT = "10s"

SETTINGS = {
    **FORMATS,
    # With only pg_catalog on the path, the catalog's functions write the names of all other
    # schemas.
    "search_path": "pg_catalog",
    # Little load for the server: no workers, and a large catalog is sorted in memory. JIT
    # compilation would cost more than it gains.
    "max_parallel_workers_per_gather": "0",
    "work_mem": "64MB",
    "jit": "off",
}


class AuditError(ClearError):
    """The audit could not run."""


@contextmanager
def snapshot(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """One read-only transaction in which all queries see the same state of the database.

    Takes a connection without a transaction in progress. Raises `AuditError` if the server is too
    old.
    """
    version = connection.info.server_version
    if version < OLDEST_VERSION:
        raise AuditError(f"the server is PostgreSQL {version // 10000}: it must be 15 or newer")
    connection.autocommit = False
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    with connection.transaction():
        timeouts = {"statement_timeout": STATEMENT_TIMEOUT, "lock_timeout": LOCK_TIMEOUT}
        set_locally(connection, {**SETTINGS, **timeouts})
        yield
