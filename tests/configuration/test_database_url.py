"""A problem with a database is one line, and nothing is changed."""

import os
import socket

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from psycopg import sql

from tests.clusters import old_server, running_cluster
from tests.counts import SUMMARY
from tests.support import (
    administer,
    database_url,
    is_one_clear_line,
    manage,
    scratch_database,
    server_parameters,
)
from veza_core.db import embedded
from veza_core.db.url import database_settings

pytestmark = pytest.mark.django_db

OBJECTS = """
SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
"""
SCHEMAS = "SELECT count(*) FROM pg_namespace WHERE nspname !~ '^pg_'"
EXTENSIONS = "SELECT count(*) FROM pg_extension"
TYPES = "SELECT count(*) FROM pg_type WHERE typtype = 'e'"


def contents(name):
    with psycopg.connect(**server_parameters(), dbname=name) as database:
        return [
            database.execute(query).fetchone() for query in (OBJECTS, SCHEMAS, EXTENSIONS, TYPES)
        ]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://user:s3cret@host:port/veza", "malformed"),
        ("postgresql://user:s3cret@[::1/veza", "malformed"),
        ("postgresql://user:s3cret@host/veza?no_such_option=1", "malformed"),
        ("postgresql://user:s3cret@host", "does not name a database"),
        ("postgresql://user:s3cret@host/veza?connect_timeout=soon", "malformed"),
        # A server would truncate these names.
        (f"postgresql://user:s3cret@host/{'é' * 32}", "a dbname of more than 63 bytes"),
        (f"postgresql://{'u' * 64}:s3cret@host/veza", "a user of more than 63 bytes"),
        ("user:s3cret@host/veza", "not a URL"),
        ("postgresql://user:s3cret@host/veza?replication=database", "contains replication"),
        ("mysql://user:s3cret@host/veza", "has the scheme mysql"),
        ("sqlite:///veza.db", "has the scheme sqlite"),
    ],
)
def test_wrong_url(url, words):
    result = manage("migrate", DATABASE_URL=url)
    assert is_one_clear_line(result), result.stderr
    assert words in result.stderr
    assert "s3cret" not in result.stderr


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://anna:p%40ss@db.example:6432/veza?sslmode=require",
            {"USER": "anna", "PASSWORD": "p@ss", "HOST": "db.example", "PORT": "6432"},
        ),
        ("postgres:///veza?host=/run/postgresql", {"HOST": "/run/postgresql", "USER": ""}),
        ("postgresql://a,b:5433/veza", {"HOST": "a,b", "PORT": ",5433"}),
        ("postgresql://[::1]:5432/veza", {"HOST": "::1", "PORT": "5432"}),
    ],
)
def test_url_means_what_it_means_to_libpq(url, expected):
    settings = database_settings(url)
    assert settings["NAME"] == "veza"
    assert {key: settings[key] for key in expected} == expected


def test_options_of_the_url_win():
    settings = database_settings("postgresql://h/veza?application_name=deploy&sslmode=require")
    assert settings["OPTIONS"]["application_name"] == "deploy"
    assert settings["OPTIONS"]["sslmode"] == "require"
    assert settings["OPTIONS"]["connect_timeout"] == "10"


def test_message_names_the_variable():
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_REPLICA_URL "):
        database_settings("http://x", "DATABASE_REPLICA_URL")


@pytest.mark.parametrize("name", ["DATABASE_SUPPORT_URL", "DATABASE_REPLICA_URL, number 2,"])
def test_a_read_only_role_is_not_asked_for_a_session_that_writes(name):
    """libpq would find no such server, and no page would open."""
    url = "postgresql://u@a,b/d?target_session_attrs="
    with pytest.raises(ImproperlyConfigured, match=f"^{name} .*=primary"):
        database_settings(f"{url}read-write", name)
    assert database_settings(f"{url}primary", name)
    assert database_settings(f"{url}read-write")


def test_server_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    result = manage("migrate", DATABASE_URL=f"postgresql://veza:s3cret@127.0.0.1:{port}/veza")
    assert is_one_clear_line(result), result.stderr
    assert "refused" in result.stderr
    assert "s3cret" not in result.stderr


def test_no_such_database():
    result = manage("migrate", DATABASE_URL=database_url("no_such_database"))
    assert is_one_clear_line(result), result.stderr
    assert 'database "no_such_database" does not exist' in result.stderr


def test_no_such_role():
    result = manage("migrate", DATABASE_URL=database_url("postgres", user="no_such_role"))
    assert is_one_clear_line(result), result.stderr
    assert "no_such_role" in result.stderr


@pytest.fixture
def plain_role():
    """A role that can only connect."""
    name = f"plain_{os.getpid()}"
    administer(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
    yield name
    administer(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_role_without_create(plain_role):
    with scratch_database() as name:
        before = contents(name)
        result = manage("migrate", DATABASE_URL=database_url(name, user=plain_role))
        assert is_one_clear_line(result), result.stderr
        assert f'GRANT CREATE ON DATABASE "{name}" TO "{plain_role}"' in result.stderr
        assert contents(name) == before


def test_wrong_password():
    programs = embedded.program("initdb").parent
    with running_cluster(programs, auth="scram-sha-256", password="right") as host:
        url = f"postgresql://postgres:{{}}@/postgres?host={host}"
        result = manage("migrate", DATABASE_URL=url.format("s3cret"))
        assert is_one_clear_line(result), result.stderr
        assert 'password authentication failed for user "postgres"' in result.stderr
        assert "s3cret" not in result.stderr
        with psycopg.connect(url.format("right")) as database:
            assert database.execute(OBJECTS).fetchone() == (0,)


def test_server_too_old():
    with old_server() as programs, running_cluster(programs, auth="trust") as host:
        url = f"postgresql://postgres@/postgres?host={host}"
        result = manage("migrate", DATABASE_URL=url)
        assert is_one_clear_line(result), result.stderr
        assert "PostgreSQL 15 or later is required (found 14.23)" in result.stderr
        with psycopg.connect(url) as database:
            assert database.execute(OBJECTS).fetchone() == (0,)


def test_encoding_that_cannot_hold_names():
    with scratch_database("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0") as n:
        before = contents(n)
        result = manage("migrate", DATABASE_URL=database_url(n))
        assert is_one_clear_line(result), result.stderr
        assert "LATIN1" in result.stderr
        assert contents(n) == before


def test_server_without_legacy_extensions():
    """By its URL the server is not the embedded one, although it has the same programs.

    On a server that has the extensions, the same run applies everything.
    """
    with scratch_database() as name:
        with psycopg.connect(**server_parameters(), dbname=name) as database:
            (available,) = database.execute(
                "SELECT count(*) FROM pg_available_extensions "
                "WHERE name IN ('pgcrypto', 'uuid-ossp')"
            ).fetchone()
        before = contents(name)
        result = manage("migrate", DATABASE_URL=database_url(name))
        if available == 2:
            assert result.returncode == 0, result.stderr
            assert SUMMARY in result.stdout
        else:
            assert is_one_clear_line(result), result.stderr
            assert "no extension pgcrypto, uuid-ossp" in result.stderr
            assert "contrib" in result.stderr
            assert contents(name) == before
