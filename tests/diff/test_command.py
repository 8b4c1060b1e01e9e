"""`manage.py schema_diff`: the sources of schemas, the output, and the exit status."""

import json
import subprocess

import pytest
from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection

from tests.support import database_url, run_command
from veza_core.db.schema_version import Version
from veza_core.schema.diff.changes import needed_version
from veza_core.schema.diff.judgement import VersionStep
from veza_core.schema.snapshot import dump_snapshot, load_snapshot

pytestmark = pytest.mark.django_db

SCHEMA = settings.BASE_DIR / "schema"


def diff(*arguments):
    """Run it; return its output and its exit status."""
    # With a separate connection, because CREATE DATABASE cannot run in a test's transaction.
    name = connection.settings_dict["NAME"]
    try:
        return run_command("schema_diff", *map(str, arguments), database=name)[0], 0
    except SystemExit as end:
        return "", end.code
    except CommandError as error:
        return str(error), error.returncode


@pytest.fixture
def catalog(tmp_path):
    """A function that writes V1's catalog, changed by `change`."""
    number = iter(range(100))

    def write(change=lambda snapshot: None, version="1.0.0"):
        snapshot = load_snapshot(SCHEMA / "catalog.json")
        snapshot["schemas"]["public"]["version"] = version
        change(snapshot)
        path = tmp_path / f"{next(number)}.json"
        path.write_text(dump_snapshot(snapshot), "utf-8")
        return path

    return write


def add_column(snapshot):
    snapshot["tables"]["rooms"]["columns"]["topic"] = {"type": "text"}


def drop_column(snapshot):
    del snapshot["tables"]["rooms"]["columns"]["description"]


def test_all_places_have_the_same_schema(migrated, tmp_path):
    """A database, SQL that is loaded, the catalog, and the directory."""
    sql = tmp_path / "sql"
    sql.mkdir()
    for path in SCHEMA.glob("[0-9]*.sql"):
        (sql / path.name).write_bytes(path.read_bytes())
    whole = tmp_path / "whole.sql"
    whole.write_text("".join(path.read_text() for path in sorted(sql.iterdir())), "utf-8")
    for old in (database_url(migrated), sql, whole, SCHEMA / "catalog.json", SCHEMA):
        told, status = diff(old)
        assert (told.splitlines()[1:], status) == (["", "Nothing changed."], 0), old


def test_a_commit(tmp_path, monkeypatch, catalog):
    (tmp_path / "project/schema").mkdir(parents=True)
    project = tmp_path / "project"
    monkeypatch.setattr(settings, "BASE_DIR", project)

    def git(*arguments):
        names = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(["git", *names, *arguments], cwd=project, check=True, capture_output=True)

    git("init")
    git("commit", "--allow-empty", "-m", "empty")
    git("tag", "v0")
    catalog(drop_column).rename(project / "schema/catalog.json")
    git("add", ".")
    git("commit", "-m", "one")
    git("tag", "v1.0.0")
    told, status = diff(catalog(), "v1.0.0", "--fail-on=none")
    assert status == 0
    assert "column rooms.description: was text, is missing" in told
    assert diff("v0") == ("OLD: v0 has no schema/catalog.json", 2)
    told, status = diff(catalog(), "v2")
    assert told == "NEW: v2 is not a URL, an existing path or a commit"
    assert status == 2


@pytest.mark.parametrize(
    ("old", "told"),
    [
        ("{directory}", "has neither catalog.json nor numbered .sql files"),
        ("{directory}/no.json", "is not a catalog that export_schema wrote"),
        ("{directory}/bad.json", "cannot be read"),
        ("{directory}/bad.sql", "does not load: syntax error"),
        ("{directory}/bytes.sql", "utf-8"),
        ("--upload-pack=x", "or a commit"),
        ("postgresql://nobody:s3cret@127.0.0.1:1/x", "cannot be read"),
        ("postgresql://host:port/x", "OLD"),
        ("postgresql://h/x?service=y", "OLD"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_status_2(tmp_path, old, told):
    directory = tmp_path / "files"
    (directory / "empty").mkdir(parents=True)
    (directory / "no.json").write_text('{"tables": []}')
    (directory / "bad.json").write_text("{")
    (directory / "bad.sql").write_text("CREATE TABEL a ();")
    (directory / "bytes.sql").write_bytes(b"SELECT '\xff'")
    text, status = diff("--", old.format(directory=directory))
    assert status == 2
    assert told in text
    assert "s3cret" not in text
    assert len(text.splitlines()) == 1


def test_no_password_is_shown(migrated):
    told, _ = diff(database_url(migrated, user="postgres", password="s3cret"))
    assert migrated in told
    assert "s3cret" not in told


def test_formats(catalog):
    old, new = catalog(), catalog(lambda snapshot: (add_column(snapshot), drop_column(snapshot)))
    options = ("--fail-on", "none")
    text, _ = diff(old, new, *options)
    assert text == (
        f"{old} (1.0.0) -> {new} (1.0.0)\n\n"
        "Breaks readers and writers:\n"
        "  column rooms.description: was text, is missing\n"
        "      statements that name it fail (42703)\n\n"
        "Compatible:\n"
        "  column rooms.topic: was not there, is text\n"
        "      statements that name their columns do not see it\n\n"
        "1 breaking and 1 compatible change: a major version, 2.0.0 or later; 1.0.0 is too low.\n"
    )
    markdown, _ = diff(old, new, *options, "--format=markdown")
    assert markdown.startswith(
        "**Breaks readers and writers**\n\n"
        "- `column rooms.description: was text, is missing`: statements that name it fail (42703)\n"
    )
    told = json.loads(diff(old, new, *options, "--format=json")[0])
    assert told["summary"] == {"breaking": 1, "compatible": 1}
    assert (told["step"], told["version"], told["too_low"]) == ("major", "2.0.0", True)
    assert told["changes"][0] == {
        "kind": "column", "table": "rooms", "object": "description", "property": None,
        "was": "text", "is": None, "breaks": ["readers", "writers"],
        "reason": "statements that name it fail (42703)", "step": "major",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "version", "breaking", "too_low"),
    [
        (lambda snapshot: None, "1.0.0", 0, 0),
        (add_column, "1.0.1", 0, 1),
        (add_column, "1.1.0-dev", 0, 0),
        (drop_column, "1.1.0-dev", 1, 1),
        (drop_column, "2.0.0-dev", 1, 0),
    ],
)
def test_exit_status(catalog, change, version, breaking, too_low):
    old, new = catalog(), catalog(change, version)
    assert diff(old, new)[1] == breaking
    assert diff(old, new, "--fail-on=version")[1] == too_low
    assert diff(old, new, "--fail-on=none")[1] == 0


def test_an_open_version_has_no_successor(catalog):
    assert needed_version(Version.parse("1.0.0-dev"), VersionStep.MAJOR) is None
    assert diff(catalog(version="1.0.0-dev"), catalog(drop_column), "--fail-on=version")[1] == 0
