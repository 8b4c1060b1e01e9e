"""If a transaction blocks a migration, it is rolled back and tried again, and traffic continues."""

import os
import time
from contextlib import contextmanager

import psycopg
import pytest
from django.db.migrations.loader import MigrationLoader

from tests import counts
from tests.deploy.stalls import in_a_thread
from tests.support import (
    database_environment,
    manage,
    run_command,
    running_manage,
    scratch_database,
    server_parameters,
)

pytestmark = pytest.mark.django_db

INSERT = "INSERT INTO users (email, username) VALUES (%s, %s)"
TRIGGERS = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'update_%_updated_at'"
FUNCTION = "SELECT to_regproc('public.update_updated_at_column')"


@pytest.fixture(scope="module")
def nearly_done(django_db_setup, django_db_blocker):
    """A database without 900, which needs a lock on every table, and without later migrations."""
    graph = MigrationLoader(None).graph
    left_out = {*graph.backwards_plan(("veza_core", "900_triggers_and_functions"))}
    last = [
        node
        for node in graph.nodes
        if node not in left_out
        and {child.key for child in graph.node_map[node].children} <= left_out
    ]
    with django_db_blocker.unblock(), scratch_database() as name:
        for target in last:
            run_command("migrate", *target, "--no-audit", database=name)
        yield name


@pytest.fixture
def before_900(nearly_done):
    with scratch_database(f'TEMPLATE "{nearly_done}"') as name:
        yield name


@contextmanager
def open_transaction(name, table="users"):
    """A session that has written to a table, and stays idle in its transaction."""
    parameters = {**server_parameters(), "dbname": name, "application_name": "lunch"}
    with psycopg.connect(**parameters) as session:
        session.execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE")
        yield session


def test_gives_up_names_the_blocker_and_leaves_nothing(before_900):
    with open_transaction(before_900) as lunch:
        result = manage(
            "migrate",
            "--lock-timeout",
            "0.2",
            MIGRATE_LOCK_ATTEMPTS="2",
            **database_environment(before_900),
        )
        assert result.returncode == 1
        *_, again, gave_up = result.stderr.strip().splitlines()
        for line in (again, gave_up):
            assert f"pid {lunch.info.backend_pid} (lunch" in line
            assert "LOCK TABLE users IN ROW EXCLUSIVE MODE" in line
        assert "tried 2 times; nothing of it is applied" in gave_up
    with psycopg.connect(**server_parameters(), dbname=before_900) as database:
        assert database.execute(TRIGGERS).fetchone() == (0,)
        assert database.execute(FUNCTION).fetchone() == (None,)


def test_continues_when_the_lock_is_released(before_900):
    arguments = ["migrate", "--lock-timeout", "0.2"]
    with running_manage(*arguments, **database_environment(before_900)) as run:
        with open_transaction(before_900):
            assert "rolled back, next try" in run.stderr.readline()
        out, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    assert f"{counts.TRIGGERS} triggers" in out


def test_other_errors_are_not_tried_again(before_900):
    with psycopg.connect(**server_parameters(), dbname=before_900) as database:
        database.execute(
            "CREATE FUNCTION update_updated_at_column() RETURNS int LANGUAGE sql RETURN 1"
        )
    result = manage("migrate", **database_environment(before_900))
    assert result.returncode == 1
    assert "already exists" in result.stderr
    assert "next try" not in result.stderr


@contextmanager
def traffic(name, stalls):
    """Write to `users` without a pause; return the time of each write, in seconds."""

    def write(stop):
        with psycopg.connect(**server_parameters(), dbname=name, autocommit=True) as session:
            number = 0
            while not stop.is_set():
                number += 1
                started = time.monotonic()
                session.execute(INSERT, [f"{os.getpid()}-{number}@x.co", f"user{number}"])
                stalls.append(time.monotonic() - started)

    with in_a_thread(write):
        yield


def test_traffic_never_stalls_longer_than_the_timeout(before_900):
    timeout = 2.0
    stalls = []
    with open_transaction(before_900), traffic(before_900, stalls):
        result = manage(
            "migrate",
            "--lock-timeout",
            str(timeout),
            MIGRATE_LOCK_ATTEMPTS="2",
            **database_environment(before_900),
        )
    assert result.returncode == 1
    # The migration did block writes, which shows that they ran at the same time.
    assert max(stalls) > timeout / 2
    assert max(stalls) < timeout * 1.5
    assert len(stalls) > 100


def test_waits_for_several_tables_share_the_timeout(before_900):
    """It locks `users` after a wait, and then waits for `tracks` while it holds that lock."""
    timeout = 4
    stalls = []
    environment = {"MIGRATE_LOCK_ATTEMPTS": "1", **database_environment(before_900)}
    with (
        open_transaction(before_900, "tracks"),
        open_transaction(before_900) as first,
        traffic(before_900, stalls),
        running_manage("migrate", "--lock-timeout", str(timeout), **environment) as run,
    ):
        wait_for_a_waiting_session(before_900)
        time.sleep(timeout * 0.7)
        first.rollback()
        _, err = run.communicate(timeout=60)
    assert "could not get its locks within 4 s" in err
    assert "LOCK TABLE tracks" in err
    assert timeout * 0.7 < max(stalls) < timeout * 1.5


def wait_for_a_waiting_session(name):
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted"
    with psycopg.connect(**server_parameters(), dbname=name, autocommit=True) as session:
        for _ in range(600):
            if session.execute(waiting).fetchone():
                return
            time.sleep(0.05)
    raise AssertionError("nobody waits for a lock")


@pytest.mark.parametrize("seconds", ["0", "-1", "0.0001", "inf", "nan"])
def test_there_is_no_way_without_a_timeout(seconds):
    result = manage("migrate", "--lock-timeout", seconds)
    assert result.returncode == 2
    assert "--lock-timeout: seconds are needed, 0.001 at least" in result.stderr
