"""Saved output of a command contains the name of its database."""

import bz2
import gzip
import json
import lzma
import os
import re
import resource
import stat
import subprocess
import sys
from html import unescape
from pathlib import Path

import psycopg
import pytest
from django.core import serializers
from django.core.management import get_commands, load_command_class

from tests import in_process
from tests.commands import READS, WRITES
from tests.support import ROOT, database_environment, manage, scratch_database, server_parameters

pytestmark = [pytest.mark.django_db, pytest.mark.process]

#: Commands that save nothing of a database, although an option looks like it.
SAVES_NONE = {
    "export_schema": "the migrations make it, wherever they run",
    "loaddata": "it reads the file",
    "restore_db": "it reads the file",
    "schema_diff": "it names both sides as they were given",
    "showmigrations": "the history, to look at",
    "sqlflush": "statements of the models",
    "sqlmigrate": "statements of a migration",
    "status": "its text, to look at",
}


def fixture_formats():
    found = []
    for name in serializers.get_public_serializer_formats():
        try:
            serializers.get_serializer(name)()
        except ImportError:
            # YAML, without PyYAML.
            continue
        found.append(name)
    return found


def found_of(command):
    """The options with which a command saves something, from its own parser."""
    parser = load_command_class(get_commands()[command], command).create_parser("", command)
    for action in parser._actions:
        if "--json" in action.option_strings:
            yield "--json"
        elif "--format" in action.option_strings:
            for name in action.choices or fixture_formats():
                yield f"--format={name}"
        elif action.dest in ("file", "output"):
            yield ""


def saving():
    for command in sorted({*WRITES, *READS}):
        options = [*found_of(command)] or ([""] if command in READS else [])
        for option in options:
            if option == "--json" or command not in SAVES_NONE:
                yield command, option


@pytest.mark.parametrize(("command", "option"), [*saving()])
def test_what_is_saved_says_where_it_is_from(migrated, command, option, tmp_path):
    file = tmp_path / "saved"
    given = [each.replace("{}", str(file)) for each in {**WRITES, **READS}[command]]
    with scratch_database(f"TEMPLATE {migrated}") as name:
        result = manage(
            command, *given, *([option] if option else []), **database_environment(name)
        )
    saved = file.read_bytes().decode(errors="replace") if file.exists() else result.stdout
    with psycopg.connect(**server_parameters(), dbname=migrated) as session:
        [port, role] = session.execute(
            "SELECT coalesce(inet_server_port(), current_setting('port')::int)::text, current_user"
        ).fetchone()
    # The table wraps lines, and HTML escapes some characters.
    saved = re.sub(r"\s+", "", unescape(saved))
    assert all(fact in saved for fact in (name, port, role)), result


COMPRESSED = ("", ".gz", ".bz2", ".xz")


@pytest.mark.parametrize("ending", COMPRESSED)
@pytest.mark.parametrize("name", fixture_formats())
def test_a_fixture_that_says_it_is_loaded(migrated, name, ending, tmp_path):
    file = tmp_path / f"roles.{name}{ending}"
    with scratch_database(f"TEMPLATE {migrated}") as database:
        where = database_environment(database)
        given = ("veza_core.Role", "--format", name)
        saved = manage("dumpdata", *given, "--output", str(file), **where)
        assert saved.returncode == 0, saved
        opened = {"": open, ".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}[ending]
        with opened(file, "rt") as text:
            assert database in text.read()
        rows = "SELECT count(*) FROM roles WHERE description = 'another'"
        with psycopg.connect(**server_parameters(), dbname=database, autocommit=True) as session:
            assert session.execute("UPDATE roles SET description = 'another'").rowcount == 3
            loaded = manage("loaddata", str(file), **where)
            assert "Installed 3 object(s)" in loaded.stdout, loaded
            assert session.execute(rows).fetchone() == (0,)


def limit_files():
    """A limit on the size of files replaces a full disk: the write fails in the middle."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


@pytest.mark.parametrize("ending", COMPRESSED)
def test_a_fixture_is_whole_or_not_there(migrated, ending, tmp_path):
    file = tmp_path / f"all.json{ending}"
    result = subprocess.run(
        [sys.executable, ROOT / "manage.py", "dumpdata", "--output", file],
        env={**os.environ, "DEBUG": "1", **database_environment(migrated)},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit_files,
    )
    said, refusal = result.stderr.splitlines()
    assert said.startswith(f"Connected to {migrated} on ")
    assert refusal.startswith("CommandError: ")
    assert "File too large" in refusal
    assert result.returncode == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", COMPRESSED)
def test_a_fixture_replaces_no_file_unasked(migrated, ending, tmp_path):
    file = tmp_path / f"roles.json{ending}"
    file.write_text("precious")
    given = ("dumpdata", "veza_core.Role", "--output", str(file))
    with scratch_database(f"TEMPLATE {migrated}") as database:
        where = database_environment(database)
        refused = manage(*given, **where)
        assert (refused.returncode, file.read_text()) == (1, "precious")
        assert "already exists: give another name, or --force" in refused.stderr
        replaced = manage(*given, "--force", **where)
        assert replaced.returncode == 0, replaced
        assert "Installed 3 object(s)" in manage("loaddata", str(file), **where).stdout
    assert [*tmp_path.iterdir()] == [file]
    assert stat.filemode(file.stat().st_mode) == "-rw-------"


@pytest.mark.parametrize(
    "name", ["link", "pipe", "directory/", "-", "roles.json.zip", "no/roles.json"]
)
@pytest.mark.parametrize("force", [[], ["--force"]])
def test_invalid_paths_for_a_fixture(migrated, name, force, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("precious").write_text("precious")
    Path("link").symlink_to("precious")
    Path("directory").mkdir()
    os.mkfifo("pipe")
    before = sorted(tmp_path.iterdir())
    result = in_process.run(migrated, ("dumpdata", "veza_core.Role", "--output", name, *force))
    assert result.returncode in {1, 2}, result
    assert "Traceback" not in result.stderr
    assert sorted(tmp_path.iterdir()) == before
    assert Path("precious").read_text() == "precious"


def test_a_fixture_without_rows_says_that_it_cannot_say_it(migrated, tmp_path):
    """JSON has no place for it: `loaddata` would read it as an object."""
    with scratch_database(f"TEMPLATE {migrated}") as database:
        where = database_environment(database)
        for name in fixture_formats():
            result = manage("dumpdata", "veza_core.UserProfile", "--format", name, **where)
            told = database in result.stdout
            assert told == (name == "xml")
            assert told != ("does not say where it is from" in result.stderr), result
        quiet = manage("dumpdata", "veza_core.UserProfile", "--verbosity", "0", **where)
        assert (json.loads(quiet.stdout), quiet.stderr) == ([], "")
        file = tmp_path / "none.json.gz"
        manage("dumpdata", "veza_core.UserProfile", "--output", str(file), **where)
        assert json.loads(gzip.decompress(file.read_bytes())) == []


def test_a_fixture_says_it_once(migrated):
    result = manage("dumpdata", "veza_core", **database_environment(migrated))
    objects = json.loads(result.stdout)
    assert len(objects) > 1
    assert [at for at, each in enumerate(objects) if "saved_from" in each] == [0]


def test_what_is_serialized_for_others_says_nothing():
    from django.contrib.contenttypes.models import ContentType

    for name in fixture_formats():
        assert "saved_from" not in serializers.serialize(name, ContentType.objects.all())
