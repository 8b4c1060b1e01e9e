"""Django's migration executor, made safe for running services, and for a run that is killed."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any

from django.conf import settings
from django.contrib.postgres.operations import (
    AddIndexConcurrently,
    RemoveIndexConcurrently,
    ValidateConstraint,
)
from django.core.management.base import CommandError
from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration, SeparateDatabaseAndState
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from veza_core.db.constraint_operations import AddUniqueConcurrently, SetNotNull
from veza_core.db.operations import AddEnumValue, InsertPermissions, KeepUpdatedAt
from veza_core.db.other_sessions import OtherSession, named_blockers
from veza_core.db.schema_version import declared_version, write_version
from veza_core.db.session import UNCHANGED
from veza_core.db.timeouts import LOOKS, BlockerWatch, is_lock_timeout, set_lock_timeout
from veza_core.db.trust import parameters_for_catalog
from veza_core.operations.backfill import Backfill, FillReport
from veza_core.operations.deploy.state import RunState
from veza_core.operations.replicas import wait_for_replicas

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0


class MigrationReport(FillReport):
    """Gets reports of an executor's work. Does nothing; commands override it."""

    def applied(self, migration: Migration, seconds: float) -> None:
        """`migration` is committed and recorded."""

    def waiting(self, migration: Migration, pause: float, blockers: list[OtherSession]) -> None:
        """A lock timeout stopped `migration`; the next attempt is in `pause` seconds."""

    def held_up(self, migration: Migration, blockers: list[OtherSession]) -> None:
        """`migration` runs outside a transaction, and waits for these sessions without a limit."""


class Executor(MigrationExecutor):
    """Applies each atomic migration and its record in one commit.

    If a migration leaves deferred SQL, as each with a foreign key does, Django records it after the
    commit. A kill between the two leaves tables that the history does not know, and every later run
    fails with "already exists".

    `lock_timeout` is how many seconds a migration waits for locks, at each of its attempts.
    """

    _create_project_state: Callable[..., ProjectState]

    def __init__(
        self, connection: BaseDatabaseWrapper, lock_timeout: float, progress: MigrationReport
    ) -> None:
        super().__init__(connection)
        self.lock_timeout = lock_timeout
        self.progress = progress

    def state_before(self) -> ProjectState:
        """The models after the migrations that are already applied."""
        state = self._create_project_state(with_applied_migrations=True)
        return RunState(state.models, state.real_apps)

    @cached_property
    def _pending(self) -> set[tuple[str, str]]:
        own = {key for key in self.loader.graph.nodes if key[0] in settings.PUBLIC_SCHEMA_APPS}
        return own - set(self.loader.applied_migrations)

    def record_migration(self, app_label: str, name: str, forward: bool = True) -> None:
        """Record it; with the last one of this release, record the schema's version too."""
        super().record_migration(app_label, name, forward)
        if app_label in settings.PUBLIC_SCHEMA_APPS:
            # An attempt that was rolled back may have removed it.
            self._pending.discard((app_label, name))
            self.record_version()

    def record_version(self) -> None:
        """Record the schema's version, if all migrations of `public` are applied."""
        if not self._pending:
            write_version(self.connection, declared_version())

    @cached_property
    def _parameters(self) -> dict[str, Any]:
        # Once a run: for the embedded server they are read from disk.
        self.connection.ensure_connection()
        return parameters_for_catalog(self.connection)

    def apply_migration(
        self,
        state: ProjectState,
        migration: Migration,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> ProjectState:
        """Run a migration forwards, record it, and report it after the commit.

        After a lock timeout, and only then, it is tried again. An atomic migration has been rolled
        back; in others, each operation continues where it was. One outside a transaction may write
        much, as a concurrent index does, so it first waits for the replicas. Raises `CommandError`
        after the last attempt.
        """
        started = time.monotonic()
        for operation in operations_of(migration):
            if isinstance(operation, Backfill):
                operation.report = self.progress
        if not migration.atomic and not fake:
            wait_for_replicas(self.connection, partial(self.progress.resting, str(migration)))

        def apply(attempt: int) -> ProjectState:
            before = state
            if attempt > 1:
                # A failed attempt leaves its state half changed, so the next one reads the history.
                again = Executor(self.connection, self.lock_timeout, self.progress)
                before = again.state_before()
            return super(Executor, self).apply_migration(before, migration, fake, fake_initial)

        result = self._apply_patiently(migration, apply)
        self.progress.applied(migration, time.monotonic() - started)
        return result

    def _apply_patiently(
        self, migration: Migration, apply: Callable[[int], ProjectState]
    ) -> ProjectState:
        fills = any(isinstance(operation, Backfill) for operation in operations_of(migration))
        # A backfill repeats a batch by itself.
        repeats = can_be_repeated(migration) and not fills
        attempts = settings.MIGRATE_LOCK_ATTEMPTS if repeats else 1
        for attempt in range(1, attempts + 1):
            watch = BlockerWatch(partial(self._held_up, migration))
            try:
                with (
                    watch.over(self.connection, self._parameters, self.lock_timeout / LOOKS),
                    self._one_commit(migration, watch),
                ):
                    return apply(attempt)
            except DatabaseError as error:
                if not is_lock_timeout(error):
                    raise
                if attempt == attempts:
                    raise CommandError(_gave_up(migration, self.lock_timeout, watch)) from error
                pause = min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE)
                pause *= random.uniform(0.5, 1.5)  # noqa: S311 - jitter, not a secret
                self.progress.waiting(migration, pause, watch.blockers)
                time.sleep(pause)
        raise AssertionError("there is at least one attempt")

    def _held_up(self, migration: Migration, blockers: list[OtherSession]) -> None:
        if not migration.atomic:
            self.progress.held_up(migration, blockers)

    @contextmanager
    def _one_commit(self, migration: Migration, watch: BlockerWatch) -> Iterator[None]:
        timeout = self.lock_timeout
        if migration.atomic:
            with transaction.atomic(using=self.connection.alias):
                set_lock_timeout(self.connection, timeout, local=True)
                with self.connection.execute_wrapper(_Remaining(self.connection, timeout, watch)):
                    yield
            return
        # It runs statements that PostgreSQL refuses in a transaction, such as CREATE INDEX
        # CONCURRENTLY.
        set_lock_timeout(self.connection, timeout, local=False)
        yield


