"""psql with the files gives what migrate gives, by our own snapshot and by pg_dump's."""

import pytest
from psycopg.conninfo import make_conninfo

from veza_core.schema.export.rows import reference_rows
from veza_core.schema.export.snapshot import read_snapshot

from .conftest import SCHEMA

pytestmark = pytest.mark.process

PSQL = ("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1")


@pytest.fixture(scope="module")
def loaded_url(make_database, program):
    """An empty database into which psql loaded the files one after the other."""
    url = make_database()
    for path in sorted(SCHEMA.glob("[0-9]*.sql")):
        program(*PSQL, "-d", url, "-f", path)
    return url


def dump(program, url):
    """pg_dump's own account of schema public, without what differs from run to run."""
    text = program("pg_dump", "--schema-only", "--schema=public", "--no-owner", "-d", url)
    return [line for line in text.splitlines() if not line.startswith(("\\", "--"))]


def test_psql_and_migrate_make_the_same_catalog(loaded_url, migrated_url, connect, expected):
    assert read_snapshot(connect(loaded_url)) == expected
    assert read_snapshot(connect(migrated_url)) == expected


def test_pg_dump_sees_no_difference_either(loaded_url, migrated_url, program):
    assert dump(program, loaded_url) == dump(program, migrated_url)


def test_psql_and_migrate_insert_the_same_rows(loaded_url, connect, live, expected):
    tables = expected["tables"]
    rows = reference_rows(live, tables)
    assert reference_rows(connect(loaded_url), tables) == rows
    assert list(rows) == ["permissions", "role_permissions", "roles"]


def test_the_loaded_database_works(loaded_url, connect):
    connection = connect(loaded_url)
    connection.execute("INSERT INTO users (email, username) VALUES ('ada@example.com', 'ada')")
    moved = connection.execute(
        "UPDATE users SET is_verified = true RETURNING updated_at > created_at, role"
    )
    assert moved.fetchall() == [(True, "user")]


def test_one_transaction_and_any_search_path_do(make_database, program, connect, expected):
    """As the README says, but in a session that looks elsewhere first."""
    url = make_database()
    connect(url).execute("CREATE SCHEMA elsewhere")
    elsewhere = make_conninfo(url, options="-c search_path=elsewhere")
    files = [argument for path in sorted(SCHEMA.glob("[0-9]*.sql")) for argument in ("-f", path)]
    program(*PSQL, "--single-transaction", "-d", elsewhere, *files)
    assert read_snapshot(connect(url)) == expected
