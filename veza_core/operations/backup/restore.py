"""Restores a backup in one transaction: completely or not at all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.management.base import CommandError
from django.db import OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.schema_version import write_version
from veza_core.errors import one_line
from veza_core.operations.backup.archive import Archive, is_grant
from veza_core.operations.backup.grants import forget_default_grants, keep_definers_from_public
from veza_core.operations.backup.script import run_definitions, run_rows
from veza_core.operations.contents import OWN_SCHEMAS
from veza_core.operations.deploy.requirements import EXTENSIONS
from veza_core.operations.reset import empty_schemas

AVAILABLE = """
SELECT name::text FROM pg_available_extensions WHERE name = ANY(%s) AND installed_version IS NULL
"""
# Without tables whose rows are on another server: ANALYZE would read them there, and fail if that
# server does not answer.
LOCAL_TABLES = """
WITH RECURSIVE far AS (
    SELECT oid FROM pg_class WHERE relkind = 'f'
    UNION SELECT inhparent FROM far JOIN pg_inherits ON inhrelid = far.oid
)
SELECT format('%%I.%%I', nspname, relname)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = ANY(%s) AND relkind IN ('r', 'p') AND pg_class.oid NOT IN (TABLE far)
"""


@dataclass(frozen=True, slots=True)
class RestoreChoice:
    """Which parts of a backup are restored."""

    owners: bool = True
    grants: bool = True
    tablespaces: bool = True


def replace_schemas(
    connection: BaseDatabaseWrapper,
    archive: Archive,
    choice: RestoreChoice,
    lock_timeout: float,
    show: Callable[[str], None],
) -> None:
    """Empty `public` and `django`, and fill them from the archive, in one transaction.

    `lock_timeout` is in seconds; `show` is called for each table and stage. Afterwards the session
    has the settings of pg_restore's script, so it is closed. Raises `OutsideChangedError`,
    `CommandError`, or the database's own error; then nothing is changed.
    """
    definitions = [entry for entry in archive.ours if not is_grant(entry)]
    grants = [entry for entry in archive.ours if is_grant(entry)]
    options = [
        *([] if choice.owners else ["--no-owner"]),
        *([] if choice.tablespaces else ["--no-tablespaces"]),
    ]
    committing = False
    try:
        with transaction.atomic(using=connection.alias, durable=True):
            show("emptying public and django")
            empty_schemas(connection, [], lock_timeout)
            cursor = connection.connection.cursor()
            _create_extensions(cursor)
            with archive.script(definitions, "--section=pre-data", *options) as script:
                run_definitions(cursor, script)
            forget_default_grants(cursor)
            with archive.script(definitions, "--section=data", *options) as script:
                run_rows(cursor, script, show)
            show("indexes, keys and triggers")
            with archive.script(definitions, "--section=post-data", *options) as script:
                run_definitions(cursor, script)
            if not choice.grants:
                keep_definers_from_public(cursor)
            elif grants:
                with archive.script(grants) as script:
                    run_definitions(cursor, script)
            write_version(connection, archive.schema_version())
            show("statistics")
            _analyze(cursor)
            show("commit")
            committing = True
    except OperationalError as error:
        if not committing:
            raise
        # Only an error in COMMIT leaves the result unknown.
        raise CommandError(
            f"the session was lost during COMMIT ({one_line(error)}): the database "
            "is either restored or unchanged: check which; you can run restore_db again"
        ) from error
    finally:
        connection.close()


def _create_extensions(cursor: Any) -> None:
    cursor.execute(AVAILABLE, [list(EXTENSIONS)])
    for (name,) in cursor.fetchall():
        cursor.execute(f'CREATE EXTENSION "{name}" SCHEMA public')


def _analyze(cursor: Any) -> None:
    """Without statistics, the first queries would be planned as if all tables were tiny."""
    cursor.execute(LOCAL_TABLES, [list(OWN_SCHEMAS)])
    if names := [name for (name,) in cursor.fetchall()]:
        cursor.execute(f"ANALYZE {', '.join(names)}")
