"""Separate databases for tests, other than the migrated one."""

import subprocess
from contextlib import ExitStack
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from psycopg.conninfo import make_conninfo

from veza_core.operations.backup.programs import find_tools
from veza_core.schema.export.files import VERSION, render_files, render_version
from veza_core.schema.export.groups import later_groups, v1_groups
from veza_core.schema.snapshot import load_snapshot

SCHEMA = settings.BASE_DIR / "schema"


def rendered(snapshot, rows):
    """The SQL files, as if all migrations were V1's."""
    loader = MigrationLoader(None)
    groups = [*v1_groups(loader), *later_groups(loader)]
    return {**render_files(groups, snapshot, rows), VERSION: render_version(snapshot)}


@pytest.fixture(scope="session")
def expected():
    """The committed catalog."""
    return load_snapshot(SCHEMA / "catalog.json")


@pytest.fixture(scope="session")
def migrated_url(django_db_setup, django_db_blocker):
    """The migrated database of the test run, for libpq."""
    with django_db_blocker.unblock():
        parameters = connection.get_connection_params()
    return make_conninfo(
        **{
            key: parameters[key]
            for key in ("host", "port", "user", "password", "dbname")
            if parameters.get(key)
        }
    )


@pytest.fixture(scope="session")
def make_database(migrated_url):
    """A function that creates an empty database in an encoding, and returns its URL for libpq.

    All are dropped at the end of the run, because DROP DATABASE starts a checkpoint.
    """
    names = []

    def make(encoding="UTF8"):
        names.append(f"veza_test_{uuid4().hex[:12]}")
        server.execute(
            f"CREATE DATABASE {names[-1]} TEMPLATE template0 "
            f"ENCODING '{encoding}' LOCALE 'C' LOCALE_PROVIDER libc"
        )
        return make_conninfo(migrated_url, dbname=names[-1])

    with psycopg.connect(migrated_url, autocommit=True) as server:
        yield make
        for name in names:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def connect():
    """A function that connects, in autocommit, until the end of the test."""
    with ExitStack() as connections:
        yield lambda url: connections.enter_context(psycopg.connect(url, autocommit=True))


@pytest.fixture
def live(db):
    """The psycopg connection to the migrated database, in a transaction that is rolled back."""
    connection.ensure_connection()
    return connection.connection


@pytest.fixture(scope="session")
def tools(migrated_url):
    """PostgreSQL's programs of the server's version.

    pg_dump of another version does not know this server's internal options in the catalog.
    """
    with psycopg.connect(migrated_url) as server:
        return find_tools(server.info.server_version // 10000)[0]


@pytest.fixture(scope="session")
def program(tools):
    """A function that runs a program of PostgreSQL, and returns its output."""

    def run(name, *arguments):
        return subprocess.run(
            [tools.path(name), *arguments], check=True, capture_output=True, text=True
        ).stdout

    return run
