"""Django's migration executor, made safe to kill."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState

#: Takes a migration that is committed and recorded, and how long it took, in seconds.
Applied = Callable[[Migration, float], None]


class Executor(MigrationExecutor):
    """Applies each atomic migration and its record in one commit.

    Django records after the commit whenever a migration leaves deferred SQL, which all with a
    foreign key do. A kill between the two leaves tables that the history does not know, and
    every later run fails with "already exists".
    """

    def __init__(self, connection: BaseDatabaseWrapper, applied: Applied) -> None:
        super().__init__(connection)
        self.applied = applied

    def state_before(self) -> ProjectState:
        """The models as the migrations that are already applied left them."""
        return self._create_project_state(with_applied_migrations=True)  # type: ignore[attr-defined]

    def apply_migration(
        self,
        state: ProjectState,
        migration: Migration,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> ProjectState:
        """Run a migration forwards, record it, and report it once both are committed."""
        started = time.monotonic()
        with self._one_commit(migration):
            state = super().apply_migration(state, migration, fake, fake_initial)
        self.applied(migration, time.monotonic() - started)
        return state

    def _one_commit(self, migration: Migration) -> AbstractContextManager[None]:
        # A migration that is not atomic runs what PostgreSQL refuses in a transaction, such as
        # CREATE INDEX CONCURRENTLY.
        if not migration.atomic:
            return nullcontext()
        return transaction.atomic(using=self.connection.alias)
