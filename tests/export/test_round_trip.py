"""psql creates the same schema from the files as migrate does, by our snapshot and by pg_dump."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from veza_core.schema.export.rows import reference_rows
from veza_core.schema.snapshot import read_snapshot

from .conftest import SCHEMA

pytestmark = pytest.mark.process

PSQL = ("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1")


@pytest.fixture(scope="module")
def loaded_url(make_database, program):
    """A database into which psql loaded the files one after another."""
    url = make_database()
    for path in sorted(SCHEMA.glob("[0-9]*.sql")):
        program(*PSQL, "-d", url, "-f", path)
    return url


@pytest.fixture
def shell(tools):
    """A function that runs a command line of the README in the project's directory."""

    def run(line, url):
        path = os.pathsep.join([str(Path(tools.path("psql")).parent), os.environ["PATH"]])
        return subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=SCHEMA.parent,
            env={**os.environ, "DATABASE_URL": url, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def dump(program, url):
    """pg_dump's output for schema public, without the parts that differ between runs."""
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


def test_the_command_of_the_readme_loads_all_of_it_once(make_database, shell, connect, expected):
    """The command is the README's, word for word. It runs with another search_path."""
    url = make_database()
    connect(url).execute("CREATE SCHEMA elsewhere")
    readme = (SCHEMA / "README.md").read_text()
    (command,) = re.findall(r"^    (cat .*psql.*)$", readme, re.MULTILINE)

    first = shell(command, make_conninfo(url, options="-c search_path=elsewhere"))

    assert first.returncode == 0, first.stderr
    assert read_snapshot(connect(url)) == expected
    connect(url).execute("INSERT INTO rooms (name) VALUES ('kept')")

    second = shell(command, url)

    assert second.returncode == 3
    error, hint = second.stderr.strip().splitlines()[:2]
    message = re.sub('"[^"]+"', '"veza"', error.removeprefix("ERROR:  "))
    assert f"`{message}`" in " ".join(readme.split())
    assert hint.startswith("HINT:  Load the files into an empty database")
    assert read_snapshot(connect(url)) == expected
    assert connect(url).execute("SELECT name FROM rooms").fetchall() == [("kept",)]


def test_a_load_that_stopped_half_way_leads_to_the_same_message(make_database, program):
    """Without --single-transaction, the objects of its first files stay."""
    url = make_database()
    first = min(SCHEMA.glob("[0-9]*.sql"))
    program(*PSQL, "-d", url, "-f", first)

    with pytest.raises(subprocess.CalledProcessError) as caught:
        program(*PSQL, "-d", url, "-f", first)

    assert "has this schema already, or a part of it" in caught.value.stderr
