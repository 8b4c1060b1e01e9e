"""A release: its conditions, what it freezes, its commit and its tag. `make release` calls it."""

import re
import subprocess
import tarfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.db.migrations.loader import MigrationLoader

from veza_core.db.schema_version import Version, declared_version, version_file
from veza_core.errors import ClearError, one_line
from veza_core.operations.deploy.frozen import FROZEN, freeze, problems, read_frozen
from veza_core.schema.diff import DiffError
from veza_core.schema.diff.report import DiffReport, markdown, summary
from veza_core.schema.diff.sources import read_schema
from veza_core.schema.export import ExportError
from veza_core.schema.export.exporting import export
from veza_core.schema.export.files import write

#: Where `make test-matrix`, which runs just before, writes the servers that it passed on.
MATRIX = "README.md"
CHANGES, CHANGELOG, PROJECT = "schema/CHANGES.md", "CHANGELOG.md", "pyproject.toml"
_PROJECT_VERSION = re.compile(r'^version = "[^"]*"$', re.M)


class ReleaseError(ClearError):
    """The release cannot be made. The message is one line, and nothing was changed."""


def unmet(version: Version, *allowed: str) -> Iterator[str]:
    """What prevents a release of this commit, one line each. The files `allowed` may have changes.

    Raises `ReleaseError`.
    """
    if _git("status", "--porcelain", "--", ".", *(f":!{name}" for name in allowed)):
        yield "the tree is not clean: commit what is changed (git status), or remove it"
    if _git("tag", "--list", f"v{version}"):
        yield f"tag v{version} exists already: each version is released only once"
    open_version = Version(version.major, version.minor, version.patch, released=False)
    if declared_version() != open_version:
        yield (
            f"schema/VERSION says {declared_version()}: give VERSION={declared_version()} without "
            f"-dev, or write {open_version} there, and run make schema"
        )
    yield from problems(MigrationLoader(None))
    if not re.search(rf"^## Unreleased: {re.escape(str(version))}$", _read(CHANGELOG), re.M):
        yield f"{CHANGELOG} has no heading “## Unreleased: {version}”"
    chapter = _chapter(version)
    if not chapter:
        yield f"{CHANGES} has no chapter “## {version}”"
    elif last := max(read_frozen(), default=None):
        yield from _changes(last, chapter)


def make(version: Version, today: date | None = None) -> list[str]:
    """Freeze, commit and tag the release. Returns the paths of the frozen files.

    Raises `ReleaseError`, and leaves the tree unchanged.
    """
    if found := list(unmet(version, MATRIX)):
        raise ReleaseError("; ".join(found))
    before = _git("rev-parse", "HEAD").strip()
    day = today or datetime.now(UTC).date()
    try:
        version_file().write_text(f"{version}\n", "utf-8")
        _replace(PROJECT, _PROJECT_VERSION, f'version = "{version}"')
        heading = re.compile(rf"^## Unreleased: {re.escape(str(version))}$", re.M)
        _replace(CHANGELOG, heading, f"## {version} ({day})")
        write(settings.BASE_DIR / "schema", export(DEFAULT_DB_ALIAS))
        frozen = freeze(version, MigrationLoader(None))
        _git("add", "--all")
        _git("commit", "--quiet", "--message", f"Release {version}")
        _git("tag", "--annotate", "--message", f"Release {version}", f"v{version}")
    except BaseException as error:
        # The tree was clean, so all changes and new files come from this attempt.
        _git("add", "--all")
        _git("reset", "--quiet", "--hard", before)
        if isinstance(error, (ExportError, OSError)):
            raise ReleaseError(one_line(error)) from error
        raise
    return list(frozen)


def archive(version: Version, directory: Path) -> Path:
    """Write the tagged files, with the layout of /opt/veza, to a tar file.

    Raises `ReleaseError`.
    """
    name = f"veza-{version}"
    path = directory / f"{name}.tar.gz"
    directory.mkdir(exist_ok=True)
    _git("archive", f"--prefix={name}/", f"--output={path}", f"v{version}")
    with tarfile.open(path) as file:
        file.getmember(f"{name}/{FROZEN}")
    return path


def _changes(last: Version, chapter: str) -> Iterator[str]:
    """What the chapter lacks of the changes since the last release; a version that is too low."""
    try:
        old = read_schema(f"v{last}", DEFAULT_DB_ALIAS, "the last release")
        new = read_schema(str(settings.BASE_DIR / "schema"), DEFAULT_DB_ALIAS, "schema/")
    except DiffError as error:
        raise ReleaseError(str(error)) from error
    report = DiffReport(old, new)
    if report.too_low:
        yield f"schema/VERSION: {summary(report)}"
    if report.changes and markdown(report).strip() not in chapter:
        yield (
            f"{CHANGES} does not have what changed since {last}: put the output of “manage.py "
            f"schema_diff v{last} --format markdown” into its chapter, under “Changes”"
        )


def _chapter(version: Version) -> str:
    text = re.split(r"^## ", _read(CHANGES), flags=re.M)
    return next((part for part in text if part.partition("\n")[0].strip() == str(version)), "")


def _read(name: str) -> str:
    return (settings.BASE_DIR / name).read_text("utf-8")


def _replace(name: str, pattern: re.Pattern[str], text: str) -> None:
    found, count = pattern.subn(text, _read(name))
    if count != 1:
        raise ReleaseError(f"{name}: {count} lines are {pattern.pattern}, and one is expected")
    (settings.BASE_DIR / name).write_text(found, "utf-8")


def _git(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - git, in this repository
        ["git", "-C", str(settings.BASE_DIR), *arguments],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ReleaseError(f"git {arguments[0]}: {' '.join(done.stderr.split())}")
    return done.stdout
