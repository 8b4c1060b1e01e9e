"""What squawk, the linter of PostgreSQL migrations, finds in migrations after V1."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from django.core.management.base import CommandError
from django.db.migrations import Migration

from . import headings
from .findings import MigrationFinding


def squawk(
    migrations: Mapping[Migration, list[str]], configuration: Path
) -> list[MigrationFinding]:
    """Return squawk's findings on the statements of each migration.

    Raises `CommandError` if squawk is not installed or cannot read the SQL.
    """
    program = shutil.which("squawk", path=str(Path(sys.executable).parent))
    if program is None:
        raise CommandError("squawk is not installed: run 'make setup'")
    with tempfile.TemporaryDirectory() as directory:
        files = []
        for migration, statements in migrations.items():
            file = Path(directory) / f"{migration}.sql"
            body = "\n".join(statements)
            file.write_text(f"BEGIN;\n{body}\nCOMMIT;\n" if migration.atomic else body)
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
            MigrationFinding(
                Path(found["file"]).stem,
                headings.OF_SQUAWK.get(found["rule_name"], headings.ELSE),
                f"{found['message']} (squawk: {found['rule_name']})",
            )
            for found in json.loads(done.stdout)
        ]
