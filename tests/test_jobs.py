"""The record of a job's last success, whose failure does not make the job fail."""

import json
import time
import uuid

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from tests.in_process import default_database
from tests.support import (
    administer,
    database_environment,
    database_url,
    manage,
    manage_process,
    scratch_database,
    server_parameters,
)
from veza_core.operations.jobs import BACKUP, record_success

pytestmark = pytest.mark.django_db


@pytest.fixture
def database(migrated):
    with scratch_database(f'TEMPLATE "{migrated}"') as name:
        yield name


def execute(database, statement, *parameters):
    with psycopg.connect(**server_parameters(), dbname=database, autocommit=True) as session:
        cursor = session.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def recorded(database):
    """The jobs that have a record, with their details."""
    return dict(execute(database, "SELECT job, details FROM django.veza_site_jobrun"))


def test_success(database, tmp_path):
    environment = database_environment(database)
    file = tmp_path / "file"
    for command in (["backup_db", str(file)], ["purge"], ["count_weekly_plays"], ["recount"]):
        result = manage(*command, **environment)
        assert (result.returncode, result.stderr) == (0, ""), command
    details = recorded(database)
    assert set(details) == {"backup_db", "purge", "count_weekly_plays", "recount"}
    assert details["backup_db"]["file"] == str(file)
    assert details["purge"] == {"deleted": 0, "left": 0}
    assert details["count_weekly_plays"] == {"updated": 0, "left": 0}
    assert details["recount"] == {"rows": 0, "left": 0}
    # The next run replaces it.
    execute(
        database, "UPDATE django.veza_site_jobrun SET finished_at = '2020-01-01', details = '{}'"
    )
    assert manage("purge", **environment).returncode == 0
    assert recorded(database) == {**{job: {} for job in details}, "purge": details["purge"]}
    assert execute(
        database,
        "SELECT job FROM django.veza_site_jobrun WHERE finished_at > now() - interval '1 h'",
    ) == [("purge",)]


@pytest.mark.parametrize(
    "command",
    [
        ["purge", "--dry-run"],
        ["purge", "--only", "users"],
        ["count_weekly_plays", "--dry-run"],
        ["recount", "--dry-run"],
        ["recount", "--only", "tracks"],
        ["backup_db", "/nowhere/file"],
        ["backup_db", "--tools", "/nowhere", "file"],
    ],
)
def test_a_run_of_part_of_the_job_is_not_recorded(database, command):
    manage(*command, **database_environment(database))
    assert recorded(database) == {}


def test_a_count_that_fails(database):
    parameters = {**server_parameters(), "dbname": database}
    with psycopg.connect(**parameters) as session:
        session.execute("INSERT INTO users (email, username) VALUES ('alice@example.com', 'alice')")
        session.execute(
            "INSERT INTO tracks (user_id, title, file_path) SELECT id, 't', 'f' FROM users"
        )
        session.execute("INSERT INTO track_plays (track_id) SELECT id FROM tracks")
        session.commit()
        session.execute("LOCK TABLE tracks IN SHARE MODE")
        result = manage("count_weekly_plays", **database_environment(database))
        session.rollback()
        assert result.returncode == 1, result
        assert recorded(database) == {}
        # A locked row is for the next count, and this one has done what it can.
        session.execute("SELECT FROM tracks FOR UPDATE")
        assert manage("count_weekly_plays", **database_environment(database)).returncode == 0
    assert recorded(database) == {"count_weekly_plays": {"updated": 0, "left": 1}}


@pytest.fixture
def reader(database):
    """A role that can only read everything."""
    name = f"reader_{uuid.uuid4().hex[:12]}"
    role = sql.Identifier(name)
    administer(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 's3cret'").format(role))
    administer(sql.SQL("GRANT pg_read_all_data TO {}").format(role))
    yield name
    administer(sql.SQL("DROP ROLE {}").format(role))


@pytest.mark.process
def test_a_backup_by_a_role_that_reads(database, reader, tmp_path):
    file = tmp_path / "file"
    url = database_url(database, user=reader, password="s3cret")
    result = manage_process("backup_db", str(file), "--verbosity", "0", DATABASE_URL=url)
    assert result.returncode == 0, result.stderr
    assert file.stat().st_size > 0
    assert result.stderr == (
        "manage.py status will not show this backup_db: "
        "permission denied for table veza_site_jobrun\n"
    )
    assert recorded(database) == {}


def test_before_the_table_is_there(database):
    execute(database, "DROP TABLE django.veza_site_jobrun")
    result = manage("count_weekly_plays", **database_environment(database))
    assert result.returncode == 0
    assert result.stderr == (
        "manage.py status will not show this count_weekly_plays: "
        'relation "django.veza_site_jobrun" does not exist\n'
    )


def test_a_session_that_was_ended_meanwhile(database):
    """pg_dump has its own session for hours, and a firewall may end ours, which is idle."""
    with default_database(database):
        connection.ensure_connection()
        pid = connection.connection.info.backend_pid
        execute(database, "SELECT pg_terminate_backend(%s)", pid)
        while execute(database, "SELECT FROM pg_stat_activity WHERE pid = %s", pid):
            time.sleep(0.01)
        assert record_success(connection, BACKUP, 1.5, bytes=1) is None
    assert recorded(database) == {"backup_db": {"bytes": 1}}
    assert json.loads(manage("status", "--json", **database_environment(database)).stdout)[
        "backup"
    ]["seconds"] == pytest.approx(1.5)
