"""What squawk, the linter of PostgreSQL migrations, finds in migrations after V1."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

from veza_core.operations.deploy.plan_sql import MigrationSQL, collect
from veza_core.operations.deploy.v1 import migrations_after_v1


def read_later_sql(connection: BaseDatabaseWrapper, loader: MigrationLoader) -> list[MigrationSQL]:
    """The platform's own migrations that are not V1's, with their SQL; nothing is run."""
    found = []
    for key in migrations_after_v1(loader):
        migration = loader.disk_migrations[key]
        # Each begins from its own state, whatever comes before it.
        state = loader.project_state((migration.app_label, migration.name), at_end=False)
        found.append(MigrationSQL(migration, collect(connection, state, migration)[0]))
    return found


def squawk(migrations: Sequence[MigrationSQL], configuration: Path) -> str:
    """Return squawk's findings on the migrations' SQL as text; empty: none.

    Raises `CommandError` when squawk is not installed or cannot read the SQL.
    """
    program = shutil.which("squawk", path=str(Path(sys.executable).parent))
    if program is None:
        raise CommandError("squawk is not installed: type 'make setup'")
    with tempfile.TemporaryDirectory() as directory:
        files = []
        for found in migrations:
            file = Path(directory) / f"{found.migration}.sql"
            body = "\n".join(found.statements)
            file.write_text(f"BEGIN;\n{body}\nCOMMIT;\n" if found.migration.atomic else body)
            files.append(str(file))
        done = subprocess.run(  # noqa: S603 - squawk, on files of our own
            [program, "--config", str(configuration), "--reporter", "gcc", *files],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and not done.stdout:
            raise CommandError(f"squawk failed: {' '.join(done.stderr.split())}")
        return done.stdout.replace(f"{directory}/", "") if done.returncode else ""
