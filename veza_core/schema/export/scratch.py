"""A throw-away database with the migrations in it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.operations import without_warnings
from veza_core.db.scratch import ScratchDatabaseError, scratch_database
from veza_core.schema.export import ExportError


@contextmanager
def migrated_database(
    alias: str, target: Sequence[str] = (), verbosity: int = 0
) -> Iterator[BaseDatabaseWrapper]:
    """In the block, Django's connection `alias` uses a new database with the migrations.

    The database is created on the configured server and dropped at the end. `target` is the app and
    the name of the last migration, by default all of them. `verbosity` is that of `migrate`. Raises
    `ExportError` if the role may not create databases.
    """
    connection = connections[alias]
    try:
        with scratch_database(connection):
            migrate(alias, verbosity, *target)
            yield connection
    except ScratchDatabaseError as error:
        raise ExportError(f"export_schema makes a throw-away database, and {error}") from error


def migrate(alias: str, verbosity: int, *target: str) -> None:
    """Apply the migrations, up to a target, without the audit.

    The audit needs the catalog that export_schema has not written yet.
    """
    with without_warnings():
        call_command(
            "migrate", *target, database=alias, interactive=False, verbosity=verbosity, audit=False
        )
