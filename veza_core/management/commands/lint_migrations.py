"""`lint_migrations`: would a migration after V1 stop live traffic?"""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.loader import MigrationLoader


class Command(BaseCommand):
    """Puts squawk to the SQL of the platform's migrations after V1; part of `make lint`."""

    help = "Shows what squawk finds in the SQL of migrations after V1. Runs nothing."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the findings. Raises `CommandError` when there are any."""
        from veza_core.operations.deploy.squawk import read_later_sql, squawk

        later = read_later_sql(connection, MigrationLoader(connection))
        if not later:
            self.stdout.write("No migrations after V1.")
            return
        findings = squawk(later, settings.BASE_DIR / ".squawk.toml")
        if findings:
            self.stdout.write(findings)
            raise CommandError("squawk has findings on migrations after V1")
        self.stdout.write(f"squawk finds nothing in {len(later)} migrations after V1.")
