"""`manage.py export_schema`, as users run it."""

import os
import shutil
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests import forked, in_process
from tests.support import scratch_database
from veza_core.db import scratch
from veza_core.visible import visible

from .conftest import SCHEMA

pytestmark = pytest.mark.process


@pytest.fixture
def export_schema(migrated_url):
    """A function that runs the command, on a running server."""

    def run(*arguments, **environment):
        program = SCHEMA.parent / "manage.py"
        return forked.run(program, ("export_schema", *arguments), {**os.environ, **environment})

    return run


def test_the_committed_files_are_what_the_migrations_make(export_schema):
    done = export_schema("--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{SCHEMA} is up to date\n", "")


def test_the_scratch_database_is_dropped(migrated, migrated_url, django_db_blocker, monkeypatch):
    number = uuid4()
    monkeypatch.setattr(scratch, "uuid4", lambda: number)
    with django_db_blocker.unblock(), scratch_database(f"TEMPLATE {migrated}") as copy:
        done = in_process.run(copy, ("export_schema", "--check"))
    assert done.returncode == 0, done.stderr
    with psycopg.connect(migrated_url) as connection:
        name = f"veza_scratch_{number.hex[:12]}"
        left = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        assert left.rowcount == 0


def test_stale_files_are_shown_and_left(export_schema, tmp_path):
    directory = tmp_path / "schema"
    shutil.copytree(SCHEMA, directory)
    legacy, chat = directory / "050_legacy_chat.sql", directory / "060_chat.sql"
    edited = legacy.read_text("utf-8").replace("DEFAULT 1000", "DEFAULT 2000")
    legacy.write_text(edited, "utf-8")
    chat.write_text("SELECT 1;\n")
    (directory / "catalog.json").unlink()
    done = export_schema("--check", "--directory", str(directory))
    assert done.returncode == 1
    assert "\n-    max_members INTEGER NOT NULL DEFAULT 2000,\n" in done.stdout
    assert "\n+    max_members INTEGER NOT NULL DEFAULT 1000,\n" in done.stdout
    assert f"--- {chat}\n+++ /dev/null\n" in done.stdout
    assert done.stderr == (
        f"CommandError: stale in {directory}: 050_legacy_chat.sql, catalog.json, 060_chat.sql: "
        "run manage.py export_schema\n"
    )
    assert legacy.read_text("utf-8") == edited
    assert chat.exists()
    assert not (directory / "catalog.json").exists()


def test_it_writes_byte_for_byte_what_is_committed(export_schema, tmp_path):
    directory = tmp_path / "two\nlines"
    done = export_schema("--directory", str(directory))
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Written in {visible(directory)}: 001_extensions_and_types.sql, " in done.stdout
    written = {path.name: path.read_bytes() for path in directory.iterdir()}
    committed = {
        path.name: path.read_bytes()
        for path in SCHEMA.iterdir()
        if path.suffix in (".sql", ".json") and not path.stem.endswith(".example")
    }
    assert written == committed


@pytest.mark.parametrize(
    ("arguments", "directory", "message"),
    [
        (["--check"], "missing", "there is no directory {}"),
        ([], "missing/schema", "there is no directory {}"),
        ([], "file", "{} is not a directory"),
    ],
)
def test_a_bad_directory_is_one_line(export_schema, tmp_path, arguments, directory, message):
    (tmp_path / "file").touch()
    path = tmp_path / directory
    done = export_schema(*arguments, "--directory", str(path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == f"CommandError: {message.format(path)}\n"


def test_a_role_that_may_not_create_databases_is_one_line(export_schema, migrated_url):
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE veza_test_reader LOGIN PASSWORD 'reader'")
        try:
            where = {**conninfo_to_dict(migrated_url), "user": "veza_test_reader"}
            where["password"] = "reader"
            query = "&".join(f"{key}={value}" for key, value in where.items())
            done = export_schema("--check", DATABASE_URL=f"postgresql:///?{query}")
        finally:
            connection.execute("DROP ROLE veza_test_reader")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "CommandError: export_schema makes a throw-away database, and the server refuses one "
        "to role veza_test_reader: permission denied to create database\n"
    )
