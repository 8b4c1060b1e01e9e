"""A throw-away database with the migrations in it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from django.core.management import call_command
from django.db import ProgrammingError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.export import ExportError


@contextmanager
def migrated_database(alias: str, verbosity: int = 0) -> Iterator[BaseDatabaseWrapper]:
    """Give Django's connection `alias`, for the time being to a new database with all migrations.

    The database is made on the configured server and dropped at the end. `verbosity` is the one
    of `migrate`. Raises `ExportError` when the role may not create databases.
    """
    connection = connections[alias]
    configured = connection.settings_dict["NAME"]
    name = f"veza_export_{uuid4().hex[:12]}"
    owner = connection.copy()
    try:
        _create(owner, name)
        try:
            connection.close()
            connection.settings_dict["NAME"] = name
            _migrate(alias, verbosity)
            yield connection
        finally:
            connection.close()
            connection.settings_dict["NAME"] = configured
            with owner.cursor() as cursor:
                cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        owner.close()


def _create(owner: BaseDatabaseWrapper, name: str) -> None:
    with owner.cursor() as cursor:
        try:
            # template1 may hold things of the server's owner; its locale may rule out UTF8.
            cursor.execute(
                f"CREATE DATABASE {name} TEMPLATE template0 "
                "ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER libc"
            )
        except ProgrammingError as error:
            cursor.execute("SELECT current_user")
            (role,) = cursor.fetchone()
            raise ExportError(
                "export_schema makes a throw-away database, which the server refuses to role "
                f"{role}: {str(error).strip()}"
            ) from error


def _migrate(alias: str, verbosity: int) -> None:
    # That the embedded server lacks the legacy extensions makes no difference to the files.
    logger = logging.getLogger("veza_core.db.operations")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        # The catalog that the audit would compare with is about to be written.
        call_command("migrate", database=alias, interactive=False, verbosity=verbosity, audit=False)
    finally:
        logger.setLevel(level)
