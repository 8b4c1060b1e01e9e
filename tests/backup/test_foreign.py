"""A database with objects of others: in it, on our tables, and around it."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from django.core.management.base import CommandError
from django.db import connection

from tests import in_process, needs
from tests.backup.state import connect, differences, state_of
from tests.clusters import running_cluster
from tests.support import (
    ROOT,
    administer,
    database_environment,
    manage,
    run_command,
    scratch_database,
)
from veza_core.operations.backup.archive import open_archive
from veza_core.operations.backup.programs import find_tools

pytestmark = pytest.mark.django_db

REPLACE = ("--replace", "--noinput")


#: Names that need quotes, and unusual names.
NAMES = [
    "Ops Team",
    'a"b',
    "Ünï",
    "with-dash",
    "it's",
    "new\nline",
    "semi; colon",
    "trailing ",
    "12",
    "SCHEMA django",
    "TO x;",
    "back\\slash",
    "%s",
    "COPY x (a) FROM stdin;",
]


def quoted(name):
    return '"{}"'.format(name.replace('"', '""'))


def with_names(word, role):
    """Objects of each kind with that name, as far as possible, and the role's privileges."""
    name, table = quoted(word), quoted(f"{word} t")
    return (
        f"CREATE TYPE public.{name} AS ENUM ('a');"
        f"CREATE TABLE django.{name} (id int);"
        f"CREATE TABLE public.{table} "
        f"({name} int GENERATED ALWAYS AS IDENTITY, e public.{name}, t text);"
        f"CREATE INDEX {quoted(f'{word} i')} ON public.{table} ({name});"
        f"CREATE TRIGGER {name} BEFORE UPDATE ON public.{table} "
        "FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();"
        f"CREATE POLICY {name} ON rooms TO {role}, postgres USING (true);"
        f"INSERT INTO public.{table} (e, t) VALUES ('a', E'x\\n\\\\.\\ny');"
        f"ALTER TABLE public.{table} OWNER TO {role};"
        f"GRANT SELECT ON users TO {role} WITH GRANT OPTION;"
        f"GRANT UPDATE ({name}) ON public.{table} TO {role}"
    )


