"""`manage.py lint_schema`: does everything match the models, and is anything missing?"""

import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS
from django.db.migrations.loader import MigrationLoader

from veza_core.counted import counted
from veza_core.errors import one_line
from veza_core.operations.deploy.frozen import problems
from veza_core.operations.deploy.plan import check_conflicts
from veza_core.schema.export import ExportError
from veza_core.schema.export.exporting import export
from veza_core.schema.export.files import stale
from veza_site.development.forgotten import forgotten


class Command(BaseCommand):
    """Runs all checks before it ends, so that one run names all that is missing."""

    help = (
        "Checks in a throw-away database that migrations, schema/, screens, permissions, demo "
        "data and docs/schema.md match the models. Names what is missing, with the file and the "
        "line to add."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the problems. Raises `CommandError` if there are any.

        If the migrations have no order, as after a merge, that is the only problem.
        """
        check_conflicts(MigrationLoader(None))
        found = [*self._models(), *self._releases(), *self._database(), *self._later()]
        for problem in found:
            self.stdout.write(problem)
        if found:
            count = counted(len(found), "problem")
            raise CommandError(f"{count}: see CONTRIBUTING.md, “A change of the schema”")
        self.stdout.write("The schema matches the models, and nothing is missing.")

    def _models(self) -> Iterator[str]:
        output = io.StringIO()
        try:
            with redirect_stdout(output):
                call_command("makemigrations", check=True, dry_run=True, stdout=output)
        except SystemExit:
            yield (
                "The models changed without a migration: run manage.py "
                f"makemigrations.\n{output.getvalue().rstrip()}"
            )
        except CommandError as error:
            yield str(error)

    def _releases(self) -> Iterator[str]:
        try:
            yield from problems(MigrationLoader(None))
        except ValueError as error:
            yield one_line(error)

    def _database(self) -> Iterator[str]:
        found: list[str] = []
        try:
            files = export(
                DEFAULT_DB_ALIAS,
                look=lambda connection: found.extend(forgotten(connection, DEFAULT_DB_ALIAS)),
            )
        except (CommandError, ExportError) as error:
            yield from found
            yield f"schema/: {one_line(error)}"
            return
        yield from found
        if diffs := stale(settings.BASE_DIR / "schema", files):
            yield (
                f"schema/: {', '.join(diffs)}: these differ from the migrations. Run make schema "
                "(manage.py export_schema --check shows the difference)."
            )

    def _later(self) -> Iterator[str]:
        output = io.StringIO()
        try:
            call_command("lint_migrations", stdout=output)
        except CommandError as error:
            yield f"{output.getvalue().rstrip()}\n{error}"
