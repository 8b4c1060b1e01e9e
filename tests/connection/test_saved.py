"""What a command saves of a database says in itself which one it is from."""

import bz2
import gzip
import json
import lzma
import re
from html import unescape

import psycopg
import pytest
from django.core import serializers
from django.core.management import get_commands, load_command_class

from tests.commands import READS, WRITES
from tests.support import database_environment, manage, scratch_database, server_parameters

pytestmark = [pytest.mark.django_db, pytest.mark.process]

#: Commands that save nothing of a database, though an option of theirs looks like it.
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
    """The options by which a command saves something, as its own parser knows them."""
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
    # The table breaks its lines, and HTML writes some characters in another way.
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


def test_a_fixture_without_rows_says_that_it_cannot_say_it(migrated, tmp_path):
    """JSON has nowhere to say it: `loaddata` would take it for an object."""
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
