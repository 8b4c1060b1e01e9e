"""Migrations after V1 without files: how tests make and run them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any
from unittest import mock

import psycopg
from django.db import connections, migrations, models
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.models import CheckConstraint, Q, UniqueConstraint

from tests.in_process import default_database
from tests.support import scratch_database, server_parameters
from veza_core.db.indexes import Index
from veza_core.models.base import BaseModel
from veza_core.operations.deploy.executor import Executor, MigrationReport
from veza_core.schema.v1 import LAST_OF_V1


def a_migration(
    *operations: Any, atomic: bool = True, name: str = "950_later", app: str = "veza_streaming"
) -> Migration:
    """A migration after V1 with these operations."""
    made: Any = type("Migration", (Migration,), {"operations": operations, "atomic": atomic})
    made.dependencies = [LAST_OF_V1]
    return made(name, app)


def add(name, field, model="track"):
    return migrations.AddField(model, name, field)


def key(to="veza_core.user", **options):
    options = {"on_delete": models.DB_CASCADE, "db_index": False, "related_name": "+", **options}
    return models.ForeignKey(to, **options)


def a_table(name="reports", *more, fields=()):
    """The operations of makemigrations for a table, followed by `more`."""
    base = [(field.name, field.clone()) for field in BaseModel._meta.local_fields]
    options = {"db_table": name, "db_table_comment": "x"}
    return [migrations.CreateModel("Report", [*base, *fields], options=options), *more]


TEXT = models.CharField(max_length=20, null=True)
POSITIVE = CheckConstraint(condition=Q(bitrate__gte=1), name="chk_tracks_later")
UNIQUE = UniqueConstraint(fields=["title"], name="idx_tracks_title_later")
BY_TITLE = Index(fields=["title", "id"], name="idx_tracks_title_id")


@contextmanager
def a_copy(migrated: str) -> Iterator[str]:
    """A copy of the migrated database, which is Django's default connection."""
    with scratch_database(f"TEMPLATE {migrated}") as name, default_database(name):
        yield name


def apply(*migrations: Migration, report: Any = None, timeout: float = 5.0) -> None:
    """Run them one after another on the default connection, as `migrate` does."""
    executor = Executor(connections["default"], timeout, report or MigrationReport())
    state = executor.state_before()
    for migration in migrations:
        state = executor.apply_migration(state, migration)


@contextmanager
def on_disk(migrations: Sequence[Migration]) -> Iterator[None]:
    """In the block, they are the last migrations of `veza_streaming`."""
    load_disk = MigrationLoader.load_disk
    last = MigrationLoader(None).graph.leaf_nodes("veza_streaming")
    migrations[0].dependencies = [LAST_OF_V1, *last]
    for before, after in pairwise(migrations):
        after.dependencies = [LAST_OF_V1, (before.app_label, before.name)]

    def load(loader: MigrationLoader) -> None:
        load_disk(loader)
        loader.disk_migrations.update({(one.app_label, one.name): one for one in migrations})

    with mock.patch.object(MigrationLoader, "load_disk", load):
        yield


@contextmanager
def session(name: str, **options: Any) -> Iterator[psycopg.Connection[Any]]:
    """Another session on the database of that name."""
    with psycopg.connect(**{**server_parameters(), "dbname": name, **options}) as other:
        yield other
