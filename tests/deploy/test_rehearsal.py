"""Three releases after V1, while services of the previous and the next release run: none fails."""

import io
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import psycopg
import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection

from tests.deploy.clients import (
    INVALID,
    NOT_COPIED,
    PATIENCE,
    ROWS,
    TRACKS,
    WRONG,
    Clients,
    first,
    new,
    old,
)
from tests.deploy.later import a_copy, on_disk, session
from tests.deploy.releases import RELEASES, until
from tests.deploy.stalls import Limited
from tests.deploy.test_pooler import pooler
from tests.support import ROOT, database_environment, scratch_database, server_parameters

pytestmark = pytest.mark.django_db

#: By statement: the constraint that refuses it after 1.2.
RETIRED = {
    "UPDATE tracks SET status = 'failed'": "chk_tracks_status_later",
    "UPDATE track_shares SET permission = 'download'": "chk_track_shares_permission_later",
}
#: More than the old type holds.
TOO_LARGE = "UPDATE tracks SET year = 40000"
TIMEOUT = "1"


@pytest.fixture(scope="module")
def v1(migrated, django_db_blocker):
    with django_db_blocker.unblock(), scratch_database(f"TEMPLATE {migrated}") as name:
        with session(name) as other:
            other.execute(ROWS)
        yield name


