"""Settings of roles, databases and servers: formats are overridden, others are reported or
respected.
"""

import json
import re
from contextlib import contextmanager

import psycopg
import pytest
from django.core.management import call_command, get_commands
from django.core.management.base import CommandError
from django.db import connection
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tests import in_process
from tests.commands import DROPS_OF_OTHERS, READS, WRITES, WRITES_NOTHING, WRITES_NOTHING_EITHER
from tests.connection.foreign_settings import (
    ALL_AT_ONCE,
    COLUMNAR,
    FORMATS,
    left_alone,
    timeouts,
)
from tests.support import (
    administer,
    database_environment,
    database_url,
    is_one_clear_line,
    manage,
    scratch_database,
    server_parameters,
)
from veza_core.db.backend.base import DatabaseWrapper
from veza_core.db.session import OPTIONAL, PINNED, announce, read_session, settings_that_differ

pytestmark = [pytest.mark.django_db, pytest.mark.process]

#: How a database gets its settings, without effect on other databases of the server.
WAYS = {
    "ALTER DATABASE": "ALTER DATABASE {database} SET {setting} = {value}",
    "ALTER ROLE IN DATABASE": (
        "ALTER ROLE CURRENT_USER IN DATABASE {database} SET {setting} = {value}"
    ),
}


def configure(database, settings, way="ALTER DATABASE"):
    for setting, value in settings.items():
        words = sql.SQL(", ").join(map(sql.Literal, value.split(", ")))
        administer(
            sql.SQL(WAYS[way]).format(
                database=sql.Identifier(database), setting=sql.Identifier(setting), value=words
            )
        )


@contextmanager
def session_of(database, options=""):
    settings = {**connection.settings_dict, "NAME": database}
    settings["OPTIONS"] = {**settings["OPTIONS"], "options": options}
    wrapper = DatabaseWrapper(settings)
    try:
        yield wrapper
    finally:
        wrapper.close()


def test_every_pinned_setting_is_tested_here():
    assert FORMATS.keys() == {*PINNED, *OPTIONAL}


@pytest.mark.parametrize("way", [*WAYS, "options of the URL"])
def test_a_format_is_ours_whoever_set_another(way):
    with scratch_database() as name:
        with psycopg.connect(**server_parameters(), dbname=name) as session:
            session.execute(COLUMNAR)
        for index in range(3):
            settings = {key: values[index % len(values)] for key, values in FORMATS.items()}
            options = ""
            if way in WAYS:
                configure(name, settings, way)
            else:
                escaped = {key: value.replace(" ", "\\ ") for key, value in settings.items()}
                options = " ".join(f"-c {key}={value}" for key, value in escaped.items())
            with session_of(name, options) as wrapper, wrapper.cursor() as cursor:
                assert settings_that_differ(wrapper) == []
                cursor.execute("SHOW jit")
                assert cursor.fetchone() == ("off",)


@pytest.fixture(params=["formats", "settings left alone"])
def unusual(request):
    """Many unusual settings at once."""
    return ALL_AT_ONCE if request.param == "formats" else left_alone(connection.pg_version)


@pytest.mark.parametrize("way", WAYS)
def test_migrate_makes_the_same_schema_under_any_setting(way, unusual):
    """Its audit compares the result with the catalog of the migrations."""
    with scratch_database() as name:
        configure(name, unusual, way)
        result = manage("migrate", **database_environment(name))
        assert result.returncode == 0, result.stderr
        assert "Audit: 0 errors and 0 warnings" in result.stdout


@pytest.fixture
def configured(migrated, unusual):
    """A database with V1, and with unusual settings."""
    with scratch_database(f"TEMPLATE {migrated}") as name:
        configure(name, unusual)
        yield name


@pytest.mark.parametrize(
    "arguments",
    [
        ["migrate"],
        ["reset_db", "--noinput"],
        ["purge"],
        ["count_weekly_plays"],
        ["recount"],
        ["seed_demo", "--users", "100", "--tracks", "100", "--plays", "100"],
        ["export_schema", "--check"],
        ["audit_schema"],
        ["migrate", "--plan"],
    ],
    ids=" ".join,
)
def test_commands_work_under_any_setting(configured, arguments):
    result = manage(*arguments, **database_environment(configured))
    assert result.returncode == 0, result.stderr


