"""Other tools that apply the same SQL: dbmate and node-pg-migrate, from npm's registry."""

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.server import ROOT

PACKAGES = ["dbmate@2.36.0", "node-pg-migrate@9.0.0", "pg@8"]


def exported_files() -> list[Path]:
    """Return the files of the exported schema, in the order of loading."""
    return sorted((ROOT / "schema").glob("*.sql"))


def install(directory: Path) -> Path | None:
    """Install both tools below the directory; return the directory of their programs, None without
    npm.
    """
    npm = shutil.which("npm")
    if npm is None:
        print("npm is missing: dbmate and node-pg-migrate are left out", file=sys.stderr)
        return None
    subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--silent", "--prefix", directory, *PACKAGES],
        check=True,
        capture_output=True,
    )
    return directory / "node_modules" / ".bin"


def write_migrations(directory: Path) -> tuple[Path, Path]:
    """Write the exported files in each tool's format; return dbmate's directory and the other's."""
    dbmate, node = directory / "dbmate", directory / "node"
    forms = (
        (dbmate, "-- migrate:up\n{}\n-- migrate:down\n"),
        (node, "-- Up Migration\n{}"),
    )
    for directory, form in forms:
        directory.mkdir()
        for number, file in enumerate(exported_files(), 1):
            # Both tools use a time as the version, and sort by it.
            name = f"2025120400{number:04}_{file.stem[4:].replace('_', '-')}.sql"
            (directory / name).write_text(form.format(file.read_text()))
    return dbmate, node
