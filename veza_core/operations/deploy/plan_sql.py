"""The SQL of the pending migrations, and the strongest lock that each takes on each table."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState

from veza_core.db.operations import without_warnings
from veza_core.db.scratch import ScratchDatabaseError, scratch_database
from veza_core.errors import one_line
from veza_core.operations.deploy.executor import Executor
from veza_core.operations.deploy.observed_locks import (
    Locks,
    ObservedStatements,
    locks_of,
    tables_of,
)
from veza_core.operations.deploy.plan import apply_to_scratch, in_order


@dataclass(frozen=True, slots=True)
class MigrationSQL:
    """A migration, its statements, and its lock on each table that it did not create.

    `locks` is None if they are unknown; `unknown` then says why.
    """

    migration: Migration
    statements: list[str]
    locks: Locks | None = None
    unknown: str = ""


def read_sql(executor: Executor, migrations: list[Migration]) -> Iterator[MigrationSQL]:
    """Run the pending migrations in a throw-away database, and yield what each did there.

    It only reads the configured database. If the role may not create another one, it yields only
    the SQL.
    """
    if not migrations:
        return
    state = executor.state_before()
    try:
        with scratch_database(executor.connection):
            yield from _rehearse(executor, migrations)
            return
    except ScratchDatabaseError as error:
        reason = f"this needs a throw-away database, and {error}"
    yield from _collect_all(executor.connection, state, migrations, reason)


def collect(
    connection: BaseDatabaseWrapper, state: ProjectState, migration: Migration
) -> tuple[list[str], ProjectState]:
    """The migration's statements, as `sqlmigrate` collects them, and the state after it."""
    with connection.schema_editor(collect_sql=True, atomic=migration.atomic) as editor:
        state = migration.apply(state, editor, collect_sql=True)
    return editor.collected_sql, state


def _rehearse(executor: Executor, migrations: list[Migration]) -> Iterator[MigrationSQL]:
    connection, loader = executor.connection, executor.loader
    applied = [key for key in in_order(loader) if key in loader.applied_migrations]
    with without_warnings():
        state = apply_to_scratch(connection, loader, applied)
        for number, migration in enumerate(migrations):
            statements, _ = collect(connection, state.clone(), migration)
            try:
                locks, state = run_observed(connection, state, migration)
            except DatabaseError as error:
                # For example, it uses an object that somebody created by hand, and that is missing
                # here.
                reason = f"it fails on an empty database: {one_line(error)}"
                yield from _collect_all(connection, state, migrations[number:], reason)
                return
            yield MigrationSQL(migration, statements, locks)


def run_observed(
    connection: BaseDatabaseWrapper, state: ProjectState, migration: Migration
) -> tuple[Locks, ProjectState]:
    """Run a migration; return its locks on tables that existed before, and the state after it."""
    tables = tables_of(connection)
    after = state.clone()
    if migration.atomic:
        with transaction.atomic(using=connection.alias):
            with connection.schema_editor(atomic=True) as editor:
                after = migration.apply(after, editor)
            return locks_of(connection, tables), after
    observed = ObservedStatements(connection, tables)
    with connection.execute_wrapper(observed), connection.schema_editor(atomic=False) as editor:
        after = migration.apply(after, editor)
    return observed.locks, after


def _collect_all(
    connection: BaseDatabaseWrapper, state: ProjectState, migrations: list[Migration], reason: str
) -> Iterator[MigrationSQL]:
    for migration in migrations:
        try:
            statements, state = collect(connection, state, migration)
        except (DatabaseError, ValueError) as error:
            # It reads from the catalog what an earlier migration creates, as AlterField does.
            statements = [f"-- its SQL is not known beforehand: {one_line(error)}"]
            state = migration.mutate_state(state)
        yield MigrationSQL(migration, statements, None, reason)
