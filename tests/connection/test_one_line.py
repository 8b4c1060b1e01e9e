"""An error that an operator, a server or rows can cause is one line, exit 1, without a change."""

import os

import psycopg
import pytest
from psycopg import sql

import manage as manage_py
from tests import in_process
from tests.clusters import running_cluster
from tests.support import (
    administer,
    database_environment,
    database_url,
    is_one_clear_line,
    manage,
    manage_process,
    scratch_database,
    server_parameters,
)
from veza_core.db import embedded
from veza_core.db.embedded.account import Account
from veza_core.db.embedded.server import Server
from veza_core.errors import ClearError, clear_line

pytestmark = [pytest.mark.django_db, pytest.mark.process]

CONTENTS = """
SELECT count(*), md5(string_agg(relname, ',' ORDER BY relname)) FROM pg_class WHERE oid >= 16384
"""


def contents(name):
    with psycopg.connect(**server_parameters(), dbname=name) as session:
        return session.execute(CONTENTS).fetchone()


def execute(name, *statements):
    with psycopg.connect(**server_parameters(), dbname=name) as session:
        for statement in statements:
            session.execute(statement)


@pytest.fixture
def copy(migrated):
    with scratch_database(f"TEMPLATE {migrated}") as name:
        yield name


@pytest.fixture(scope="module")
def archive(migrated, tmp_path_factory, django_db_blocker):
    """A backup of V1, as an argument."""
    path = tmp_path_factory.mktemp("backup") / "v1.dump"
    with django_db_blocker.unblock(), scratch_database(f"TEMPLATE {migrated}") as name:
        result = manage("backup_db", str(path), **database_environment(name))
    assert result.returncode == 0, result.stderr
    return str(path)


@pytest.fixture
def role():
    """A role that can only connect."""
    name = f"limited_{os.urandom(4).hex()}"
    administer(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
    yield name
    administer(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


EVENT_TRIGGER = """
CREATE FUNCTION pg_catalog.no() RETURNS event_trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE 'not on a Friday' USING DETAIL = 'says the DBA'; END $$;
CREATE EVENT TRIGGER no ON ddl_command_start EXECUTE FUNCTION pg_catalog.no();
"""


#: Reasons why a role cannot connect, and PostgreSQL's messages.
KEPT_OUT = {
    "ALTER ROLE {role} NOLOGIN": "is not permitted to log in",
    "ALTER ROLE {role} CONNECTION LIMIT 0": "too many connections for role",
    "ALTER DATABASE {name} ALLOW_CONNECTIONS false": "not currently accepting connections",
    "ALTER DATABASE {name} CONNECTION LIMIT 0": "too many connections for database",
    "REVOKE CONNECT ON DATABASE {name} FROM PUBLIC": "permission denied for database",
    "ALTER ROLE {role} SET session_preload_libraries = 'nowhere'": "could not access file",
}


@pytest.mark.parametrize("change", KEPT_OUT)
def test_a_role_that_is_kept_out(role, archive, change, tmp_path):
    with scratch_database() as name:
        identifiers = {"role": sql.Identifier(role), "name": sql.Identifier(name)}
        administer(sql.SQL(change).format(**identifiers))
        for arguments in (
            ["migrate"],
            ["reset_db", "--noinput"],
            ["purge"],
            ["status"],
            ["audit_schema"],
            ["backup_db", str(tmp_path / "never")],
            ["restore_db", archive],
        ):
            result = in_process.run(database_url(name, user=role), tuple(arguments))
            assert is_one_clear_line(result), (arguments, result)
            assert KEPT_OUT[change] in result.stderr
            assert result.stdout == ""
        assert list(tmp_path.iterdir()) == []


RESTORE = ["restore_db", "{archive}", "--replace", "--noinput"]


def with_archive(arguments, archive):
    return [argument.replace("{archive}", archive) for argument in arguments]


@pytest.mark.parametrize(
    "arguments", [["migrate"], ["reset_db", "--noinput"], RESTORE], ids=" ".join
)
def test_an_event_trigger_that_raises(arguments, archive):
    with scratch_database() as name:
        with psycopg.connect(**server_parameters(), dbname=name) as session:
            session.execute("SET allow_system_table_mods = on")
            session.execute(
                EVENT_TRIGGER.replace("pg_catalog.", "chat.").replace(
                    "CREATE FUNCTION", "CREATE SCHEMA chat; CREATE FUNCTION", 1
                )
            )
        before = contents(name)
        result = manage(*with_archive(arguments, archive), **database_environment(name))
        assert is_one_clear_line(result), result.stderr
        assert "not on a Friday. says the DBA" in result.stderr
        assert contents(name) == before


@pytest.mark.parametrize(
    "damage", ["DROP SCHEMA public CASCADE", "ALTER SCHEMA public RENAME TO old"]
)
@pytest.mark.parametrize(
    "arguments",
    [
        ["migrate"],
        ["backup_db", "{}"],
        ["audit_schema"],
        ["purge"],
        ["count_weekly_plays"],
        ["recount"],
        ["grant_staff", "alice", "admin"],
        ["seed_demo"],
        ["reset_db", "--noinput"],
        RESTORE,
    ],
    ids=" ".join,
)
def test_public_is_not_there(copy, damage, arguments, tmp_path, archive):
    execute(copy, damage)
    before = contents(copy)
    given = [argument.replace("{}", str(tmp_path / "x")) for argument in arguments]
    result = manage(*with_archive(given, archive), **database_environment(copy))
    assert is_one_clear_line(result), result.stderr
    # reset_db once dropped schema django before it noticed that migrate would refuse.
    assert contents(copy) == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["purge"],
        ["count_weekly_plays"],
        ["recount"],
        ["grant_staff", "alice", "admin"],
        ["seed_demo"],
        ["backup_db", "/nowhere/x"],
        ["clearsessions"],
        ["demo_staff"],
    ],
    ids=" ".join,
)
def test_nothing_was_migrated(arguments):
    with scratch_database() as name:
        result = manage(*arguments, **database_environment(name))
        assert is_one_clear_line(result), result.stderr


