"""Commands that are interrupted, or whose standard streams are closed, full, or no longer read."""

import os
import signal
import subprocess
import sys
import time
from itertools import cycle

import psycopg
import pytest
from django.core.management.base import CommandError
from django.db import OperationalError, connection

from tests import forked
from tests.commands import WRITES
from tests.in_process import default_database
from tests.support import ROOT, database_environment, manage, scratch_database, server_parameters
from veza_core.db.locks import MIGRATION_LOCK_KEY, run_lock
from veza_core.operations.ending import (
    Terminated,
    cancel_statements,
    interrupt_code,
    interrupt_first,
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


def wait_for_none(session, query):
    deadline = time.monotonic() + 60
    while session.execute(query).fetchall():
        assert time.monotonic() < deadline, "it continues"
        time.sleep(0.02)


SIGNALS = {signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGINT: 130}
#: They use no table of the given database, or need more than it has.
NOT_HELD = {
    *("createcachetable", "distribute", "export_schema"),
    *("loaddata", "merge_model_instances", "sync_roles", "syncdata"),
}
#: All other commands that write, with arguments; `{}` is a new file.
HELD = {
    "migrate": ["--lock-timeout=600", "--no-audit"],
    **{name: WRITES[name] for name in WRITES if name not in {"migrate", *NOT_HELD}},
    "purge": ["--lock-timeout=600"],
    "recount": ["--lock-timeout=600"],
    "reset_db": ["--noinput", "--lock-timeout=600"],
    "restore_db": ["{archive}", "--replace", "--noinput", "--lock-timeout=600"],
}
#: Statements on all tables of a database: one locks them, and one detects any change.
ON_EVERY_TABLE = """
SELECT 'LOCK TABLE ' || string_agg(oid::regclass::text, ', '), string_agg(
    format('SELECT %L, count(*), max(xmin::text::bigint) FROM %s', oid::regclass, oid::regclass),
    ' UNION ALL ' ORDER BY oid)
FROM pg_class
WHERE relkind = 'r' AND relnamespace IN ('public'::regnamespace, 'django'::regnamespace)
"""


@pytest.fixture(scope="module")
def untouched(migrated, tmp_path_factory, django_db_blocker):
    """A database that no command changes, and its backup."""
    archive = tmp_path_factory.mktemp("backup") / "a.dump"
    with django_db_blocker.unblock(), scratch_database(f'TEMPLATE "{migrated}"') as copy:
        saved = manage("backup_db", str(archive), **database_environment(copy))
        assert saved.returncode == 0, saved.stderr
        yield copy, str(archive)


@pytest.mark.process
@pytest.mark.parametrize(
    ("command", "number"),
    [*(("migrate", each) for each in SIGNALS), *zip([*HELD][1:], cycle(SIGNALS), strict=False)],
)
def test_a_signal_cancels_the_statement_that_runs(untouched, command, number, tmp_path):
    name, archive = untouched
    given = {"{}": str(tmp_path / "new"), "{archive}": archive}
    arguments = (command, *(given.get(argument, argument) for argument in HELD[command]))
    environment = {
        **os.environ,
        "DEBUG": "1",
        "MIGRATE_LOCK_TIMEOUT": "600",
        **database_environment(name),
    }
    session = {**server_parameters(), "dbname": name}
    with psycopg.connect(**session) as holder, psycopg.connect(**session, autocommit=True) as other:
        lock, contents = holder.execute(ON_EVERY_TABLE).fetchone()
        holder.execute(lock)
        before = holder.execute(contents).fetchall()
        with forked.started(ROOT / "manage.py", arguments, environment) as process:
            wait_for(other, WAITING)
            process.send_signal(number)
            result = process.result()
        assert result.returncode == SIGNALS[number], result
        assert "Traceback" not in result.stderr
        assert len(result.stderr.splitlines()) <= 1, result
        # Cancelled by the command itself: the lock that it waits for is still held. The server
        # takes a moment to notice that pg_dump has ended.
        wait_for_none(other, WAITING)
        assert holder.execute(contents).fetchall() == before
    assert [*tmp_path.iterdir()] == []


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
def test_a_deploy_finishes_even_if_its_output_is_lost(redirection, code, told):
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
    """The session is busy then, so a rollback fails, and the statement would continue."""
    session = {**server_parameters(), "dbname": name, "autocommit": True}
    with default_database(name), psycopg.connect(**session) as other:

        def interrupted():
            with run_lock(connection, MIGRATION_LOCK_KEY, 0, print):
                connection.connection.pgconn.send_query(b"SELECT pg_sleep(600)")
                wait_for(other, SLEEPING)
                raise Terminated(signal.SIGTERM)

        with pytest.raises(Terminated):
            interrupted()
        cancel_statements()
        wait_for_none(other, SLEEPING)


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
    # A command that says what it did until then sees the signal, not what failed after it.
    with pytest.raises(Terminated), interrupt_first():
        undo_badly()
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


@pytest.mark.process
def test_signals_that_the_parent_held_back_work(name):
    """Supervisors block signals, or ignore SIGCHLD: then no exit status of a child is known."""

    def hold_back():
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)

    # A psql that fails.
    failing = start(name, "dbshell", "--", "-c", "SELECT 1/0", preexec_fn=hold_back)
    _, told = failing.communicate(timeout=60)
    assert failing.returncode == 1, told
    statement = "from django.db import connection as c; c.cursor().execute('SELECT pg_sleep(600)')"
    with psycopg.connect(**server_parameters(), dbname=name, autocommit=True) as session:
        running = start(name, "shell", "--no-imports", "-c", statement, preexec_fn=hold_back)
        wait_for(session, SLEEPING)
        running.terminate()
        running.communicate(timeout=60)
        wait_for_none(session, SLEEPING)
    assert running.returncode == 143
