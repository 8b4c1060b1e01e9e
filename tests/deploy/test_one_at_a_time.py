"""Of several concurrent runs, one applies; the others wait, find nothing to do, and exit 0."""

import io
from contextlib import ExitStack

import psycopg
import pytest
from django.db import connection

from tests.in_process import default_database
from tests.support import (
    database_environment,
    is_one_clear_line,
    manage,
    running_manage,
    scratch_database,
    server_parameters,
)
from veza_core.db.locks import MIGRATION_LOCK_KEY
from veza_site.management.commands import runserver

pytestmark = pytest.mark.django_db


def test_sixteen_at_once_on_an_empty_database():
    with scratch_database() as name, ExitStack() as stack:
        started = [running_manage("migrate", **database_environment(name)) for _ in range(16)]
        runs = [stack.enter_context(run) for run in started]
        outputs = [run.communicate(timeout=600) for run in runs]
        assert [run.returncode for run in runs] == [0] * 16, outputs
        nothing_to_do = [out for out, _ in outputs if "Nothing to do" in out]
        assert len(nothing_to_do) == 15
        with psycopg.connect(**server_parameters(), dbname=name) as database:
            repeated = database.execute(
                "SELECT app, name FROM django.django_migrations GROUP BY 1, 2 HAVING count(*) > 1"
            ).fetchall()
            assert repeated == []


def test_gives_up_after_the_wait_and_names_the_holder():
    with scratch_database() as name:
        parameters = {**server_parameters(), "dbname": name, "application_name": "pod-7"}
        with psycopg.connect(**parameters, autocommit=True) as holder:
            holder.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK_KEY])
            result = manage("migrate", "--lock-wait", "0.3", **database_environment(name))
            assert result.returncode == 1
            waiting, gave_up = result.stderr.strip().splitlines()[-2:]
            assert f"Waiting for another migrate: pid {holder.info.backend_pid} (pod-7" in waiting
            assert f"pid {holder.info.backend_pid} (pod-7" in gave_up
            assert "waited 0.3 s" in gave_up
            assert holder.execute("SELECT to_regnamespace('django')").fetchone() == (None,)


def test_other_databases_have_locks_of_their_own():
    with scratch_database() as name, scratch_database() as other:
        with psycopg.connect(**server_parameters(), dbname=other, autocommit=True) as holder:
            holder.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK_KEY])
            result = manage("migrate", "--lock-wait", "0.3", **database_environment(name))
        assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("option", ["--no-audit", "--check", "--plan"])
def test_a_lock_on_the_history_is_waited_for_no_longer_than_the_timeout(migrated, option):
    """All migrations are applied here, so only the history is read."""
    with psycopg.connect(
        **server_parameters(), dbname=migrated, application_name="an editor"
    ) as holder:
        holder.execute("SET TRANSACTION READ WRITE; LOCK TABLE django.django_migrations")
        result = manage("migrate", option, "--lock-timeout=2", **database_environment(migrated))
        assert is_one_clear_line(result), result.stderr
        assert "django_migrations is locked for longer than 2 s" in result.stderr
        assert f"Blocked by: pid {holder.info.backend_pid} (an editor" in result.stderr
        assert "Nothing was changed" in result.stderr


def test_every_reader_of_the_history_is_told_which_session_blocks(migrated, settings):
    settings.MIGRATE_LOCK_TIMEOUT = 2.0
    with psycopg.connect(
        **server_parameters(), dbname=migrated, application_name="an editor"
    ) as holder:
        holder.execute("SET TRANSACTION READ WRITE; LOCK TABLE django.django_migrations")
        result = manage("showmigrations", **database_environment(migrated))
        assert is_one_clear_line(result), result.stderr
        assert "lock timeout" in result.stderr
        assert "after 2 s (MIGRATE_LOCK_TIMEOUT)" in result.stderr
        assert f"Blocked by: pid {holder.info.backend_pid} (an editor" in result.stderr


@pytest.fixture(scope="module")
def copy(migrated, django_db_blocker):
    with django_db_blocker.unblock(), scratch_database(f"TEMPLATE {migrated}") as name:
        yield name


@pytest.mark.parametrize(
    ("arguments", "table"),
    [
        (["purge", "--lock-timeout=2"], "email_verification_tokens"),
        (["purge", "--dry-run"], "user_sessions"),
        (["recount"], "tracks"),
        (["recount", "--dry-run"], "tracks"),
        (["count_weekly_plays"], "track_plays"),
        (["dumpdata", "veza_streaming"], "tracks"),
        (["flush", "--noinput"], "tracks"),
        (["remove_stale_contenttypes", "--noinput"], "django.django_content_type"),
        (["inspectdb"], "tracks"),
    ],
)
def test_every_command_says_who_has_a_table(copy, arguments, table):
    # A process of its own, because `flush` needs DEBUG; so it does not see the test's settings.
    own = {"DEBUG": "1", "MIGRATE_LOCK_TIMEOUT": "2"}
    with psycopg.connect(
        **server_parameters(), dbname=copy, application_name="an editor"
    ) as holder:
        holder.execute(f"LOCK TABLE {table}")
        pid = holder.info.backend_pid
        result = manage(*arguments, **own, **database_environment(copy))
    assert result.returncode == 1
    [line] = [line for line in result.stderr.splitlines() if "Connected" not in line]
    assert "lock timeout (SQLSTATE 55P03" in line
    assert f"Blocked by: pid {pid} (an editor" in line


def test_inspectdb_fails_where_it_could_not_read(copy, settings):
    """After everything that it could read; its output is still Python."""
    settings.MIGRATE_LOCK_TIMEOUT = 2.0
    with psycopg.connect(**server_parameters(), dbname=copy) as holder:
        holder.execute("LOCK TABLE tracks")
        result = manage("inspectdb", "rooms", "tracks", **database_environment(copy))
    assert is_one_clear_line(result), result.stderr
    assert "could not read 'tracks', so no model" in result.stderr
    assert "class Rooms(" in result.stdout
    compile(result.stdout, "models.py", "exec")


def test_runserver_starts_beside_a_lock_on_the_history(migrated, settings):
    settings.MIGRATE_LOCK_TIMEOUT = 0.2
    err = io.StringIO()
    with psycopg.connect(**server_parameters(), dbname=migrated) as holder:
        holder.execute("SET TRANSACTION READ WRITE; LOCK TABLE django.django_migrations")
        with default_database(migrated):
            runserver.Command(stderr=err).check_migrations()
            with connection.cursor() as cursor:
                cursor.execute("SHOW lock_timeout")
                assert cursor.fetchone() == ("0",)
    assert "lock timeout" in err.getvalue()
    assert "after 0.2 s (MIGRATE_LOCK_TIMEOUT)" in err.getvalue()