@pytest.mark.parametrize(
    "arguments", [["migrate"], ["reset_db", "--noinput"], RESTORE], ids=" ".join
)
def test_schema_django_is_somebody_elses(role, arguments, archive):
    with scratch_database() as name:
        execute(name, "CREATE SCHEMA django")
        grant = "GRANT ALL ON DATABASE {} TO {}"
        administer(sql.SQL(grant).format(sql.Identifier(name), sql.Identifier(role)))
        execute(name, f"GRANT ALL ON SCHEMA public TO {role}")
        before = contents(name)
        given = with_archive(arguments, archive)
        result = manage_process(*given, DATABASE_URL=database_url(name, user=role))
        assert is_one_clear_line(result), result.stderr
        assert contents(name) == before


ALLOWED = """
GRANT pg_read_all_data TO {role};
ALTER ROLE {role} CONNECTION LIMIT 1
"""


@pytest.fixture
def one_connection_left(copy, role):
    """The URL of a role that can open one connection."""
    administer(*ALLOWED.format(role=role).split(";"))
    return database_url(copy, user=role)


@pytest.mark.parametrize(
    "arguments",
    [["migrate"], ["audit_schema"], ["purge"], ["reset_db", "--noinput"], RESTORE],
    ids=" ".join,
)
def test_no_connection_left(one_connection_left, arguments, archive):
    given = with_archive(arguments, archive)
    with psycopg.connect(one_connection_left):
        result = manage_process(*given, DATABASE_URL=one_connection_left)
    assert is_one_clear_line(result), result.stderr


def test_one_connection_left_for_migrate(one_connection_left):
    """The audit needs a second connection, but the migrations do not."""
    result = manage_process("migrate", DATABASE_URL=one_connection_left)
    assert result.returncode == 0
    assert "Nothing to do" in result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith("The audit could not run: ")


def test_a_table_is_locked_while_migrate_audits(copy, monkeypatch):
    """The audit is no part of a deploy."""
    monkeypatch.setattr("veza_core.schema.audit.session.LOCK_TIMEOUT", "100ms")
    with psycopg.connect(**server_parameters(), dbname=copy) as holder:
        holder.execute("LOCK TABLE users")
        result = manage("migrate", **database_environment(copy))
    assert result.returncode == 0, result
    assert result.stderr.startswith("The audit could not run: table public.users is locked by ")
    assert len(result.stderr.splitlines()) == 1