def test_a_backup_comes_back_under_any_setting(configured, tmp_path):
    file = str(tmp_path / "x.dump")
    environment = database_environment(configured)
    for arguments in (["backup_db", file], ["restore_db", file, "--replace", "--noinput"]):
        result = manage(*arguments, **environment)
        assert (result.returncode, result.stderr) == (0, ""), result.stderr
    assert "Audit: 0 errors and 0 warnings" in result.stdout


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "search_path"])
def test_the_audit_of_a_url_finds_nothing_false(migrated, name):
    """Its session has none of our startup options, which a pooler may refuse."""
    with scratch_database(f"TEMPLATE {migrated}") as database:
        configure(database, {name: FORMATS[name][0]})
        clean = manage("audit_schema", "--url", database_url(database))
        assert (clean.returncode, clean.stderr) == (0, ""), clean.stdout


#: Commands that replace or delete existing rows, with DEBUG off.
DESTROYS = {"flush": ["--noinput"], "loaddata": ["x"], "reset_db": ["--noinput"], "demo_staff": []}

WRITERS = [
    ["clearsessions"],
    ["reset_db", "--noinput"],
    ["purge"],
    ["count_weekly_plays"],
    ["recount"],
    ["seed_demo"],
    ["grant_staff", "alice", "admin"],
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("arguments", WRITERS, ids=" ".join)
def test_read_only_was_set_on_purpose(migrated, arguments, way):
    with scratch_database(f"TEMPLATE {migrated}") as name:
        configure(name, {"default_transaction_read_only": "on"}, way)
        result = manage(*arguments, **database_environment(name))
        assert is_one_clear_line(result), result.stderr
        whose = "for the database" if way == "ALTER DATABASE" else "for the role in this database"
        assert f"default_transaction_read_only is on ({whose})" in result.stderr
        assert "Nothing was changed" in result.stderr


def test_migrate_and_restore_do_not_write_where_it_is_read_only(migrated, tmp_path):
    file = str(tmp_path / "x.dump")
    with scratch_database(f"TEMPLATE {migrated}") as name:
        saved = manage("backup_db", file, **database_environment(name))
        assert saved.returncode == 0, saved.stderr
    with scratch_database() as name:
        configure(name, {"default_transaction_read_only": "on"})
        for arguments in (["migrate"], ["restore_db", file]):
            result = manage(*arguments, **database_environment(name))
            assert is_one_clear_line(result), result.stderr
            assert "default_transaction_read_only is on (for the database)" in result.stderr


def test_a_backup_reads_where_it_is_read_only(migrated, tmp_path):
    with scratch_database(f"TEMPLATE {migrated}") as name:
        configure(name, {"default_transaction_read_only": "on"})
        result = manage("backup_db", str(tmp_path / "x.dump"), **database_environment(name))
        assert result.returncode == 0, result.stderr
        # The file is complete. Its success cannot be recorded in the database.
        (line,) = result.stderr.splitlines()
        assert line.startswith("manage.py status will not show this backup_db")
        nothing_to_do = manage("migrate", **database_environment(name))
        assert (nothing_to_do.returncode, nothing_to_do.stderr) == (0, "")


def test_timeouts_are_named(migrated):
    with scratch_database(f"TEMPLATE {migrated}") as name:
        configure(name, timeouts(connection.pg_version))
        told = manage("migrate", **database_environment(name)).stdout.splitlines()[1]
        assert told.startswith("In force: ")
        for timeout in timeouts(connection.pg_version):
            assert f"{timeout} is 1min (for the database)" in told


def test_a_backup_and_a_restore_have_no_timeouts(migrated, tmp_path):
    """Like pg_dump and pg_restore: with timeouts, they could never finish on a large database."""
    file = str(tmp_path / "x.dump")
    with scratch_database(f"TEMPLATE {migrated}") as name:
        configure(name, dict.fromkeys(timeouts(connection.pg_version), "1s"))
        for arguments in (["backup_db", file], ["restore_db", file, "--replace", "--noinput"]):
            result = manage(*arguments, **database_environment(name))
            assert result.returncode == 0, result.stderr
            assert "Turned off for this session: " in result.stdout.splitlines()[1]


def test_a_session_has_no_timeouts_after_they_are_turned_off():
    names = timeouts(connection.pg_version)
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(f"SET {name} = '1min'")
        announce(connection, lambda _: None, lift=True)
        for name in names:
            cursor.execute(f"SHOW {name}")
            assert cursor.fetchone() == ("0",)


def test_the_timeout_that_was_exceeded_is_named():
    with scratch_database() as name:
        configure(name, {"statement_timeout": "1ms"})
        result = manage("migrate", **database_environment(name))
        assert is_one_clear_line(result), result.stderr
        assert "statement_timeout" in result.stderr


def test_where_triggers_do_not_fire_nothing_is_written(migrated):
    with scratch_database(f"TEMPLATE {migrated}") as name:
        configure(name, {"session_replication_role": "replica"})
        result = manage("purge", **database_environment(name))
        assert is_one_clear_line(result), result.stderr
        assert "session_replication_role is replica (for the database)" in result.stderr


def test_a_session_is_described_by_the_servers_answer(migrated):
    with session_of(migrated) as wrapper:
        session = read_session(wrapper)
    with psycopg.connect(**server_parameters(), dbname=migrated) as other:
        query = "SELECT current_database(), current_user, current_setting('server_version')"
        expected = other.execute(query).fetchone()
    assert (session.database, session.role, session.server_version) == expected
    host = conninfo_to_dict(database_url(migrated))["host"]
    database, role, version = expected
    assert str(session) == (
        f"Connected to {database} on {host}:{session.port} (PostgreSQL {version}) as {role}"
    )


ON_STANDARD_ERROR = {"dumpdata"}


def test_every_command_that_writes_is_tried():
    known = {*WRITES, *READS, *WRITES_NOTHING, *WRITES_NOTHING_EITHER.split()}
    assert get_commands().keys() == known


@pytest.fixture(scope="module")
def to_write(migrated):
    """One database for all commands: each runs until it has printed where it is connected."""
    with scratch_database(f"TEMPLATE {migrated}") as name:
        yield name


@pytest.mark.parametrize("command", WRITES)
def test_commands_that_write_name_the_database_first(to_write, command, tmp_path, settings):
    # For sync_roles, which refuses the owner of the tables.
    settings.DATABASE_SUPPORT_URL = database_url(to_write)
    given = [command, *(each.replace("{}", str(tmp_path / "new.json")) for each in WRITES[command])]
    result = manage(*given, **database_environment(to_write))
    output = result.stderr if command in ON_STANDARD_ERROR else result.stdout
    assert output.startswith(f"Connected to {to_write} on "), result
    quiet = manage(*given, "--verbosity", "0", **database_environment(to_write))
    assert "Connected to" not in quiet.stdout + quiet.stderr


@pytest.mark.parametrize("command", WRITES)
def test_commands_that_write_do_so_also_for_django_admin(command):
    """`django-admin` and `call_command` know only the modules of commands, not manage.py."""
    assert get_commands()[command].startswith("veza_")


@pytest.mark.parametrize("command", [*DESTROYS, *DROPS_OF_OTHERS])
def test_what_destroys_is_refused(migrated, command, settings):
    """With DEBUG off, and some also with DEBUG on. The database is read-only, and does not
    change.
    """
    arguments = (command, *DESTROYS.get(command, []))
    result = in_process.run(migrated, arguments, debug=command in DROPS_OF_OTHERS)
    assert is_one_clear_line(result), result
    assert result.stdout == ""
    assert re.search("DEBUG is off|Nothing was dropped", result.stderr)
    settings.DEBUG = False
    # However it is called: other entries than manage.py know only the modules of commands.
    with pytest.raises(CommandError, match=r"DEBUG is off|Nothing was dropped"):
        call_command(*arguments)


@pytest.mark.parametrize("command", ["migrate", "purge"])
def test_json_says_where_and_stays_json(migrated, command):
    with scratch_database(f"TEMPLATE {migrated}") as name:
        result = manage(command, "--json", **database_environment(name))
        assert json.loads(result.stdout)["connection"]["database"] == name
        assert re.match(rf"Connected to {name} on .*\n$", result.stderr)
