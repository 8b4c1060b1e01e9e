"""What the commands that work on a whole database have in common."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.locks import MIGRATION_LOCK_KEY, LockNotAvailableError, run_lock
from veza_core.db.other_sessions import OtherSession
from veza_core.db.session import Session, announce
from veza_core.errors import clear_line
from veza_core.operations.jobs import record_success

if TYPE_CHECKING:
    from veza_core.schema.audit.engine import AuditReport


class AnnouncingCommand(BaseCommand):
    """A command that says where it works. `--verbosity 0` prints only results and errors."""

    #: Standard output has only the result; all else is printed on standard error.
    prints_data = False

    def execute(self, *args: Any, **options: Any) -> str | None:
        self.verbosity: int = options["verbosity"]
        self.prints_data = self.prints_data or options.get("as_json", False)
        return super().execute(*args, **options)

    def say(self, line: str) -> None:
        """Print a line about what the command does."""
        if self.verbosity:
            stream = self.stderr if self.prints_data else self.stdout
            stream.write(line)
            stream.flush()

    def announce(self, connection: BaseDatabaseWrapper, *, lift: bool = False) -> Session:
        """Print where the session is connected, and its limits, which `lift` turns off."""
        return announce(connection, self.say, lift=lift)


class DatabaseCommand(AnnouncingCommand):
    """A command that works on a whole database."""

    # It uses no model.
    requires_system_checks: list[str] = []

    @contextmanager
    def migration_lock(
        self, connection: BaseDatabaseWrapper, wait: float, running: str, unchanged: str
    ) -> Iterator[None]:
        """Hold the lock of migrations in the block. `wait` is in seconds.

        Raises `CommandError` after that: `running` says what may be running, and `unchanged` that
        this command did nothing.
        """

        def report(holder: OtherSession) -> None:
            self.stderr.write(f"Waiting for another command: {holder}")

        try:
            with run_lock(connection, MIGRATION_LOCK_KEY, wait, report):
                yield
        except LockNotAvailableError as error:
            raise CommandError(f"{running}: {error}. {unchanged}") from error

    def typed_name(self, connection: BaseDatabaseWrapper, what: str) -> str:
        """What the user types when asked for the database's name; empty without an answer."""
        name = connection.settings_dict["NAME"]
        try:
            return input(f"Type the database's name, {name}, to {what}: ")
        except EOFError:
            return ""

    def record(
        self, connection: BaseDatabaseWrapper, job: str, seconds: float, **details: Any
    ) -> None:
        """Record that a job has succeeded, or warn that this could not be written."""
        if problem := record_success(connection, job, seconds, **details):
            self.stderr.write(problem)


def audit_result(
    connection: BaseDatabaseWrapper, say: Callable[[str], object], warn: Callable[[str], object]
) -> "AuditReport | None":
    """Audit what a command has done, and print the verdict: by `warn` if there are findings.

    None: the audit could not run, as when a second session is not possible. The command has still
    succeeded.
    """
    # A third of the imports of a migrate with nothing to do, so it is imported only if needed.
    from veza_core.schema.audit.service import audit_own

    try:
        report = audit_own(connection)
    except Exception as error:
        if (line := clear_line(error)) is None:
            raise
        warn(f"The audit could not run: {line}")
        return None
    for note in report.notes:
        say(note)
    (warn if report.findings else say)(report.verdict)
    return report
