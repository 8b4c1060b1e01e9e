"""The server of the benchmarks, and temporary databases on it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable


class Server:
    """The server in the settings: the embedded one, or that of DATABASE_URL.

    The embedded one runs as long as this process.
    """

    def __init__(self) -> None:
        from django.db import connection

        params = connection.get_connection_params()
        names = ("host", "port", "user", "password")
        self.parameters = {name: str(params[name]) for name in names if params.get(name)}
        self.embedded = "EMBEDDED" in connection.settings_dict

    def recreate(self, database: str, template: str = "template1") -> None:
        """Create the database again: empty, or a copy of `template`, which must have no session."""
        self.drop(database)
        names = map(sql.Identifier, (database, template))
        self._administer(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))

    def drop(self, database: str) -> None:
        """Drop the database, and end its sessions."""
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        self._administer(statement.format(sql.Identifier(database)))

    @contextmanager
    def scratch(self, *databases: str) -> Iterator[None]:
        """Create empty databases, and drop them at the end."""
        try:
            for database in databases:
                self.recreate(database)
            yield
        finally:
            for database in databases:
                self.drop(database)

    def environment(self, database: str) -> dict[str, str]:
        """Return the environment for manage.py and PostgreSQL's programs to use the database."""
        variables = {
            "host": "PGHOST",
            "port": "PGPORT",
            "user": "PGUSER",
            "password": "PGPASSWORD",
        }
        own = {variables[name]: value for name, value in self.parameters.items()}
        choice = (
            {"EMBEDDED_DATABASE": database}
            if self.embedded
            else {"DATABASE_URL": psycopg_url(self.parameters, database)}
        )
        inherited = dict(os.environ)
        # Containers often set it, and then each run would compile the project's modules again.
        inherited.pop("PYTHONDONTWRITEBYTECODE", None)
        return {**inherited, **own, "PGDATABASE": database, "DEBUG": "1", **choice}

    def _administer(self, statement: sql.Composable) -> None:
        with psycopg.connect(**self.parameters, dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)


def psycopg_url(parameters: dict[str, str], database: str) -> str:
    """Return the URL of a database on the server."""
    return f"postgresql:///{database}?{urlencode(parameters)}"
