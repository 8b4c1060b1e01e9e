"""Whether a database is the one that this release's migrations belong to."""

from collections.abc import Iterable

from django.conf import settings
from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

SHOWN = 10

# What is in public: tables and what could be taken for one, then functions and enum types. Not
# what extensions own.
RELATIONS = """
WITH owned AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
SELECT relname::text FROM pg_class
WHERE relnamespace = to_regnamespace('public') AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    AND ('pg_class'::regclass, pg_class.oid) NOT IN (TABLE owned)
"""
OTHERS = """
UNION ALL
SELECT format('function %s', proname) FROM pg_proc
WHERE pronamespace = to_regnamespace('public')
    AND ('pg_proc'::regclass, pg_proc.oid) NOT IN (TABLE owned)
UNION ALL
SELECT format('type %s', typname) FROM pg_type
WHERE typnamespace = to_regnamespace('public') AND typtype IN ('e', 'd')
    AND ('pg_type'::regclass, pg_type.oid) NOT IN (TABLE owned)
"""


def check_history(loader: MigrationLoader, connection: BaseDatabaseWrapper) -> None:
    """Refuse a history that this release cannot have written. Asks the database nothing more.

    Raises `CommandError` that says what does not fit, and what to do.
    """
    try:
        loader.check_consistent_history(connection)
    except InconsistentMigrationHistory as error:
        raise CommandError(
            f"the history in django.django_migrations was edited: {error} Restore it from a backup."
        ) from error
    ours = {key for key in loader.disk_migrations if key[0] in settings.PUBLIC_SCHEMA_APPS}
    recorded = {key for key in loader.applied_migrations if key[0] in settings.PUBLIC_SCHEMA_APPS}
    if not (unknown := recorded - ours):
        return
    names = _shorten(f"{app}.{name}" for app, name in sorted(unknown))
    if unapplied := ours - recorded:
        raise CommandError(
            f"the history names migrations that this release does not have ({names}), and lacks "
            f"some that it has ({_shorten(f'{app}.{name}' for app, name in sorted(unapplied))}): "
            "they were renamed, or the history was edited. Restore the names or the history."
        )
    raise CommandError(
        f"this release is older than the database, which also has {names}: "
        "deploy the release that made them, or restore the backup taken before it"
    )


def check_tables(executor: MigrationExecutor, state: ProjectState, *, starts_v1: bool) -> None:
    """Refuse a `public` whose tables are not those that the applied migrations made.

    `state` is that of the applied migrations; `starts_v1`: not even the first of them is.
    Raises `CommandError` with the list of what is there and should not be, or the other way.
    """
    expected = _tables(state)
    with executor.connection.cursor() as cursor:
        # Before V1 there is nothing at all: a function of the old schema would be in its way.
        cursor.execute(RELATIONS + OTHERS if starts_v1 else RELATIONS)
        present = {name for (name,) in cursor.fetchall()}
    if missing := expected - present:
        raise CommandError(
            f"the history says that tables {_shorten(sorted(missing))} were made, and they are "
            "not there: they were dropped by hand, or the history was edited. Restore a backup."
        )
    if not (foreign := present - expected):
        return
    final = _tables(executor.loader.project_state())
    if final <= foreign:
        raise CommandError(
            f"schema public holds the tables of V1 ({_shorten(sorted(final))}), and the history "
            "in django.django_migrations does not know them: it was emptied or lost. Restore it "
            "from a backup; in development, manage.py reset_db."
        )
    raise CommandError(
        f"schema public holds what V1 did not make: {_shorten(sorted(foreign))}. This is another "
        "database, or an older schema: look at it with manage.py audit_schema, "
        "and give V1 a database of its own."
    )


def _tables(state: ProjectState) -> set[str]:
    return {
        str(model.options["db_table"])
        for (app_label, _), model in state.models.items()
        if app_label in settings.PUBLIC_SCHEMA_APPS
    }


def _shorten(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more
