"""Migrations after V1 that no file has, and what it takes to run one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection
from django.db.migrations import Migration

from tests.in_process import default_database
from tests.support import scratch_database, server_parameters
from veza_core.operations.deploy.executor import Executor, MigrationReport, Patience
from veza_core.operations.deploy.v1 import LAST_OF_V1


def a_migration(
    *operations: Any, atomic: bool = True, name: str = "950_later", app: str = "veza_streaming"
) -> Migration:
    """A migration of these operations, which follows V1."""
    made: Any = type("Migration", (Migration,), {"operations": operations, "atomic": atomic})
    made.dependencies = [LAST_OF_V1]
    return made(name, app)


@contextmanager
def a_copy(migrated: str) -> Iterator[str]:
    """A copy of the migrated database, which is Django's default connection."""
    with scratch_database(f"TEMPLATE {migrated}") as name, default_database(name):
        yield name


def apply(*migrations: Migration, report: Any = None, timeout: float = 5.0) -> None:
    """Run them one after the other on the default connection, as `migrate` does."""
    executor = Executor(connection, Patience(timeout, 3), report or MigrationReport())
    state = executor.state_before()
    for migration in migrations:
        state = executor.apply_migration(state, migration)


@contextmanager
def session(name: str, **options: Any) -> Iterator[psycopg.Connection[Any]]:
    """Another session on the database of that name."""
    with psycopg.connect(**{**server_parameters(), "dbname": name, **options}) as other:
        yield other