def test_one_connection_left_for_backup_db(one_connection_left, tmp_path):
    result = manage_process("backup_db", str(tmp_path / "x"), DATABASE_URL=one_connection_left)
    assert is_one_clear_line(result), result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_role_without_rights(copy, role, tmp_path, archive):
    url = database_url(copy, user=role)
    for arguments in (
        ["migrate"],
        ["backup_db", str(tmp_path / "x")],
        ["purge"],
        ["count_weekly_plays"],
        ["recount"],
        ["grant_staff", "alice", "admin"],
        ["reset_db", "--noinput"],
        with_archive(RESTORE, archive),
    ):
        result = manage_process(*arguments, DATABASE_URL=url)
        assert is_one_clear_line(result), (arguments, result.stderr)
        if arguments == ["migrate"]:
            assert "schema django belongs to" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [["purge"], ["purge", "--dry-run"], ["recount"], ["count_weekly_plays"]],
    ids=" ".join,
)
def test_rows_that_a_policy_hides(copy, role, arguments):
    """They would be neither deleted nor counted, and the command would say that all is done."""
    tables = ("users", "tracks", "track_plays")
    execute(
        copy,
        f"ALTER SCHEMA public OWNER TO {role}",
        f"GRANT USAGE ON SCHEMA django TO {role}",
        f"GRANT ALL ON ALL TABLES IN SCHEMA public, django TO {role}",
        *(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY" for table in tables),
    )
    try:
        result = manage_process(*arguments, DATABASE_URL=database_url(copy, user=role))
    finally:
        execute(copy, f"REASSIGN OWNED BY {role} TO CURRENT_USER", f"DROP OWNED BY {role}")
    assert is_one_clear_line(result), result.stderr
    assert "affected by row-level security policy" in result.stderr


@pytest.fixture(scope="module")
def standby(tmp_path_factory):
    """The URL of a server in recovery, without a primary."""
    programs = embedded.program("initdb").parent
    with running_cluster(programs, auth="trust") as home:
        account = Account.owner_of(home)
        server = Server(programs, home, account, ["fsync=off"])
        server.stop(60)
        (home / "standby.signal").touch()
        account.own(home / "standby.signal")
        server.start(60)
        yield f"postgresql://postgres@/postgres?host={home}"


@pytest.mark.parametrize(
    "arguments",
    [
        ["migrate"],
        ["reset_db", "--noinput"],
        ["restore_db", "manage.py"],
        ["purge"],
        ["count_weekly_plays"],
        ["recount"],
        ["grant_staff", "alice", "admin"],
        ["seed_demo"],
        ["export_schema"],
    ],
    ids=" ".join,
)
def test_a_server_in_recovery(standby, arguments):
    result = manage_process(*arguments, DATABASE_URL=standby)
    assert is_one_clear_line(result), result.stderr
    assert "read-only replica" in result.stderr


USED = "CREATE TABLE used (n int); CREATE VIEW uses AS SELECT n FROM used;"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1 FROM nowhere",
        "SELECT nothing FROM pg_class",
        "CREATE TABLE pg_catalog.x ()",
        "CREATE TABLE x (y int) TABLESPACE nowhere",
        "DO $$ BEGIN RAISE 'no'; END $$",
        "SET TRANSACTION READ ONLY; CREATE TABLE x ()",
        "SET statement_timeout = 1; SELECT pg_sleep(1)",
        "CREATE TABLE twice (); CREATE TABLE twice ()",
        "CREATE TABLE c (n int CHECK (n > 0)); INSERT INTO c VALUES (0)",
        # A column that somebody else's view uses.
        f"{USED} ALTER TABLE used ALTER n TYPE bigint",
        f"{USED} ALTER TABLE used DROP n",
    ],
)
def test_an_error_of_the_server_has_its_sqlstate(statement):
    """In whatever language the server's message is."""
    with (
        psycopg.connect(**server_parameters(), dbname="postgres") as session,
        pytest.raises(psycopg.Error) as raised,
    ):
        session.execute(statement)
    line = clear_line(raised.value)
    assert line is not None
    assert "\n" not in line
    assert f"(SQLSTATE {raised.value.sqlstate}, " in line


@pytest.mark.parametrize(
    "statement", ["SELEC 1", "SELECT 'x'::int", "SELECT 1 + now()", "SELECT no_such_function()"]
)
def test_a_bug_keeps_its_traceback(statement, monkeypatch, capsys):
    with (
        psycopg.connect(**server_parameters(), dbname="postgres") as session,
        pytest.raises(psycopg.Error) as raised,
    ):
        session.execute(statement)
    assert clear_line(raised.value) is None


def test_manage_py_tells_an_error_from_a_bug(monkeypatch):
    def fail(error):
        def execute(arguments):
            raise error

        monkeypatch.setattr("django.core.management.ManagementUtility.execute", execute)

    fail(ClearError("one\nline"))
    monkeypatch.setattr("sys.argv", ["manage.py", "x"])
    with pytest.raises(SystemExit, match=r"^manage.py: one line$"):
        manage_py.main()
    monkeypatch.setattr("sys.argv", ["manage.py", "x", "--traceback"])
    with pytest.raises(ClearError):
        manage_py.main()
    fail(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        manage_py.main()
