"""What squawk, the linter of PostgreSQL migrations, finds in migrations after V1."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from django.core.management.base import CommandError
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState

from veza_core.operations.deploy.plan_sql import MigrationSQL, collect

from . import headings
from .findings import Finding


def collect_each(
    connection: BaseDatabaseWrapper, state: ProjectState, migrations: Sequence[Migration]
) -> list[MigrationSQL]:
    """The SQL of migrations that follow one another, from the state before them; nothing is run.

    One whose SQL is not to be had without running it has none.
    """
    found = []
    for migration in migrations:
        try:
            statements, _ = collect(connection, state.clone(), migration)
        except (DatabaseError, ValueError):
            # `findings.examine` runs it, and says what is wrong.
            statements = []
        found.append(MigrationSQL(migration, statements))
        state = migration.mutate_state(state)
    return found


def squawk(migrations: Sequence[MigrationSQL], configuration: Path) -> list[Finding]:
    """Return squawk's findings on the migrations' SQL.

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
            [program, "--config", str(configuration), "--reporter", "json", *files],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and not done.stdout.startswith("["):
            raise CommandError(f"squawk failed: {' '.join(done.stderr.split())}")
        return [
            Finding(
                Path(found["file"]).stem,
                headings.OF_SQUAWK.get(found["rule_name"], headings.ELSE),
                f"{found['message']} (squawk: {found['rule_name']})",
            )
            for found in json.loads(done.stdout)
        ]
