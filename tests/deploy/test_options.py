"""Every option of Django's `migrate` works as in Django."""

import json
import re

import psycopg
import pytest
from django.core.management.commands.migrate import Command as DjangoCommand

from tests import counts
from tests.support import (
    database_environment,
    is_one_clear_line,
    manage,
    production_environment,
    scratch_database,
    server_parameters,
)
from veza_core.management.commands.migrate import Command

pytestmark = pytest.mark.django_db


def options_of(command):
    parser = command.create_parser("manage.py", "migrate")
    return {option for action in parser._actions for option in action.option_strings}


def test_no_option_is_lost():
    lost = options_of(DjangoCommand()) - options_of(Command())
    assert lost == set()
    assert options_of(Command()) > {"--lock-wait", "--lock-timeout", "--json", "--no-audit"}


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "1e9", "", "soon", "0x1", "1_0"])
@pytest.mark.parametrize("option", ["--lock-wait", "--lock-timeout"])
def test_what_is_no_time_is_refused(option, seconds):
    result = manage("migrate", f"{option}={seconds}")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert option in result.stderr.splitlines()[-1]


@pytest.fixture
def empty():
    with scratch_database() as name:
        yield name


def recorded(name):
    with psycopg.connect(**server_parameters(), dbname=name) as database:
        (table,) = database.execute(
            "SELECT to_regclass('django.django_migrations') IS NOT NULL"
        ).fetchone()
        if not table:
            return []
        rows = database.execute("SELECT app || '.' || name FROM django.django_migrations")
        return [row[0] for row in rows.fetchall()]


def test_app_and_migration_name(empty):
    result = manage("migrate", "veza_core", "010", **database_environment(empty))
    assert result.returncode == 0, result.stderr
    assert recorded(empty) == [
        "veza_core.001_extensions_and_types",
        "veza_core.010_auth_and_users",
    ]
    result = manage("migrate", "veza_core", "010", **database_environment(empty))
    assert "Nothing to do" in result.stdout


def test_check(empty):
    environment = database_environment(empty)
    everything = manage("migrate", "--check", **environment)
    assert everything.returncode == 1
    assert recorded(empty) == []
    assert manage("migrate", **environment).returncode == 0
    done = recorded(empty)
    assert all(name in everything.stderr for name in done)
    nothing = manage("migrate", "--check", **environment)
    assert nothing.returncode == 0
    assert not any(name in nothing.stdout + nothing.stderr for name in done)


def test_check_names_what_is_pending(migrated):
    with scratch_database(f'TEMPLATE "{migrated}"') as name:
        before = recorded(name)
        last = max(known for known in before if known.startswith("veza_site."))
        app, migration = last.split(".")
        with psycopg.connect(**server_parameters(), dbname=name) as database:
            database.execute(
                "DELETE FROM django.django_migrations WHERE (app, name) = (%s, %s)",
                [app, migration],
            )
        result = manage("migrate", "--check", **database_environment(name))
        assert result.returncode == 1
        told = result.stdout + result.stderr
        assert [known for known in before if known in told] == [last]
        assert set(recorded(name)) == set(before) - {last}


@pytest.mark.parametrize("option", ["--check", "--plan"])
@pytest.mark.parametrize("gone", ["DROP SCHEMA public CASCADE", "ALTER SCHEMA public RENAME TO x"])
def test_options_that_only_read_need_the_schema_of_the_history(migrated, option, gone):
    with scratch_database(f'TEMPLATE "{migrated}"') as name:
        with psycopg.connect(**server_parameters(), dbname=name) as database:
            database.execute(gone)
        result = manage("migrate", option, **database_environment(name))
        assert is_one_clear_line(result), result.stderr
        assert "schema public is missing" in result.stderr


def test_fake(empty):
    environment = database_environment(empty)
    result = manage("migrate", "--fake", "veza_core", "001", **environment)
    assert result.returncode == 0, result.stderr
    assert recorded(empty) == ["veza_core.001_extensions_and_types"]
    with psycopg.connect(**server_parameters(), dbname=empty) as database:
        assert database.execute("SELECT to_regtype('user_role')").fetchone() == (None,)


def test_fake_initial(empty):
    environment = database_environment(empty)
    manage("migrate", "sessions", **environment)
    with psycopg.connect(**server_parameters(), dbname=empty) as database:
        database.execute("DELETE FROM django.django_migrations WHERE app = 'sessions'")
    result = manage("migrate", "sessions", "--fake-initial", **environment)
    assert result.returncode == 0, result.stderr
    assert "sessions.0001_initial" in recorded(empty)


def test_prune(empty):
    environment = database_environment(empty)
    manage("migrate", "sessions", **environment)
    with psycopg.connect(**server_parameters(), dbname=empty) as database:
        database.execute(
            "INSERT INTO django.django_migrations (app, name, applied) "
            "VALUES ('sessions', '0002_gone', CURRENT_TIMESTAMP)"
        )
    result = manage("migrate", "--prune", "sessions", **environment)
    assert result.returncode == 0, result.stderr
    assert "sessions.0002_gone" not in recorded(empty)


def test_run_syncdb(empty):
    result = manage("migrate", "--run-syncdb", **database_environment(empty))
    assert result.returncode == 0, result.stderr
    assert counts.SUMMARY in result.stdout


def test_verbosity_and_database(empty):
    environment = database_environment(empty)
    result = manage("migrate", "-v", "0", "--noinput", "--database", "default", **environment)
    assert (result.returncode, result.stdout) == (0, "")
    assert manage("migrate", "--database", "nowhere", **environment).returncode == 2


def test_json(empty):
    environment = database_environment(empty)
    first = json.loads(manage("migrate", "--json", **environment).stdout)
    assert [row["migration"] for row in first["applied"]] == recorded(empty)
    assert all(row["seconds"] >= 0 for row in first["applied"])
    assert (first["tables"], first["triggers"]) == (counts.TABLES, counts.TRIGGERS)
    assert (first["foreign_keys"], first["indexes"]) == (counts.FOREIGN_KEYS, counts.INDEXES)
    second = json.loads(manage("migrate", "--json", **environment).stdout)
    assert second["applied"] == []
    assert second["server_version"] == first["server_version"]


def test_summary(empty):
    result = manage("migrate", **database_environment(empty))
    where, *applied, summary, verdict, next_command = result.stdout.strip().splitlines()
    assert where.startswith(f"Connected to {empty} on ")
    assert [line.split()[0] for line in applied] == recorded(empty)
    assert counts.SUMMARY in summary
    assert re.fullmatch(r"Audit: 0 errors and 0 warnings, by \d+ rules\.", verdict)
    assert next_command.startswith("Next: ")
    # This line is only for developers.
    production = manage("migrate", **production_environment(empty))
    assert (production.returncode, "Next" in production.stdout) == (0, False), production.stderr


def test_audit_of_the_result(empty):
    environment = database_environment(empty)
    assert "Audit" not in manage("migrate", "--no-audit", **environment).stdout
    with psycopg.connect(**server_parameters(), dbname=empty) as database:
        database.execute("DROP INDEX idx_rooms_creator_id; ALTER TABLE rooms ALTER name TYPE text")
    result = manage("migrate", **environment)
    assert result.returncode == 0
    assert "Audit: 4 errors and 0 warnings: manage.py audit_schema shows them." in result.stderr
    outcome = json.loads(manage("migrate", "--json", **environment).stdout)
    assert outcome["audit"] == {"error": 4, "warning": 0}
    # Some of the migrations create only a part of the schema, which is not a finding.
    assert "Audit" not in manage("migrate", "veza_core", **environment).stdout
