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
    """Give Django's connection `alias`, for the time being to a new database with migrations.

    The database is made on the configured server and dropped at the end. `target` is the app and
    the name of the last migration, all of them by default.
    `verbosity` is the one of `migrate`.

    Raises `ExportError` when the role may not create databases.
    """
    connection = connections[alias]
    try:
        with scratch_database(connection):
            _migrate(alias, target, verbosity)
            yield connection
    except ScratchDatabaseError as error:
        raise ExportError(f"export_schema makes a throw-away database, and {error}") from error


def _migrate(alias: str, target: Sequence[str], verbosity: int) -> None:
    # That the embedded server lacks the legacy extensions makes no difference to the files.
    logger = logging.getLogger("veza_core.db.operations")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        # The catalog that the audit would compare with is about to be written.
        call_command(
            "migrate", *target, database=alias, interactive=False, verbosity=verbosity, audit=False
        )
    finally:
        logger.setLevel(level)
