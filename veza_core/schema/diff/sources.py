"""Reads the two schemas: from a database, from files of `schema/`, or from a commit."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from veza_core.db.scratch import ScratchDatabaseError, scratch_database
from veza_core.db.url import connection_parameters
from veza_core.errors import clear_line, one_line
from veza_core.schema.audit.disturbance import undisturbed
from veza_core.schema.audit.session import AuditError, snapshot
from veza_core.schema.diff import DiffError
from veza_core.schema.export.files import CATALOG
from veza_core.schema.snapshot import Snapshot, load_snapshot, parse_snapshot, read_snapshot

_SCHEMES = ("postgresql://", "postgres://")


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema; `name` says where it was read, without a password."""

    name: str
    snapshot: Snapshot


def read_schema(text: str, alias: str, argument: str) -> Schema:
    """Read the schema that `text` names.

    A URL is a database. An existing path is a catalog, a file of SQL, or a directory with either.
    If a directory has both, its catalog is read. Anything else is a commit of this repository, as
    git names it. SQL is loaded into a throw-away database on the server of Django's connection
    `alias`. `argument` is the name of the argument, for messages. Raises `DiffError`.
    """
    try:
        if text.startswith(_SCHEMES):
            return _of_database(text, argument)
        path = Path(text)
        if path.is_dir():
            return Schema(text, _of_directory(path, alias))
        if path.exists():
            return Schema(text, _of_file(path, alias))
        return Schema(text, _of_commit(text))
    except (AuditError, ImproperlyConfigured, ValueError, OSError) as error:
        raise DiffError(f"{argument}: {one_line(error)}") from error
    except psycopg.Error as error:
        message = clear_line(error) or one_line(error)
        raise DiffError(f"{argument} cannot be read: {message}") from error


def _of_database(url: str, argument: str) -> Schema:
    parameters = connection_parameters(url, name=argument)
    # A pooler in between may not support prepared statements.
    others: dict[str, Any] = {"client_encoding": "UTF8", "prepare_threshold": None}
    with psycopg.connect(**{**parameters, **others}) as connection:
        name = f"{connection.info.dbname} on {connection.info.host or 'this machine'}"
        return Schema(name, undisturbed(connection, lambda: _read(connection)))


def _read(connection: psycopg.Connection[Any]) -> Snapshot:
    """Read a database in use, within the audit's time limits."""
    with snapshot(connection):
        return read_snapshot(connection)


def _of_directory(directory: Path, alias: str) -> Snapshot:
    if (directory / CATALOG).exists():
        return load_snapshot(directory / CATALOG)
    files = sorted(directory.glob("[0-9]*.sql"))
    if not files:
        raise ValueError(f"{directory} has neither {CATALOG} nor numbered .sql files")
    return _of_sql(files, alias)


def _of_file(path: Path, alias: str) -> Snapshot:
    return _of_sql([path], alias) if path.suffix == ".sql" else load_snapshot(path)


def _of_sql(files: list[Path], alias: str) -> Snapshot:
    with _scratch(alias) as connection:
        for path in files:
            try:
                connection.execute(path.read_text("utf-8").encode())
            except psycopg.Error as error:
                raise ValueError(f"{path} does not load: {error}") from error
        return read_snapshot(connection)


@contextmanager
def _scratch(alias: str) -> Iterator[psycopg.Connection[Any]]:
    connection = connections[alias]
    try:
        with scratch_database(connection):
            connection.ensure_connection()
            yield connection.connection
    except ScratchDatabaseError as error:
        raise DiffError(f"SQL is loaded into a throw-away database, and {error}") from error


def _of_commit(name: str) -> Snapshot:
    catalog = f"schema/{CATALOG}"
    commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if commit is None:
        raise ValueError(f"{name} is not a URL, an existing path or a commit")
    text = _git("show", f"{commit.strip()}:{catalog}")
    if text is None:
        raise ValueError(f"{name} has no {catalog}")
    return parse_snapshot(text, f"{catalog} of {name}")


def _git(*arguments: str) -> str | None:
    """What git prints; None if it fails, or is not installed."""
    try:
        done = subprocess.run(  # noqa: S603 - git, in this repository
            ["git", "-C", str(settings.BASE_DIR), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None
