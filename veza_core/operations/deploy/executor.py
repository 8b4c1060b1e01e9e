"""Django's migration executor, made safe to kill and safe beside live traffic."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
from veza_core.db.schema_version import declared_version, write_version
from veza_core.db.session import UNCHANGED
from veza_core.db.sessions import OtherSession
from veza_core.db.timeouts import LOOKS, BlockerWatch, is_lock_timeout, set_lock_timeout
from veza_core.db.trust import parameters_for_catalog
from veza_core.operations.backfill import Backfill, FillReport
from veza_core.operations.deploy.state import RunState
from veza_core.operations.replicas import wait_for_replicas

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a migration waits for locks, in seconds, and how often it is tried."""

    lock_timeout: float
    attempts: int


class MigrationReport(FillReport):
    """What an executor tells of its work. Does nothing: commands say more."""

    def applied(self, migration: Migration, seconds: float) -> None:
        """Take a migration that is committed and recorded."""

    def waiting(self, migration: Migration, pause: float, blockers: list[OtherSession]) -> None:
        """Take one that was stopped by a lock timeout, and the seconds until its next try."""

    def held_up(self, migration: Migration, blockers: list[OtherSession]) -> None:
        """Take one that is in no transaction, and for whom it waits without an end."""


class Executor(MigrationExecutor):
    """Applies each atomic migration and its record in one commit.

    Django records after the commit whenever a migration leaves deferred SQL, which all with a
    foreign key do. A kill between the two leaves tables that the history does not know, and
    every later run fails with "already exists".
    """

    def __init__(
        self, connection: BaseDatabaseWrapper, patience: Patience, progress: MigrationReport
    ) -> None:
        super().__init__(connection)
        self.patience = patience
        self.progress = progress

    def state_before(self) -> ProjectState:
        """The models as the migrations that are already applied left them."""
        state = self._create_project_state(with_applied_migrations=True)  # type: ignore[attr-defined]
        return RunState(state.models, state.real_apps)

    def _state_of_history(self) -> ProjectState:
        return Executor(self.connection, self.patience, self.progress).state_before()

    @cached_property
    def _pending(self) -> set[tuple[str, str]]:
        """The migrations of `public` that are not recorded."""
        own = {key for key in self.loader.graph.nodes if key[0] in settings.PUBLIC_SCHEMA_APPS}
        return own - set(self.loader.applied_migrations)

    def record_migration(self, app_label: str, name: str, forward: bool = True) -> None:
        """Record it, and with the last one of this release the schema's version."""
        super().record_migration(app_label, name, forward)
        if app_label in settings.PUBLIC_SCHEMA_APPS:
            # It may be gone already, by an attempt that was rolled back.
            self._pending.discard((app_label, name))
            self.record_version()

    def record_version(self) -> None:
        """Write the schema's version down, once all migrations of `public` are applied."""
        if not self._pending:
            write_version(self.connection, declared_version())

    @cached_property
    def _parameters(self) -> dict[str, Any]:
        # Once a run: for the embedded server they are looked up on disk.
        self.connection.ensure_connection()
        return parameters_for_catalog(self.connection)

    def apply_migration(
        self,
        state: ProjectState,
        migration: Migration,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> ProjectState:
        """Run a migration forwards, record it, and report it once both are committed.

        On a lock timeout, and on nothing else, it is tried again: an atomic one has been rolled
        back as a whole, of others each operation goes on from where it was. One in no transaction
        may write much, as a concurrent index does: it first waits for the replicas. Raises
        `CommandError` when the last attempt has failed.
        """
        started = time.monotonic()
        for operation in operations_of(migration):
            if isinstance(operation, Backfill):
                operation.report = self.progress
        if not migration.atomic and not fake:
            wait_for_replicas(self.connection, partial(self.progress.resting, str(migration)))

        def apply(attempt: int) -> ProjectState:
            # A failed attempt leaves its state half changed: the next one reads the history.
            before = state if attempt == 1 else self._state_of_history()
            return super(Executor, self).apply_migration(before, migration, fake, fake_initial)

        result = self._apply_patiently(migration, apply)
        self.progress.applied(migration, time.monotonic() - started)
        return result

    def _apply_patiently(
        self, migration: Migration, apply: Callable[[int], ProjectState]
    ) -> ProjectState:
        timeout = self.patience.lock_timeout
        fills = any(isinstance(operation, Backfill) for operation in operations_of(migration))
        # A backfill tries a batch again by itself.
        attempts = self.patience.attempts if can_be_repeated(migration) and not fills else 1
        for attempt in range(1, attempts + 1):
            watch = BlockerWatch(partial(self._held_up, migration))
            try:
                with (
                    watch.over(self.connection, self._parameters, timeout / LOOKS),
                    self._one_commit(migration, watch),
                ):
                    return apply(attempt)
            except DatabaseError as error:
                if not is_lock_timeout(error):
                    raise
                if attempt == attempts:
                    raise CommandError(_gave_up(migration, self.patience, watch)) from error
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
        timeout = self.patience.lock_timeout
        if migration.atomic:
            with transaction.atomic(using=self.connection.alias):
                set_lock_timeout(self.connection, timeout, local=True)
                with self.connection.execute_wrapper(_Remaining(self.connection, timeout, watch)):
                    yield
            return
        # It runs what PostgreSQL refuses in a transaction, such as CREATE INDEX CONCURRENTLY.
        set_lock_timeout(self.connection, timeout, local=False)
        yield


def new_executor(
    connection: BaseDatabaseWrapper, patience: Patience, progress: MigrationReport
) -> Executor:
    """An executor, which has read the history; for a lock on that it waits as a migration does.

    Raises `CommandError` that names who holds the lock.
    """
    connection.ensure_connection()
    watch, timeout = BlockerWatch(), patience.lock_timeout
    try:
        with (
            watch.over(connection, parameters_for_catalog(connection), timeout / LOOKS),
            transaction.atomic(using=connection.alias),
        ):
            set_lock_timeout(connection, timeout, local=True)
            return Executor(connection, patience, progress)
    except DatabaseError as error:
        if not is_lock_timeout(error):
            raise
        raise CommandError(
            f"the history in django.django_migrations is locked for longer than {timeout:g} s. "
            f"Blocked by: {_blockers(watch)}. End that transaction, and run it again. {UNCHANGED}"
        ) from error


#: Operations that go on from where a run that was killed had come to.
REPEATABLE = (
    *(Backfill, SetNotNull, AddUniqueConcurrently, AddIndexConcurrently, RemoveIndexConcurrently),
    *(ValidateConstraint, AddEnumValue, KeepUpdatedAt, InsertPermissions),
)


def operations_of(migration: Migration) -> Iterator[Operation]:
    """The operations that change the database, also those that `SeparateDatabaseAndState` has."""
    for operation in migration.operations:
        if isinstance(operation, SeparateDatabaseAndState):
            yield from operation.database_operations
        else:
            yield operation


def can_be_repeated(migration: Migration) -> bool:
    """Whether it can be run again after a part of it: else a second run would meet that part."""
    return migration.atomic or all(
        isinstance(operation, REPEATABLE) for operation in operations_of(migration)
    )


class _Remaining:
    """Lets each statement wait no longer than the ones before it in its transaction left over.

    PostgreSQL's `lock_timeout` limits every wait by itself. Traffic on a table that the migration
    has locked already would stand still through all the later ones.
    """

    def __init__(
        self, connection: BaseDatabaseWrapper, timeout: float, watch: BlockerWatch
    ) -> None:
        self.connection, self.timeout, self.watch = connection, timeout, watch
        self.remaining = timeout

    def __call__(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        remaining = max(self.timeout - self.watch.waited, 0.001)
        if remaining < self.remaining:
            # First, since setting it is a statement too.
            self.remaining = remaining
            set_lock_timeout(self.connection, remaining, local=True)
        return execute(*arguments)


def _gave_up(migration: Migration, patience: Patience, watch: BlockerWatch) -> str:
    repeated = can_be_repeated(migration)
    undone = "its work is kept, and the next run continues from there"
    if not repeated:
        undone = "it may be partly applied"
    elif migration.atomic:
        undone = "nothing of it is applied"
    return (
        f"{migration} could not get its locks within {patience.lock_timeout:g} s, "
        f"tried {patience.attempts if repeated else 1} times; {undone}. "
        f"Blocked by: {_blockers(watch)}. End that transaction, and run migrate again."
    )


def _blockers(watch: BlockerWatch) -> str:
    return "; ".join(map(str, watch.blockers)) or "an unknown session"
