"""Commands that are ended, or whose standard streams are closed, full, or no longer read."""

import os
import signal
import subprocess
import sys
import time

import psycopg
import pytest
from django.core.management.base import CommandError
from django.db import OperationalError, connection

from tests.in_process import default_database
from tests.support import (
    ROOT,
    database_environment,
    scratch_database,
    server_parameters,
)
from veza_core.db.locks import migration_lock
from veza_core.operations.ending import (
    Terminated,
    cancel_statements,
    interrupt_code,
    interrupt_on_signals,
)

pytestmark = pytest.mark.django_db

NOTED = "SELECT count(*) FROM django.django_migrations"
WAITING = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
SLEEPING = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query ~ 'pg_sleep.600'
    AND state = 'active' AND pid <> pg_backend_pid()
"""


@pytest.fixture
def name(migrated):
    with scratch_database(f'TEMPLATE "{migrated}"') as copy:
        yield copy


def start(name, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, ROOT / "manage.py", *arguments],
        env={**os.environ, "DEBUG": "1", **database_environment(name), **options.pop("env", {})},
        cwd=ROOT,
        **{"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True, **options},
    )


def wait_for(session, query):
    deadline = time.monotonic() + 60
    while not (rows := session.execute(query).fetchall()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
    return rows


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
@pytest.mark.parametrize(
    "arguments",
    [
        ("reset_db", "--noinput", "--lock-timeout=600"),
        ("migrate", "--lock-timeout=600", "--no-audit"),
        ("count_weekly_plays",),
        ("purge", "--lock-timeout=600"),
        ("backup_db", "{folder}/a.dump"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_signal_cancels_the_statement_that_runs(name, arguments, number, code, tmp_path):
    arguments = [argument.format(folder=tmp_path) for argument in arguments]
    with psycopg.connect(**server_parameters(), dbname=name) as session:
        if arguments[0] == "migrate":
            session.execute(
                "DELETE FROM django.django_migrations WHERE name = '0002_daily_counts'; "
                "DROP TABLE django.veza_site_dailycount"
            )
            session.commit()
        session.execute("LOCK TABLE users, tracks, track_plays, refresh_tokens")
        if arguments[0] == "migrate":
            session.execute("LOCK TABLE django.django_migrations")
        with psycopg.connect(**server_parameters(), dbname=name, autocommit=True) as other:
            with start(name, *arguments) as process:
                wait_for(other, WAITING)
                process.send_signal(number)
                _, err = process.communicate(timeout=60)
            assert process.returncode == code, err
            assert "Traceback" not in err
            # Cancelled by the command itself: the lock that it waits for is still held.
            assert other.execute(WAITING).fetchall() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("redirection", "code", "told"),
    [
        (">/dev/full", 1, "its output could not be written: No space left on device"),
        (">&-", 1, "its output could not be written: Bad file descriptor"),
        ("| true", 141, ""),
        (">/dev/null 2>/dev/full", 0, ""),
        (">/dev/null 2>&-", 0, ""),
        (">/dev/null <&-", 0, ""),
        ("<&- >&- 2>&-", 1, ""),
    ],
)
def test_a_deploy_is_finished_whatever_becomes_of_its_output(redirection, code, told):
    with scratch_database() as name:
        command = f"{sys.executable} {ROOT}/manage.py migrate --no-audit {redirection}"
        # The reader has gone before the first line is written.
        command = f"set -o pipefail; {command}"
        done = subprocess.run(
            ["bash", "-c", command],
            env={**os.environ, "DEBUG": "1", **database_environment(name)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr
        assert told in done.stderr
        with psycopg.connect(**server_parameters(), dbname=name) as database:
            assert database.execute(NOTED).fetchone() >= (30,)


def test_a_backup_with_closed_streams_is_whole(name, tmp_path):
    path = tmp_path / "a.dump"
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} {ROOT}/manage.py backup_db {path} <&- >&- 2>&-"],
        env={**os.environ, "DEBUG": "1", **database_environment(name)},
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 1
    assert path.read_bytes().startswith(b"PGDMP")


def test_names_that_the_terminal_cannot_show(name):
    with psycopg.connect(**server_parameters(), dbname=name) as database:
        database.execute('CREATE TABLE public."Tâblé" (id int)')
    with start(
        name, "audit_schema", stdout=subprocess.PIPE, env={"PYTHONIOENCODING": "ascii"}
    ) as process:
        out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert r"T\xe2bl\xe9" in out


def test_an_interrupt_between_two_steps_of_psycopg(name):
    """The session is busy then: what undoes things fails, and the statement would go on."""
    session = {**server_parameters(), "dbname": name, "autocommit": True}
    with default_database(name), psycopg.connect(**session) as other:

        def interrupted():
            with migration_lock(connection, 0, print):
                connection.connection.pgconn.send_query(b"SELECT pg_sleep(600)")
                wait_for(other, SLEEPING)
                raise Terminated(signal.SIGTERM)

        with pytest.raises(Terminated):
            interrupted()
        cancel_statements()
        deadline = time.monotonic() + 60
        while other.execute(SLEEPING).fetchall():
            assert time.monotonic() < deadline, "it goes on"


def test_the_exit_code_is_the_signal_s_whatever_fails_on_its_account():
    def undo_badly():
        try:
            try:
                raise Terminated(signal.SIGHUP)
            finally:
                raise OperationalError("busy")
        except OperationalError as error:
            raise CommandError("it was busy") from error

    with pytest.raises(CommandError) as failure:
        undo_badly()
    assert interrupt_code(failure.value) == 129
    assert interrupt_code(KeyboardInterrupt()) == 130
    assert interrupt_code(CommandError("no")) is None


def test_one_that_ignores_sighup_goes_on():
    """As under nohup."""
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        interrupt_on_signals()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) not in (signal.SIG_DFL, signal.SIG_IGN)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
