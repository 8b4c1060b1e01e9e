"""From the migrations to the text of the files, with the proof that the files say the same."""

from typing import Any

import psycopg

from veza_core.schema.export import ExportError
from veza_core.schema.export.drift import compare
from veza_core.schema.export.files import CATALOG, render_files
from veza_core.schema.export.rows import reference_rows
from veza_core.schema.export.scratch import migrated_database
from veza_core.schema.export.snapshot import Snapshot, read_snapshot


def export(alias: str, verbosity: int = 0) -> dict[str, str]:
    """The text of each file of `schema/`, by name, from the migrations alone.

    Made in a throw-away database on the server of Django's connection `alias`. `verbosity` is the
    one of `migrate`. Raises `ExportError`.
    """
    with migrated_database(alias, verbosity) as wrapper:
        wrapper.ensure_connection()
        connection: psycopg.Connection[Any] = wrapper.connection
        snapshot = read_snapshot(connection)
        rows = reference_rows(connection, snapshot["tables"])
        files = render_files(snapshot, rows)
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        prove(connection, files, snapshot, rows)
    return files


def prove(
    connection: psycopg.Connection[Any],
    files: dict[str, str],
    snapshot: Snapshot,
    rows: dict[str, str],
) -> None:
    """Load `files` into an empty schema `public`.

    Raises `ExportError` unless that gives `snapshot` and `rows`, from which they were written.
    """
    for name, text in files.items():
        if name == CATALOG:
            continue
        try:
            connection.execute(text.encode())
        except psycopg.Error as error:
            raise ExportError(f"{name} as written does not load: {error}") from error
    loaded = read_snapshot(connection)
    if differences := compare(snapshot, loaded):
        raise ExportError(f"the SQL as written loses something: {differences[0]}")
    if reference_rows(connection, loaded["tables"]) != rows:
        raise ExportError("the SQL as written inserts other reference rows")
