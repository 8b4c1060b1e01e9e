"""`makemigrations`: Django's command, with this project's names, operations and style."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.commands.makemigrations import Command as DjangoCommand
from django.db.migrations.loader import MigrationLoader

from veza_core.db.schema_version import version_file
from veza_core.operations.deploy.autodetector import Autodetector
from veza_core.operations.deploy.frozen import next_version
from veza_core.operations.deploy.plan import check_conflicts


class Command(DjangoCommand):
    """Numbers a migration in its app's range, and adds what a new table needs in the database.

    The first migration after a release sets the schema's next version.
    """

    autodetector = Autodetector
    #: Django's: the paths.
    written_files: list[str]

    def handle(self, *args: Any, **options: Any) -> Any:
        """Raises `CommandError` for migrations that Django would merge: schema/ needs an order."""
        check_conflicts(MigrationLoader(None))
        return super().handle(*args, **options)

    def write_migration_files(self, changes: Any, previous_paths: Any = None) -> None:
        """Write them as Django does, with a docstring, and formatted if ruff is installed."""
        super().write_migration_files(changes, previous_paths)
        if self.dry_run:
            return
        if changes.keys() & set(settings.PUBLIC_SCHEMA_APPS) and (version := next_version()):
            version_file().write_text(f"{version}\n", "utf-8")
            self.log(f"  schema/VERSION: {version}")
        for path in map(Path, self.written_files):
            text = path.read_text("utf-8")
            if not text.startswith('"""'):
                number, _, name = path.stem.partition("_")
                path.write_text(f'"""Migration {number}: {name.replace("_", " ")}."""\n\n{text}')
        if ruff := shutil.which("ruff", path=str(Path(sys.executable).parent)):
            for arguments in (["check", "--fix-only"], ["format"]):
                subprocess.run(  # noqa: S603 - ruff, on files of our own
                    [ruff, *arguments, "--quiet", *self.written_files], check=True
                )
