"""Shared helpers: commands run as a user runs them, and temporary databases."""

import io
import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from tests import forked, in_process, memory
from tests.run import database_name, server_parameters, settings_of, there
from veza_core.db import embedded
from veza_core.schema.export.groups import later_groups

ROOT = Path(__file__).resolve().parent.parent

#: The variables that `database_environment` returned, with the names of the databases.
_NAMED: dict[tuple[str, str] | None, str] = {}


def later_tables() -> set[str]:
    """The tables that migrations after V1 create."""
    return {table for group in later_groups(MigrationLoader(None)) for table in group.tables}


def database_url(name: str, **changes: str) -> str:
    """The URL of a database on that server; `changes` replace user, password, host or port."""
    parts = {**server_parameters(), **changes}
    user, password = parts.pop("user", ""), parts.pop("password", "")
    credentials = f"{quote(user)}:{quote(password)}@" if user else ""
    return f"postgresql://{credentials}/{quote(name)}?{urlencode(parts)}"


def database_environment(name: str) -> dict[str, str]:
    """The variable with which manage.py uses a database on that server."""
    embedded_server = "EMBEDDED" in connection.settings_dict
    variable = "EMBEDDED_DATABASE" if embedded_server else "DATABASE_URL"
    value = name if embedded_server else database_url(name)
    _NAMED[variable, value] = name
    return {variable: value}


def production_environment(name: str) -> dict[str, str]:
    """The variables of production: DEBUG off, and a named database."""
    return {
        "DEBUG": "0",
        "SECRET_KEY": "x" * 60,
        "DATABASE_URL": database_url(name),
        "BEHIND_TLS_PROXY": "0",
    }


def administer(*statements: sql.Composable | str) -> None:
    """Run statements outside a transaction, on the server's maintenance database."""
    with psycopg.connect(**server_parameters(), dbname="postgres", autocommit=True) as server:
        for statement in statements:
            server.execute(statement)


@contextmanager
def scratch_database(options: str = "") -> Iterator[str]:
    """Create an empty database, yield its name, and drop it."""
    name = database_name(uuid.uuid4().hex, "scratch")
    if "TEMPLATE" in options and memory.is_used():
        # The cheaper strategy if a checkpoint costs nothing.
        options += " STRATEGY file_copy"
    create = sql.SQL("CREATE DATABASE {} " + options).format(sql.Identifier(name))
    administer(create, settings_of(name))
    there.add(name)
    try:
        yield name
    finally:
        there.discard(name)
        administer(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def running_manage(*arguments: str, **environment: str) -> AbstractContextManager[forked.Piped]:
    """Start manage.py as `manage_process` does, and continue; at the end it is killed."""
    return forked.piped(ROOT / "manage.py", arguments, {**os.environ, "DEBUG": "1", **environment})


def schema_of(*options: str, **parameters: str) -> str:
    """All definitions in a database, as pg_dump writes them; `options` are for pg_dump."""
    variables = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
    names = {**variables, "dbname": "PGDATABASE"}
    dump = subprocess.run(
        [embedded.program("pg_dump"), "--schema-only", *options],
        env={**os.environ, **{names[name]: value for name, value in parameters.items()}},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    # pg_dump protects its output with a random word in the first two; Debian's PostgreSQL 15.20
    # stores a number in every column.
    return "\n".join(
        line
        for line in dump.splitlines()
        if not line.startswith(("\\restrict", "\\unrestrict")) and "SET (pg_attver=" not in line
    )


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py with DEBUG on and these variables; return its exit status and output.

    If the variables only choose a database, it runs within this process.
    """
    only = next(iter(environment.items())) if len(environment) == 1 else None
    if only in _NAMED:
        return in_process.run(_NAMED[only], arguments)
    return manage_process(*arguments, **environment)


def manage_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py in a separate process, with DEBUG on and these variables."""
    return forked.run(ROOT / "manage.py", arguments, {**os.environ, "DEBUG": "1", **environment})


def is_one_clear_line(result: subprocess.CompletedProcess[str]) -> bool:
    """Whether a command failed correctly: one line on standard error, and no traceback."""
    lines = result.stderr.strip().splitlines()
    return result.returncode != 0 and len(lines) == 1 and "Traceback" not in result.stderr


def run_command(command: str, *arguments: str, database: str) -> tuple[str, str]:
    """Run a command on a database, in this process; return its two outputs.

    Raises `CommandError` as the command does.
    """
    out, err = io.StringIO(), io.StringIO()
    with in_process.default_database(database):
        call_command(command, *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()