def test_names_of_any_spelling(database, path):
    """Roles, tables, columns, indexes, triggers and types with such names are restored."""
    roles = {
        word: quoted(f"{word} {database}"[:40] if word.endswith(" ") else f"{word}{database[:12]}")
        for word in NAMES
    }
    administer(*(f"CREATE ROLE {role}" for role in roles.values()))
    try:
        with connect(database) as session:
            for word, role in roles.items():
                session.execute(with_names(word, role))
        out, _ = run_command("backup_db", path, database=database)
        told = out.replace("\n", " ").partition("to another server needs: ")[2]
        assert told.count("role ") == len(NAMES)
        before = state_of(database)
        run_command("restore_db", path, *REPLACE, database=database)
        assert differences(before, state_of(database)) == ""
        entries = open_archive(Path(path), find_tools(connection.pg_version // 10000)).ours
        owners = {quoted(entry.owner) for entry in entries} - {'"postgres"', '""'}
        assert owners == {*roles.values()}
    finally:
        with connect(database) as session:
            for role in roles.values():
                session.execute(f"DROP OWNED BY {role} CASCADE")
        administer(*(f"DROP ROLE {role}" for role in roles.values()))


@pytest.mark.parametrize("given", ["owner", "grant", "policy", "default privileges"])
def test_roles_that_are_not_there_are_named(given, database, path):
    role = f"Gone {database}"[:40]
    statement = {
        "owner": "ALTER TABLE rooms OWNER TO {}",
        "grant": "GRANT SELECT ON rooms TO {}",
        "policy": "CREATE POLICY p ON rooms TO postgres, {} USING (true)",
        "default privileges": "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA django "
        "GRANT SELECT ON TABLES TO PUBLIC",
    }[given].format(quoted(role))
    administer(f"CREATE ROLE {quoted(role)}")
    try:
        with connect(database) as session:
            session.execute(statement)
        out, _ = run_command("backup_db", path, database=database)
        assert f"A restore to another server needs: role {quoted(role)}" in out
    finally:
        with connect(database) as session:
            session.execute(f"REASSIGN OWNED BY {quoted(role)} TO postgres")
            session.execute(f"DROP OWNED BY {quoted(role)} CASCADE")
        administer(f"DROP ROLE {quoted(role)}")
    with pytest.raises(CommandError, match=f"no role {quoted(role)}"):
        run_command("restore_db", path, *REPLACE, database=database)
    if given != "policy":
        options = (*REPLACE, "--no-owner", "--no-privileges")
        run_command("restore_db", path, *options, database=database)


PUBLISHED = {
    "publication p of all tables": "FOR ALL TABLES",
    "publication p of schema public": "FOR TABLES IN SCHEMA public",
    "publication p of schema django": "FOR TABLES IN SCHEMA django",
    "publication p of table users": "FOR TABLE users",
    "publication p of table tracks": "FOR TABLE tracks (id) WHERE (deleted_at IS NULL)",
}


@pytest.mark.parametrize("shown", PUBLISHED)
def test_replicas_are_not_broken(shown, database, archive, debugging):
    with connect(database) as session:
        session.execute(f"CREATE PUBLICATION p {PUBLISHED[shown]}")
    with pytest.raises(CommandError, match="replicas would lose the replaced tables") as refusal:
        run_command("restore_db", str(archive), *REPLACE, database=database)
    assert shown in str(refusal.value)
    with connect(database) as session:
        assert session.execute("SELECT count(*) FROM pg_publication_tables").fetchone() > (0,)


def test_a_subscription_to_our_tables_is_not_broken(database, archive, debugging):
    with connect(database) as session:
        session.execute(
            f"CREATE SUBSCRIPTION s_{database} CONNECTION 'dbname=nowhere' PUBLICATION p "
            "WITH (connect = false, slot_name = NONE)"
        )
        # What a connected subscription would record.
        session.execute("SET allow_system_table_mods = on")
        session.execute(
            "INSERT INTO pg_subscription_rel (srsubid, srrelid, srsubstate) "
            "SELECT oid, 'users'::regclass, 'r' FROM pg_subscription WHERE subname = %s",
            [f"s_{database}"],
        )
    try:
        with pytest.raises(CommandError, match=f"subscription s_{database} to table users"):
            run_command("restore_db", str(archive), *REPLACE, database=database)
    finally:
        with connect(database) as session:
            session.execute(f"DROP SUBSCRIPTION s_{database}")


def test_a_backup_holds_nothing_of_replication(database, path):
    with connect(database) as session:
        session.execute("CREATE PUBLICATION p FOR TABLE users, TABLES IN SCHEMA django")
    run_command("backup_db", path, database=database)
    with scratch_database() as empty:
        run_command("restore_db", path, database=empty)


GUESTS = """
CREATE SCHEMA chat;
CREATE TABLE chat.log (id uuid PRIMARY KEY);
CREATE FUNCTION chat.notify() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER notify AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION chat.notify();
CREATE POLICY listed ON rooms USING (id IN (SELECT id FROM chat.log));
CREATE RULE copied AS ON DELETE TO rooms DO ALSO INSERT INTO chat.log VALUES (OLD.id);
ALTER TABLE rooms ADD CONSTRAINT logged FOREIGN KEY (id) REFERENCES chat.log NOT VALID;
"""


def test_what_others_put_on_our_tables_comes_back_with_them(database, path):
    with connect(database) as session:
        session.execute(GUESTS)
    out, _ = run_command("backup_db", path, database=database)
    assert "needs: function chat.notify(), index chat.log_pkey, table chat.log" in out
    before = state_of(database)
    run_command("restore_db", path, *REPLACE, database=database)
    assert differences(before, state_of(database)) == ""
    refusal = pytest.raises(
        CommandError, match=r"chat.* does not exist.* what backup_db said it needs"
    )
    with scratch_database() as empty, refusal:
        run_command("restore_db", path, database=empty)


def test_objects_added_to_our_tables_since_are_not_lost(database, archive, debugging):
    with connect(database) as session:
        session.execute(GUESTS)
    with pytest.raises(CommandError, match="these objects outside") as refusal:
        run_command("restore_db", str(archive), *REPLACE, database=database)
    for shown in (
        "trigger notify on",
        "policy listed on",
        "rule copied on",
        "constraint logged on",
    ):
        assert shown in str(refusal.value)


def test_extensions_that_our_tables_use_are_said(database, path):
    with connect(database) as session:
        session.execute(
            "CREATE SCHEMA tools; CREATE EXTENSION citext SCHEMA tools; "
            "CREATE TABLE public.extra (name tools.citext)"
        )
    out, _ = run_command("backup_db", path, database=database)
    assert "A restore to another server needs: extension citext\n" in out
    before = state_of(database)
    run_command("restore_db", path, *REPLACE, database=database)
    assert differences(before, state_of(database)) == ""


def test_an_extension_in_our_own_schema_is_named(database, archive, debugging):
    with connect(database) as session:
        session.execute("CREATE EXTENSION unaccent SCHEMA django")
    with pytest.raises(CommandError, match="ALTER EXTENSION unaccent SET SCHEMA public"):
        run_command("restore_db", str(archive), *REPLACE, database=database)


def make_extension(directory, session):
    """An extension with a table that users add rows to, as PostGIS has `spatial_ref_sys`."""
    files = directory / "extension"
    files.mkdir()
    (files / "places.control").write_text("default_version = '1.0'\nrelocatable = false\n")
    (files / "places--1.0.sql").write_text(
        "CREATE TABLE @extschema@.place_systems (id int PRIMARY KEY, name varchar(99));"
        "CREATE TYPE @extschema@.place AS (x int, y int);"
        "CREATE FUNCTION @extschema@.place_x(p @extschema@.place) RETURNS int LANGUAGE sql"
        " AS 'SELECT p.x';"
        "CREATE VIEW @extschema@.place_columns AS SELECT 1 AS one;"
        "SELECT pg_catalog.pg_extension_config_dump('@extschema@.place_systems', '');"
    )
    session.execute(f"SET extension_control_path = '{directory}:$system'")
    session.execute("CREATE EXTENSION places SCHEMA public")


@pytest.fixture
def open_directory():
    """A directory that the server can read, as any user."""
    with TemporaryDirectory(prefix="veza-extension-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_extensions_in_public_stay(database, path, open_directory):
    """With their tables, views and rows: in a backup, a restore, a reset and the audit."""
    with connect(database) as session:
        session.execute("CREATE EXTENSION pg_stat_statements SCHEMA public")
        rows = "SELECT extname, extversion FROM pg_extension ORDER BY 1"
        # Before it, a server looks for extensions in its own directory alone.
        if connection.pg_version >= 180000:
            make_extension(open_directory, session)
            session.execute("INSERT INTO place_systems VALUES (1, 'of a user')")
            rows += "; SELECT * FROM place_systems"
    with connect(database) as session:
        there = [result.fetchall() for result in session.execute(rows).results()]
    run_command("migrate", database=database)
    run_command("backup_db", path, database=database)
    before = state_of(database)
    run_command("restore_db", path, *REPLACE, database=database)
    assert differences(before, state_of(database)) == ""
    run_command("reset_db", "--noinput", database=database)
    out, _ = run_command("audit_schema", database=database)
    assert "0 errors and 0 warnings" in out
    with connect(database) as session:
        assert [result.fetchall() for result in session.execute(rows).results()] == there


def test_a_security_label_whose_provider_is_not_there(database, path):
    """No server of ours has a provider, so the label is written as one would write it."""
    with connect(database) as session:
        session.execute(
            "INSERT INTO pg_seclabel VALUES "
            "('users'::regclass, 'pg_class'::regclass, 0, 'the \"boss\"', 'secret')"
        )
    before = state_of(database)
    out, _ = run_command("backup_db", path, database=database)
    assert 'needs: security label provider "the ""boss"""' in out
    with pytest.raises(CommandError, match=r'provider "the "boss"" is not loaded\. Nothing was'):
        run_command("restore_db", path, *REPLACE, database=database)
    assert differences(before, state_of(database)) == ""


def test_a_tablespace_that_is_not_there(database, path):
    space = f"Fast {database}"[:40]
    with connect("postgres") as server:
        # Within the server's own data.
        server.execute("SET allow_in_place_tablespaces = on")
        server.execute(f"CREATE TABLESPACE {quoted(space)} LOCATION ''")
    try:
        with connect(database) as session:
            session.execute(f"ALTER TABLE rooms SET TABLESPACE {quoted(space)}")
        out, _ = run_command("backup_db", path, database=database)
        assert f"needs: tablespace {quoted(space)}" in out
        with connect(database) as session:
            session.execute("ALTER TABLE rooms SET TABLESPACE pg_default")
    finally:
        with connect("postgres") as server:
            server.execute(f"DROP TABLESPACE {quoted(space)}")
    with pytest.raises(CommandError, match=f"no tablespace {quoted(space)}.* --no-tablespaces"):
        run_command("restore_db", path, *REPLACE, database=database)
    run_command("restore_db", path, *REPLACE, "--no-tablespaces", database=database)


def test_prepared_transactions_in_the_way_are_named(tmp_path, monkeypatch):
    """On a server of its own: few allow prepared transactions, and V1 needs contrib."""
    programs = needs.debian_programs()
    archive = str(tmp_path / "a.dump")
    with running_cluster(programs, auth="trust", max_prepared_transactions=2) as home:
        url = f"postgresql://postgres@/postgres?host={home}"
        for command in (("migrate", "veza_core", "010"), ("backup_db", archive)):
            result = manage(*command, DATABASE_URL=url)
            assert result.returncode == 0, result.stderr
        with psycopg.connect(url, autocommit=True) as session:
            session.execute("BEGIN")
            session.execute("LOCK TABLE users")
            session.execute("PREPARE TRANSACTION 'it''s 1'")
        for command in (
            ("restore_db", archive, *REPLACE, "--lock-timeout=0.1"),
            ("reset_db", "--noinput", "--lock-timeout=0.1"),
            ("migrate", "--lock-timeout=0.2"),
        ):
            result = manage(*command, DATABASE_URL=url, MIGRATE_LOCK_ATTEMPTS="1")
            assert result.returncode == 1, command
            assert "prepared transaction 'it''s 1' (of postgres" in result.stderr, result.stderr
            assert "ROLLBACK PREPARED 'it''s 1' ends it" in result.stderr, command
        # These two wait in pg_dump, and where the catalog's functions read the table.
        monkeypatch.setattr("veza_core.operations.backup.dump.LOCK_WAIT", 100)
        monkeypatch.setattr("veza_core.schema.audit.session.LOCK_TIMEOUT", "100ms")
        for command in (("backup_db", archive, "--force"), ("audit_schema",)):
            result = in_process.run(url, command)
            assert result.returncode, command
            assert "table public.users is locked by prepared transaction 'it''s 1'" in result.stderr
            assert "ROLLBACK PREPARED 'it''s 1' ends it" in result.stderr, command


LARGE = 4 << 20


def peak_of(*arguments, database):
    """The maximum memory of a command's process, in bytes."""
    environment = {**os.environ, "DEBUG": "1", **database_environment(database)}
    process = subprocess.Popen(
        [sys.executable, ROOT / "manage.py", *arguments],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss * 1024


def test_memory_does_not_grow_with_the_rows(database, archive, path):
    small = peak_of("restore_db", str(archive), *REPLACE, database=database)
    with connect(database) as session:
        session.execute("CREATE TABLE public.large (id int, body text)")
        session.execute(
            "INSERT INTO large SELECT n, repeat('x', %s) FROM generate_series(1, 60) AS n", [LARGE]
        )
    run_command("backup_db", path, database=database)
    large = peak_of("restore_db", path, *REPLACE, database=database)
    assert large - small < 4 * LARGE
    with connect(database) as session:
        assert session.execute("SELECT sum(length(body)) FROM large").fetchone() == (60 * LARGE,)
