"""A refused command prints one line, exits with an error, and changes nothing."""

import subprocess
from pathlib import Path

import pytest
from django.core.management.base import CommandError
from django.db import connection

from tests.backup.state import connect, differences, state_of
from tests.support import (
    database_environment,
    is_one_clear_line,
    manage,
    production_environment,
    running_manage,
    scratch_database,
    server_parameters,
)
from veza_core.db.locks import MIGRATION_LOCK_KEY
from veza_core.operations.backup.archive import open_archive
from veza_core.operations.backup.checks import check_contents
from veza_core.operations.backup.files import written_whole
from veza_core.operations.backup.programs import find_tools

pytestmark = pytest.mark.django_db

REPLACE = ("--replace", "--noinput")


@pytest.fixture(scope="module")
def target(filled, django_db_blocker):
    """A copy that no test here may change, which is checked at the end."""
    with django_db_blocker.unblock(), scratch_database(f"TEMPLATE {filled}") as name:
        yield name
        assert differences(state_of(filled), state_of(name)) == ""


def refused(command, *arguments, **environment):
    result = manage(command, *map(str, arguments), **environment)
    assert is_one_clear_line(result), (result.returncode, result.stdout, result.stderr)
    return result.stderr


def test_files_that_are_no_backups(archive, tmp_path):
    whole = archive.read_bytes()
    damaged = bytearray(whole)
    damaged[-1000] ^= 0xFF
    files = {
        "nothing.dump": (None, "No such file"),
        "empty.dump": (b"", "is empty"),
        "plain.dump": (b"-- PostgreSQL database dump\n", "is not an archive"),
        "head.dump": (whole[:8], "cut short or damaged"),
        "list.dump": (whole[: len(whole) // 20], "cut short or damaged"),
        "rows.dump": (whole[:-1000], "cut short or damaged"),
        "byte.dump": (whole[:-1], "cut short or damaged"),
        "damaged.dump": (bytes(damaged), "cut short or damaged"),
        "newer.dump": (whole[:6] + b"\x63" + whole[7:], "does not know"),
        "tar.dump": (whole[:10] + b"\x03" + whole[11:], "not of its custom format"),
        "": (None, "Is a directory"),
    }
    tools = find_tools(connection.pg_version // 10000)
    for name, (content, expected) in files.items():
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(CommandError) as refusal:
            open_archive(path, tools).check_whole()
        assert expected in str(refusal.value), name
        assert "\n" not in str(refusal.value)


def test_cut_short(target, archive, tmp_path):
    path = tmp_path / "cut.dump"
    path.write_bytes(archive.read_bytes()[:-1000])
    assert "cut short or damaged" in refused(
        "restore_db", path, *REPLACE, **database_environment(target)
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--schema=public"], "no table of django.django_migrations"),
        (["--schema=public", "--schema=django", "--schema-only"], "no table data of django"),
        (["--exclude-table=public.tracks"], "no table of tracks"),
        (["--exclude-table-data=public.users"], "no table data of users"),
    ],
)
def test_archives_that_are_not_whole(options, expected, filled, tmp_path):
    path = tmp_path / "part.dump"
    tools = find_tools(connection.pg_version // 10000)
    environment = {f"PG{name.upper()}": value for name, value in server_parameters().items()}
    subprocess.run(
        [tools[0].path("pg_dump"), "-Fc", *options, "-f", path],
        env={**environment, "PGDATABASE": filled},
        check=True,
    )
    with pytest.raises(CommandError, match=expected):
        check_contents(open_archive(path, tools))


def test_database_that_is_not_empty(target, archive):
    told = refused("restore_db", archive, **database_environment(target))
    assert "is not empty (django.auth_group" in told
    assert "--replace" in told
    with scratch_database() as name:
        with connect(name) as session:
            session.execute("CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'")
        assert "public.mine()" in refused("restore_db", archive, **database_environment(name))


def test_name_has_to_be_typed(target, archive):
    production = production_environment(target)
    told = refused("restore_db", archive, *REPLACE, **production)
    assert "DEBUG is off" in told
    assert f"--confirm {target}" in told
    told = refused("restore_db", archive, *REPLACE, "--confirm", "veza", **production)
    assert f"the database's name is {target}, not 'veza'" in told
    with running_manage("restore_db", str(archive), "--replace", **production) as process:
        out, err = process.communicate("veza\n", timeout=60)
    assert process.returncode == 1
    assert f"Type the database's name, {target}" in out
    assert (
        err == f"CommandError: the database's name is {target}, not 'veza'. Nothing was changed.\n"
    )


def test_name_typed(database, archive):
    environment = database_environment(database)
    with running_manage("restore_db", str(archive), "--replace", **environment) as process:
        _, err = process.communicate(f"{database}\n", timeout=60)
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize("command", ["backup_db", "restore_db"])
def test_server_out_of_reach(command, tmp_path):
    nowhere = {"DATABASE_URL": "postgresql://u:p@127.0.0.1:1/d"}
    assert "manage.py: " in refused(command, tmp_path / "file", **nowhere)
    assert list(tmp_path.iterdir()) == []


def test_tools_missing(target, tmp_path):
    options = (tmp_path / "file", "--tools", tmp_path)
    told = refused("backup_db", *options, **database_environment(target))
    assert "no pg_dump and pg_restore of that version or newer" in told
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_back_up(tmp_path):
    with scratch_database() as name:
        told = refused("backup_db", tmp_path / "x", **database_environment(name))
    assert "there is nothing to back up" in told


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/nowhere/file.dump", "No such file or directory"),
        ("/sys/file.dump", "cannot write"),
        ("/dev", "is a directory"),
        ("/dev/null/file.dump", "Not a directory"),
    ],
)
def test_places_that_cannot_be_written(path, expected):
    with pytest.raises(CommandError, match=expected), written_whole(Path(path), replace=False):
        pass


def test_sessions_in_the_way(target, archive):
    parameters = {"application_name": "go-api"}
    with connect(target, **parameters) as session, session.transaction():
        session.execute("SELECT FROM users JOIN tracks ON user_id = users.id LIMIT 1")
        options = (*REPLACE, "--lock-timeout", "0.2")
        told = refused("restore_db", archive, *options, **database_environment(target))
    assert "other sessions block it: pid" in told
    assert told.count("go-api") == 1
    assert "Nothing was changed" in told


def test_migrate_under_way(target, archive):
    with connect(target, application_name="pod-7") as session:
        session.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK_KEY])
        options = (*REPLACE, "--lock-timeout", "0.2")
        result = manage("restore_db", str(archive), *options, **database_environment(target))
    assert result.returncode == 1
    waiting, gave_up = result.stderr.strip().splitlines()
    assert "Waiting for another command: pid" in waiting
    assert "(pod-7" in gave_up
    assert "Nothing was changed" in gave_up


OUTSIDE = """
CREATE SCHEMA chat;
CREATE TABLE chat.m (author uuid REFERENCES users, role public.user_role);
CREATE VIEW chat.v AS SELECT email FROM users;
"""


def test_what_depends_on_it_from_outside(database, archive):
    with connect(database) as session:
        session.execute(OUTSIDE)
        session.execute("CREATE PUBLICATION pub FOR TABLE users")
    before = state_of(database)
    told = refused("restore_db", archive, *REPLACE, **database_environment(database))
    for dependent in ("constraint m_author_fkey on chat.m", "view chat.v", "chat.m.role"):
        assert dependent in told
    with connect(database) as session:
        session.execute("DROP SCHEMA chat CASCADE")
    told = refused("restore_db", archive, *REPLACE, **database_environment(database))
    assert "publication pub of table" in told
    with connect(database) as session:
        session.execute(OUTSIDE)
    assert differences(before, state_of(database)) == ""
