"""Whether a database belongs to this release's migrations."""

from django.apps import apps
from django.conf import settings
from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from veza_core.counted import listed
from veza_core.db.fetch import fetch_all, fetch_value
from veza_core.operations.contents import contents_of

MAX_NAMED = 10

RELATIONS = """
SELECT relname::text FROM pg_class
WHERE relnamespace = to_regnamespace('public') AND relkind IN ('r', 'p', 'v', 'm', 'f')
"""


def check_history(loader: MigrationLoader, connection: BaseDatabaseWrapper) -> None:
    """Refuse a history that this release cannot have written.

    Raises `CommandError`, which says what does not fit, and what to do.
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
    names = listed(map(".".join, sorted(unknown)), MAX_NAMED)
    if unapplied := ours - recorded:
        raise CommandError(
            f"the history names migrations that this release does not have ({names}), and lacks "
            f"some that it has ({listed(map('.'.join, sorted(unapplied)), MAX_NAMED)}): "
            "they were renamed, or the history was edited. Restore the names or the history."
        )
    raise CommandError(
        f"this release is older than the database, which also has {names}: "
        "deploy the release that made them, or restore the backup taken before it"
    )


def check_public(connection: BaseDatabaseWrapper) -> None:
    """Refuse a database whose history has V1 but that has no schema `public`.

    Raises `CommandError`.
    """
    if fetch_value(connection, "SELECT to_regnamespace('public') IS NULL"):
        raise CommandError(
            "schema public is missing, but the history in django.django_migrations says that it "
            "contains V1: it was dropped or renamed. Rename it back, or restore a backup; in "
            "development, CREATE SCHEMA public and manage.py reset_db."
        )


def check_public_is_free(executor: MigrationExecutor) -> None:
    """Refuse to create V1 in a schema `public` that contains something else.

    The history has nothing of V1, so `public` may contain only extensions and their objects. Raises
    `CommandError` with a list of what is there.
    """
    if not (present := contents_of(executor.connection, ["public"])):
        return
    names = {found.identity.removeprefix("public.") for found in present}
    if (tables := tables_of(executor.loader.project_state())) <= names:
        raise CommandError(
            f"schema public has the tables of V1 ({listed(sorted(tables), MAX_NAMED)}), but the "
            "history in django.django_migrations does not: it was emptied or lost. Restore it from "
            "a backup; in development, manage.py reset_db."
        )
    raise CommandError(
        f"schema public has objects that V1 did not create: {listed(present, MAX_NAMED)}. This "
        "is another database, or an older schema: check it with manage.py audit_schema, and use "
        "an empty database for V1."
    )


def check_tables(
    executor: MigrationExecutor, state: ProjectState, targets: list[tuple[str, str]]
) -> None:
    """Refuse a V1 database whose tables do not match its history.

    `state` is that of the applied migrations; `targets` are those that will create tables. Other
    objects in `public` are additions: they stop no migration, and the audit reports them. Raises
    `CommandError` with a list of what is missing or already exists.
    """
    present = {name for (name,) in fetch_all(executor.connection, RELATIONS)}
    expected = tables_of(state)
    if missing := expected - present:
        raise CommandError(
            f"the history says that tables {listed(sorted(missing), MAX_NAMED)} were created, but "
            "they are missing: they were dropped by hand, or the history was edited. Restore a "
            "backup."
        )
    if not targets or not (additions := present - expected):
        return
    if in_the_way := additions & tables_of(executor.loader.project_state(targets)):
        raise CommandError(
            f"a migration would create {listed(sorted(in_the_way), MAX_NAMED)}, which already "
            "exists in schema public. If it is not from this project, rename it; if the history "
            "lost its record, restore that (manage.py migrate --fake)."
        )


def tables_of(state: ProjectState) -> set[str]:
    """The tables in `public` of a state's models."""
    return {
        str(model.options.get("db_table") or f"{app_label}_{name}")
        for (app_label, name), model in state.models.items()
        if app_label in settings.PUBLIC_SCHEMA_APPS
        and model.options.get("managed", True)
        and not model.options.get("proxy")
        and not model.options.get("abstract")
    }


def signals_are_due(connection: BaseDatabaseWrapper) -> bool:
    """Whether an earlier run was killed between its last migration and `post_migrate`.

    This is one query. To send the signal in each run would be thirty.
    """
    expected = sum(
        len(model._meta.default_permissions) + len(model._meta.permissions)
        for model in apps.get_models()
    )
    return bool(fetch_value(connection, "SELECT count(*) FROM django.auth_permission") < expected)
