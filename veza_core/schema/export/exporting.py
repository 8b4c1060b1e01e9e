"""Writes the text of the files from the migrations, and proves that it creates the same schema."""

from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from veza_core.db.operations import without_warnings
from veza_core.db.scratch import ScratchDatabaseError, scratch_database
from veza_core.schema.export import ExportError
from veza_core.schema.export.files import (
    CATALOG,
    VERSION,
    render_files,
    render_later,
    render_version,
)
from veza_core.schema.export.groups import later_groups, v1_groups
from veza_core.schema.export.rows import ReferenceRows, reference_rows
from veza_core.schema.snapshot import Snapshot, dump_snapshot, read_snapshot
from veza_core.schema.snapshot.drift import compare
from veza_core.schema.v1 import LAST_OF_V1

type Connection = psycopg.Connection[Any]


def export(
    alias: str, verbosity: int = 0, look: Callable[[Connection], object] = lambda connection: None
) -> dict[str, str]:
    """The text of each file of `schema/`, by name, from the migrations only.

    It uses a throw-away database on the server of Django's connection `alias`. `verbosity` is that
    of `migrate`. `look` is called with the database after all migrations. Raises `ExportError`,
    also if the role may not create databases.
    """
    try:
        with scratch_database(connections[alias]):
            return _export(alias, verbosity, look)
    except ScratchDatabaseError as error:
        raise ExportError(f"export_schema makes a throw-away database, and {error}") from error


def _export(alias: str, verbosity: int, look: Callable[[Connection], object]) -> dict[str, str]:
    """Do the same in the empty database of `alias`, which loses its schema `public`."""
    loader = MigrationLoader(None)
    later = later_groups(loader)
    # If all migrations belong to V1, there is no target to stop at.
    _migrate(alias, verbosity, *(LAST_OF_V1 if later else ()))
    connections[alias].ensure_connection()
    connection: Connection = connections[alias].connection
    snapshot, rows = read_all(connection)
    files = render_files(v1_groups(loader), snapshot, rows)
    for group in later:
        _migrate(alias, verbosity, group.app, group.name)
        before, rows_before = snapshot, rows
        snapshot, rows = read_all(connection)
        files[f"{group.name}.sql"] = render_later(group, before, snapshot, rows_before, rows)
    if later:
        _migrate(alias, verbosity)
    files[VERSION] = render_version(snapshot)
    look(connection)
    connection.execute("DROP SCHEMA public CASCADE")
    connection.execute("CREATE SCHEMA public")
    prove(connection, files, snapshot, rows)
    return {**files, CATALOG: dump_snapshot(snapshot)}


def _migrate(alias: str, verbosity: int, *target: str) -> None:
    """Apply the migrations, up to a target, without the audit.

    The audit needs the catalog that export_schema has not written yet.
    """
    with without_warnings():
        call_command(
            "migrate", *target, database=alias, interactive=False, verbosity=verbosity, audit=False
        )


def read_all(connection: Connection) -> tuple[Snapshot, dict[str, ReferenceRows]]:
    """What is in schema `public`, and the reference rows."""
    snapshot = read_snapshot(connection)
    return snapshot, reference_rows(connection, snapshot["tables"])


def prove(
    connection: Connection,
    files: Mapping[str, str],
    snapshot: Snapshot,
    rows: Mapping[str, ReferenceRows],
) -> None:
    """Load `files`, by name, into an empty schema `public`.

    Raises `ExportError` unless the result is `snapshot` and `rows`, from which they were written.
    """
    for name, text in sorted(files.items()):
        try:
            connection.execute(text.encode())
        except psycopg.Error as error:
            raise ExportError(f"{name} as written does not load: {error}") from error
    loaded, found = read_all(connection)
    if differences := compare(snapshot, loaded):
        raise ExportError(f"the SQL as written loses something: {differences[0]}")
    if found != rows:
        raise ExportError("the SQL as written inserts other reference rows")
