"""A throw-away database with the migrations in it."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

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
            _migrate(alias, target, verbosity)
            yield connection
    except ScratchDatabaseError as error:
        raise ExportError(f"export_schema makes a throw-away database, and {error}") from error


def _migrate(alias: str, target: Sequence[str], verbosity: int) -> None:
    # For the files, it does not matter that the embedded server lacks the legacy extensions.
    logger = logging.getLogger("veza_core.db.operations")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        # The catalog that the audit would compare with is written afterwards.
        call_command(
            "migrate", *target, database=alias, interactive=False, verbosity=verbosity, audit=False
        )
    finally:
        logger.setLevel(level)
