"""Finds what stops or breaks a service in the migrations of the next release.

`lint_schema` says what a new table or key lacks: an index, a trigger, permissions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.core.management.base import CommandError
from django.db import DatabaseError, NotSupportedError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import AddField, Migration, RunPython, RunSQL
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED

from veza_core.errors import one_line
from veza_core.operations.deploy.executor import REPEATABLE, operations_of

from . import headings, snapshot
from .effects import Harm
from .observer import Observer, observe
from .snapshot import CatalogState

#: The heading for errors of PostgreSQL, by SQLSTATE: a new enum value is used in the transaction
#: that adds it, a statement cannot run in a transaction, a procedure commits.
OF_ERRORS = {
    "55P04": headings.ENUM_VALUE,
    "25001": headings.NO_TRANSACTION,
    "2D000": headings.FILL,
}


@dataclass(frozen=True, slots=True)
class MigrationFinding:
    """What a migration would do, and the heading of docs/changing.md that says what to do."""

    migration: str
    heading: str
    message: str

    def __str__(self) -> str:
        where = headings.anchor(self.heading)
        return f"{self.migration}: {self.message}. See “{self.heading}”: {where}"


def examine(
    connection: BaseDatabaseWrapper,
    state: ProjectState,
    migrations: Sequence[Migration],
    statements: dict[Migration, list[str]],
) -> Iterator[MigrationFinding]:
    """Run the migrations of the next release on a database with the previous one, and judge them.

    `state` has the models of the previous release, and ends with those of the next one.
    `statements` gets what each migration ran. After a failed migration, the others do not run.
    """
    now = snapshot.read(connection)
    release = _Release(state.clone(), now)
    for migration in migrations:
        observer = Observer(connection, now, atomic=migration.atomic)
        statements[migration] = observer.statements
        failure = _run(observer, state, migration)
        found = [*_operations(migration), *observer.effects, *failure]
        now = observer.last
        if not failure:
            found += release.broken(observer.start, now)
        yield from _named(migration, found)
        if failure:
            return
    for message in release.left_out(state, now):
        yield MigrationFinding(str(migrations[-1]), headings.DROP_COLUMN, message)


def _run(observer: Observer, state: ProjectState, migration: Migration) -> list[Harm]:
    """Run it; return why it failed, if it did."""
    try:
        observe(observer, state, migration)
    except NotSupportedError as error:
        return [Harm(headings.NO_TRANSACTION, str(error))]
    except (DatabaseError, CommandError) as error:
        heading = OF_ERRORS.get(getattr(error.__cause__, "sqlstate", ""), headings.ELSE)
        return [Harm(heading, f"it fails: {one_line(error)}")]
    return []


def _named(migration: Migration, effects: list[Harm]) -> Iterator[MigrationFinding]:
    """The findings, without those that the migration's `reviewed` gives a reason for."""
    reviewed: dict[str, str] = getattr(migration, "reviewed", {})
    for heading, message in dict.fromkeys(effects):
        if not reviewed.get(heading, "").strip():
            yield MigrationFinding(str(migration), heading, message)
    for heading in reviewed.keys() - {heading for heading, _ in effects}:
        message = f"its `reviewed` has “{heading}”, but there is no such finding"
        yield MigrationFinding(str(migration), headings.ELSE, message)


def _operations(migration: Migration) -> Iterator[Harm]:
    for operation in operations_of(migration):
        name = type(operation).__name__
        if isinstance(operation, RunPython):
            yield Harm(
                headings.FILL,
                "RunPython writes rows in one transaction, or in a loop that may never end",
            )
        elif isinstance(operation, AddField):
            field = operation.field
            if field.has_default() and field.db_default is NOT_PROVIDED:
                message = f"only Django knows the default of {operation.name}: use db_default"
                yield Harm(headings.DEFAULT, message)
        known: tuple[type[Operation], ...] = (*REPEATABLE, RunPython)
        if len(migration.operations) == 1:
            # Allowed alone: a statement that PostgreSQL refuses in a transaction, such as VACUUM.
            known = (*known, RunSQL)
        if not migration.atomic and not isinstance(operation, known):
            message = f"{name} fails if it runs again after a kill: it needs a transaction"
            yield Harm(headings.NO_TRANSACTION, message)


@dataclass(frozen=True, slots=True)
class _Release:
    """The previous release: its models, and the catalog of its database."""

    models: ProjectState
    catalog: CatalogState

    def broken(self, before: CatalogState, after: CatalogState) -> Iterator[Harm]:
        """What a service of the previous release can no longer do after a migration."""
        used = _used(self.models)
        for oid, table in before.tables.items():
            if oid in self.catalog.tables and oid not in after.tables and table.name in used:
                yield Harm(
                    headings.DROP_TABLE, f"drops {table.name}, which the previous release uses"
                )
        for key, column in before.columns.items():
            if (
                key in after.columns
                or key[0] not in after.tables
                or key not in self.catalog.columns
            ):
                continue
            table_name = self.catalog.tables[key[0]].name
            if column.name in used.get(table_name, ()):
                name = f"{table_name}.{column.name}"
                yield Harm(headings.DROP_COLUMN, f"drops {name}, which the previous release uses")
        for key, column in after.columns.items():
            if key[0] not in self.catalog.tables or key in self.catalog.columns:
                continue
            if column.not_null and not column.has_default and before.columns.get(key) != column:
                message = f"{after.name_of(key)} is NOT NULL without a default"
                why = "the previous release inserts rows without it"
                yield Harm(headings.NOT_NULL_COLUMN, f"{message}: {why}")

    def left_out(self, state: ProjectState, now: CatalogState) -> Iterator[str]:
        """Columns that the new models leave out, and that every row needs."""
        before = _used(self.models)
        after = _used(state)
        for key, column in now.columns.items():
            table = now.tables[key[0]].name
            gone = before.get(table, set()) - after.get(table, set())
            if (
                table in after
                and column.name in gone
                and column.not_null
                and not column.has_default
            ):
                name = f"{table}.{column.name}"
                yield f"the models leave out {name}, which is NOT NULL: give it a default"


def _used(models: ProjectState) -> dict[str, set[str]]:
    return {
        model._meta.db_table: {str(field.column) for field in model._meta.local_concrete_fields}
        for model in models.apps.get_models(include_auto_created=True)
    }