def new_executor(
    connection: BaseDatabaseWrapper, lock_timeout: float, progress: MigrationReport
) -> Executor:
    """An executor that has read the history. It waits for a lock on the history as migrations do.

    Raises `CommandError`, which names the blocking session.
    """
    connection.ensure_connection()
    watch = BlockerWatch()
    try:
        with (
            watch.over(connection, parameters_for_catalog(connection), lock_timeout / LOOKS),
            transaction.atomic(using=connection.alias),
        ):
            set_lock_timeout(connection, lock_timeout, local=True)
            return Executor(connection, lock_timeout, progress)
    except DatabaseError as error:
        if not is_lock_timeout(error):
            raise
        raise CommandError(
            "the history in django.django_migrations is locked for longer than "
            f"{lock_timeout:g} s. Blocked by: {named_blockers(watch.blockers)}. End that "
            f"transaction, and run it again. {UNCHANGED}"
        ) from error


#: Operations that continue where a killed run ended.
REPEATABLE = (
    *(Backfill, SetNotNull, AddUniqueConcurrently, AddIndexConcurrently, RemoveIndexConcurrently),
    *(ValidateConstraint, AddEnumValue, KeepUpdatedAt, InsertPermissions),
)


def operations_of(migration: Migration) -> Iterator[Operation]:
    """The operations that change the database, including those in `SeparateDatabaseAndState`."""
    for operation in migration.operations:
        if isinstance(operation, SeparateDatabaseAndState):
            yield from operation.database_operations
        else:
            yield operation


def can_be_repeated(migration: Migration) -> bool:
    """Whether it can run again without an error after it was partly applied."""
    return migration.atomic or all(
        isinstance(operation, REPEATABLE) for operation in operations_of(migration)
    )


class _Remaining:
    """Limits all waits for locks of a transaction together.

    PostgreSQL's `lock_timeout` limits each wait separately. So services that use a table that the
    migration has already locked would be blocked during all later waits.
    """

    def __init__(
        self, connection: BaseDatabaseWrapper, timeout: float, watch: BlockerWatch
    ) -> None:
        self.connection, self.timeout, self.watch = connection, timeout, watch
        self.remaining = timeout

    def __call__(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        remaining = max(self.timeout - self.watch.waited, 0.001)
        if remaining < self.remaining:
            # First, because set_lock_timeout runs a statement too, which calls this again.
            self.remaining = remaining
            set_lock_timeout(self.connection, remaining, local=True)
        return execute(*arguments)


def _gave_up(migration: Migration, lock_timeout: float, watch: BlockerWatch) -> str:
    repeated = can_be_repeated(migration)
    undone = "its work is kept, and the next run continues from there"
    if not repeated:
        undone = "it may be partly applied"
    elif migration.atomic:
        undone = "nothing of it is applied"
    return (
        f"{migration} could not get its locks within {lock_timeout:g} s, "
        f"tried {settings.MIGRATE_LOCK_ATTEMPTS if repeated else 1} times; {undone}. "
        f"Blocked by: {named_blockers(watch.blockers)}. End that transaction, and run migrate "
        "again."
    )
