"""`lint_migrations`: would a migration of the next release stop or break a running service?"""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from veza_core.counted import counted
from veza_core.db.scratch import ScratchDatabaseError
from veza_core.operations.deploy.lint.service import lint, pending, released


class Command(BaseCommand):
    """Runs the migrations of the next release in a throw-away database; part of `make lint`."""

    help = (
        "Checks in a throw-away database that unreleased migrations do not stop or break a "
        "service. docs/changing.md says what to do instead."
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the findings. Raises `CommandError` if there are any."""
        loader = MigrationLoader(None)
        try:
            keys = pending(loader, released())
        except ValueError as error:
            raise CommandError(str(error)) from error
        if not keys:
            self.stdout.write("No unreleased migrations.")
            return
        try:
            findings = lint(connection, loader, keys, settings.BASE_DIR / ".squawk.toml")
        except ScratchDatabaseError as error:
            message = f"the migrations run in a throw-away database, and {error}"
            raise CommandError(message) from error
        for finding in findings:
            self.stdout.write(str(finding))
        count = f"{counted(len(keys), 'migration')} of the next release"
        if findings:
            number = counted(len(findings), "finding")
            raise CommandError(f"{number} on {count}: docs/changing.md")
        self.stdout.write(f"No findings in {count}.")