def one(query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


def refused(name, statement):
    """The constraint that refuses it, or the SQLSTATE; None if it succeeds."""
    with session(name) as other:
        try:
            other.execute(statement)
        except psycopg.Error as error:
            return error.diag.constraint_name or error.sqlstate
        other.rollback()
        return None


def check():
    for name, query in WRONG.items():
        assert one(query) == 0, name
    assert one(INVALID) == 0


def direct(name):
    options = f"-c lock_timeout={PATIENCE}"
    return {**server_parameters(), "dbname": name, "options": options, "prepare_threshold": 0}


def raw(name):
    return {**direct(name), "cursor_factory": psycopg.ClientCursor}


class Told(io.StringIO):
    """Ends a transaction as soon as `migrate` has named it."""

    def __init__(self, other):
        super().__init__()
        self.other = other

    def write(self, text):
        if "Blocked by" in text:
            self.other.rollback()
        return super().write(text)


def migrate(version, err=None):
    """Run the equivalent of `manage.py migrate` of that release, with its reports."""
    out, err = io.StringIO(), err or io.StringIO()
    limited = Limited(connection, 1000 * int(TIMEOUT))
    with on_disk(until(version)), connection.execute_wrapper(limited):
        call_command("migrate", "--no-audit", "--lock-timeout", TIMEOUT, stdout=out, stderr=err)
    assert limited.seen
    assert limited.unlimited == []
    return out.getvalue() + err.getvalue()


@contextmanager
def services(name, changes, through=None):
    """Run the services of these releases in the block; none may fail."""
    sessions = [("prepared", direct(name)), ("raw", raw(name))]
    if through:
        pooled = {**server_parameters(), "dbname": name, "host": through, "port": "6432"}
        sessions.append(("pooled", {**pooled, "prepare_threshold": None}))
    clients = Clients()
    started = [
        (f"{kind} {number}", parameters, change)
        for number, change in enumerate(changes)
        for kind, parameters in sessions
    ]
    with clients.running(*started):
        yield
    assert clients.errors == []
    check()


def test_no_service_fails_and_the_code_goes_back(v1, tmp_path):
    with a_copy(f'"{v1}"') as name, pooler(tmp_path, "transaction") as home:
        with services(name, [first], home):
            migrate("1.1")
        assert one(NOT_COPIED) == 0
        with services(name, [old, new], home):
            migrate("1.2")
        assert one(NOT_COPIED) == 0
        assert one("SELECT count(*) FROM tracks WHERE mood IS NULL") == 0
        assert one("SELECT count(*) FROM reports") == one("SELECT count(*) FROM tracks")
        for statement, constraint in RETIRED.items():
            assert refused(name, statement) == constraint
        assert refused(name, TOO_LARGE) == "22003"
        # Only the code is rolled back: the previous services run on the schema of 1.2.
        with services(name, [old], home):
            pass
        with services(name, [new], home):
            migrate("1.3")
        assert refused(name, TOO_LARGE) is None


def test_a_lock_in_the_way_of_each_release(v1):
    """It gives up soon, so that the services continue, and tries again until the lock is free."""
    with a_copy(f'"{v1}"') as name:
        for version, changes in zip(RELEASES, ([first], [old, new], [new]), strict=True):
            with services(name, changes), session(name) as other:
                other.execute("LOCK TABLE tracks IN ROW EXCLUSIVE MODE")
                assert f"pid {other.info.backend_pid}" in migrate(version, Told(other))


class Killed:
    """For `connection.execute_wrapper`: the server ends the session after this many statements."""

    def __init__(self, left):
        self.left = left

    def __call__(self, execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        self.left -= 1
        if self.left == 0:
            pid = connection.connection.info.backend_pid
            with psycopg.connect(**connection.get_connection_params()) as other:
                other.execute("SELECT pg_terminate_backend(%s, 60000)", [pid])
        return result


@pytest.mark.parametrize("first", [5, 9, 14])
def test_killed_again_and_again_each_release_is_completed(v1, first):
    """The server ends its session; the next plain run continues."""
    kills = 0
    with a_copy(f'"{v1}"') as name:
        for version in RELEASES:
            for after in range(first, 200, 31):
                try:
                    with connection.execute_wrapper(Killed(after)):
                        migrate(version)
                    break
                except DatabaseError:
                    kills += 1
                finally:
                    # It may have ended unnoticed, after the last statement.
                    connection.close()
            with services(name, [new if version == "1.3" else old]):
                assert "Nothing to do" in migrate(version)
    assert kills >= 4


#: By release: a text of the statement after which it is killed, how often that has run, and what
#: is true of the rows then. Twice it is the second batch of a backfill: the first is committed, the
#: second is not. At last it is the transaction of a migration, of which nothing is done.
KILLED_IN = {
    "1.1": (
        *('UPDATE ONLY tracks AS "tracks" SET "record"', 2),
        f"SELECT count(record) BETWEEN 10 AND {TRACKS - 1} FROM tracks",
    ),
    "1.2": (
        *('INSERT INTO "reports"', 2),
        f"SELECT count(*) BETWEEN 1 AND {TRACKS - 1} FROM reports",
    ),
    "1.3": (
        *("DROP COLUMN release_year", 1),
        "SELECT count(release_year) IS NOT NULL FROM tracks",
    ),
}


def applied(told):
    """The migrations that a run committed."""
    return set(re.findall(r"\d+_rehearsed", told))


def killed_process(name, version, text, number):
    """`migrate` in a process of its own, which SIGKILL ends; what it had told."""
    done = subprocess.run(
        [sys.executable, "-u", "-m", "tests.deploy.rehearse", version, text, str(number)],
        cwd=ROOT,
        env={
            **os.environ,
            "DEBUG": "1",
            "BACKFILL_BATCH_SIZE": "100",
            "DJANGO_SETTINGS_MODULE": "veza_site.settings",
            **database_environment(name),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout


def test_the_process_is_killed_and_each_release_is_completed(v1):
    """Like a pod, which cannot undo anything itself. The next plain run continues, with
    services.
    """
    committed = 0
    with a_copy(f'"{v1}"') as name:
        for version, changes in zip(RELEASES, ([first], [old, new], [new]), strict=True):
            with services(name, changes):
                *place, undone = KILLED_IN[version]
                before = applied(killed_process(name, version, *place))
                assert one(undone)
                after = applied(migrate(version))
            assert after
            assert not before & after
            committed += len(before)
            assert "Nothing to do" in migrate(version)
    assert committed
