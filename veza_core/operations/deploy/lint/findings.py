"""What is wrong with the migrations of the next release."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import DatabaseError, NotSupportedError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import AddField, Migration, RunPython, RunSQL
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED

from veza_core.operations.deploy.executor import REPEATABLE, operations_of
from veza_core.schema.audit.engine import audit
from veza_core.schema.audit.rules import CATALOG_RULES
from veza_core.schema.audit.service import connect

from . import headings, snapshot
from .effects import Effect
from .observer import observe
from .snapshot import Snapshot

#: The heading for what a rule of the audit asks of the tables and keys of the release.
OF_THE_AUDIT = {"trigger-missing": headings.TABLE, "fk-not-indexed": headings.FOREIGN_KEY}
#: What PostgreSQL says of a new enum value that is used before its transaction has ended.
UNSAFE_NEW_VALUE = "55P04"
PERMISSIONS = "SELECT count(DISTINCT action) FROM public.permissions WHERE resource = %s"
ACTIONS = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """What a migration would do, and the heading of docs/changing.md that says what to do."""

    migration: str
    heading: str
    message: str

    def __str__(self) -> str:
        where = headings.anchor(self.heading)
        return f"{self.migration}: {self.message}. See “{self.heading}”: {where}"


def examine(
    connection: BaseDatabaseWrapper, state: ProjectState, migrations: Sequence[Migration]
) -> Iterator[Finding]:
    """Run the migrations of the next release on a database that has the one before, and judge.

    `state` has the models of the release before, and ends as that of the next one. What follows a
    migration that fails is not run.
    """
    release = _Release(connection, state.clone(), snapshot.read(connection))
    #: Which migration made a table or a constraint.
    makers: dict[str, str] = {}
    for migration in migrations:
        found = [*_operations(migration)]
        try:
            effects, before, after = observe(connection, state, migration)
        except NotSupportedError as error:
            yield from _named(migration, [*found, Effect(headings.NO_TRANSACTION, str(error))])
            return
        except DatabaseError as error:
            yield from _named(migration, [*found, _failure(error)])
            return
        found += [*effects, *release.broken(before, after)]
        yield from _named(migration, found)
        for name in _names(after) - _names(before):
            makers.setdefault(name, str(migration))
    for heading, name, message in release.missing(state):
        yield Finding(makers.get(name, str(migrations[-1])), heading, message)


def _names(catalog: Snapshot) -> set[str]:
    return {thing.name for thing in (*catalog.tables.values(), *catalog.constraints.values())}


def _named(migration: Migration, effects: list[Effect]) -> Iterator[Finding]:
    """As findings, without those that its `reviewed` gives a reason for."""
    reviewed: dict[str, str] = getattr(migration, "reviewed", {})
    for heading, message in dict.fromkeys(effects):
        if not reviewed.get(heading, "").strip():
            yield Finding(str(migration), heading, message)
    for heading in reviewed.keys() - {heading for heading, _ in effects}:
        message = f"its `reviewed` has “{heading}”, and nothing there is to be excused"
        yield Finding(str(migration), headings.ELSE, message)


def _operations(migration: Migration) -> Iterator[Effect]:
    """What the operations themselves say."""
    for operation in operations_of(migration):
        name = type(operation).__name__
        if isinstance(operation, RunPython):
            yield Effect(
                headings.FILL, "RunPython writes rows in one transaction, or without an end"
            )
        elif isinstance(operation, AddField):
            field = operation.field
            if field.has_default() and field.db_default is NOT_PROVIDED:
                message = f"{operation.name} has a default that only Django knows: use db_default"
                yield Effect(headings.DEFAULT, message)
        if not migration.atomic and not isinstance(operation, (*REPEATABLE, RunPython)):
            if not isinstance(operation, RunSQL) or len(migration.operations) > 1:
                message = f"{name} fails when it is run again, after a kill; it needs a transaction"
                yield Effect(headings.NO_TRANSACTION, message)


def _failure(error: DatabaseError) -> Effect:
    if getattr(error.__cause__, "sqlstate", None) == UNSAFE_NEW_VALUE:
        return Effect(headings.ENUM_VALUE, "uses a new value in the transaction that adds it")
    return Effect(headings.ELSE, f"it fails: {' '.join(str(error).split())}")


@dataclass(frozen=True, slots=True)
class _Release:
    """The release before: its models, and the catalog of its database."""

    connection: BaseDatabaseWrapper
    models: ProjectState
    catalog: Snapshot

    def broken(self, before: Snapshot, after: Snapshot) -> Iterator[Effect]:
        """What a service of the release before cannot do any more after a migration."""
        used = _used(self.models)
        for oid, table in before.tables.items():
            if oid in self.catalog.tables and oid not in after.tables and table.name in used:
                yield Effect(
                    headings.DROP_TABLE, f"drops {table.name}, which the release before uses"
                )
        for key, column in before.columns.items():
            table = self.catalog.tables.get(key[0])
            if key in after.columns or key[0] not in after.tables or table is None:
                continue
            if key in self.catalog.columns and column.name in used.get(table.name, ()):
                name = f"{table.name}.{column.name}"
                yield Effect(headings.DROP_COLUMN, f"drops {name}, which the release before uses")
        for key, column in after.columns.items():
            if key[0] not in self.catalog.tables or key in self.catalog.columns:
                continue
            if column.not_null and not column.has_default and before.columns.get(key) != column:
                message = f"{after.name_of(key)} is NOT NULL without a default: the release before "
                yield Effect(headings.NOT_NULL_COLUMN, f"{message}inserts rows without it")

    def missing(self, state: ProjectState) -> Iterator[tuple[str, str, str]]:
        """What the release as a whole lacks: the heading, of what, and the message."""
        now = snapshot.read(self.connection)
        rules = [rule for rule in CATALOG_RULES if rule.id in OF_THE_AUDIT]
        with connect(self.connection) as session:
            report = audit(session, ["public"], rules)
        for finding in report.findings:
            name = finding.object.rpartition(".")[2]
            message = f"{finding.object}: {finding.message}"
            yield OF_THE_AUDIT[finding.rule.id], name, message
        for table in sorted(
            now.tables[oid].name for oid in now.tables.keys() - self.catalog.tables
        ):
            with self.connection.cursor() as cursor:
                cursor.execute(PERMISSIONS, [table])
                [actions] = cursor.fetchone()
            if actions < ACTIONS:
                message = f"{table} has no permission rows for all actions: InsertPermissions"
                yield headings.TABLE, table, message
        for message in self._forgotten(state, now):
            yield headings.DROP_COLUMN, "", message

    def _forgotten(self, state: ProjectState, now: Snapshot) -> Iterator[str]:
        """Columns that the new models leave out, and every row needs."""
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
                yield f"the models leave out {table}.{column.name}, and it is NOT NULL: give it a default"


def _used(models: ProjectState) -> dict[str, set[str]]:
    """The columns of the models, by table."""
    return {
        model._meta.db_table: {str(field.column) for field in model._meta.local_concrete_fields}
        for model in models.apps.get_models(include_auto_created=True)
    }
