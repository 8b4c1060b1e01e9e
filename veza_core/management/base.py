"""What the commands that work on a whole database have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.locks import MIGRATION_LOCK_KEY, LockNotAvailableError, run_lock
from veza_core.db.other_sessions import OtherSession
from veza_core.operations.jobs import record_success


class DatabaseCommand(BaseCommand):
    """A command that says what it does. `--verbosity 0` prints only results and errors."""

    # It uses no model.
    requires_system_checks: list[str] = []

    def execute(self, *args: Any, **options: Any) -> str | None:
        self.verbosity: int = options["verbosity"]
        #: With `--json`, standard output has only the result.
        self.as_json: bool = options.get("as_json", False)
        return super().execute(*args, **options)

    def say(self, line: str) -> None:
        """Print a line about what the command does."""
        if self.verbosity:
            stream = self.stderr if self.as_json else self.stdout
            stream.write(line)
            stream.flush()

    @contextmanager
    def migration_lock(
        self, connection: BaseDatabaseWrapper, wait: float, running: str, unchanged: str
    ) -> Iterator[None]:
        """Hold the lock of migrations in the block. `wait` is in seconds.

        Raises `CommandError` after that: `running` says what may be running, and `unchanged` that
        this command did nothing.
        """

        def report(holder: OtherSession) -> None:
            self.stderr.write(f"Waiting for another migrate: {holder}")

        try:
            with run_lock(connection, MIGRATION_LOCK_KEY, wait, report):
                yield
        except LockNotAvailableError as error:
            raise CommandError(f"{running}: {error}. {unchanged}") from error

    def record(
        self, connection: BaseDatabaseWrapper, job: str, seconds: float, **details: Any
    ) -> None:
        """Record that a job has succeeded, or warn that this could not be written."""
        if problem := record_success(connection, job, seconds, **details):
            self.stderr.write(problem)
