"""Every command that uses a database, interrupted at any statement, or with a full output."""

import os
import re
import threading
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.db import connections
from psycopg import sql

from tests import in_process
from tests.commands import READS, WRITES
from tests.support import (
    administer,
    database_environment,
    database_url,
    manage,
    scratch_database,
    server_parameters,
)
from veza_core.db import scratch
from veza_core.models import User
from veza_core.operations.ending import Terminated
from veza_core.operations.streams import guarded

pytestmark = pytest.mark.django_db

#: Commands for a whole database run on one that has what they need.
GIVEN = {
    **WRITES,
    **READS,
    "grant_staff": ["alice", "admin"],
    "seed_demo": [*WRITES["seed_demo"], "--append"],
    "sync_roles": ["--revoke-from-public"],
    "restore_db": ["{archive}", "--replace", "--noinput"],
}
#: Where a run is interrupted, in statements of a session.
PLACES = (1, 3, 6, 9, 30, 100, 300)


@pytest.fixture(scope="module")
def template(migrated, django_db_blocker):
    """A database with an account."""
    with django_db_blocker.unblock(), scratch_database(f"TEMPLATE {migrated}") as name:
        with in_process.default_database(name):
            User.objects.create_user(
                username="alice", email="alice@example.com", password="a good password"
            )
        yield name


@pytest.fixture(scope="module")
def archive(template, tmp_path_factory, django_db_blocker):
    path = tmp_path_factory.mktemp("backup") / "a.dump"
    with django_db_blocker.unblock():
        saved = manage("backup_db", str(path), **database_environment(template))
    assert saved.returncode == 0, saved.stderr
    return path


@pytest.fixture
def name(template, role, settings):
    with scratch_database(f"TEMPLATE {template}") as copy:
        settings.DATABASE_SUPPORT_URL = database_url(copy, user=role, password="a secret")
        yield copy


@pytest.fixture
def role():
    """The name of a role for sync_roles."""
    name = f"support_{os.urandom(4).hex()}"
    yield name
    administer(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))


@contextmanager
def interrupted_at(place):
    """Interrupt this thread in the block before the statement with this number.

    Yields a list with the number of statements so far.
    """
    thread, wait, met = threading.get_ident(), psycopg.Connection.wait, [0]

    def counted(self, *arguments, **options):
        if threading.get_ident() == thread:
            met[0] += 1
            if met[0] == place:
                raise Terminated(15)
        return wait(self, *arguments, **options)

    psycopg.Connection.wait = counted
    try:
        yield met
    finally:
        psycopg.Connection.wait = wait


def children():
    return set(Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split())


def arguments_of(command, name, archive, tmp_path):
    values = {"{}": str(tmp_path / "new"), "{archive}": str(archive), "{url}": database_url(name)}
    return (command, *(values.get(given, given) for given in GIVEN[command]))


# psycopg warns of the cursors that Django's dumpdata leaves open: the process ends.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("command", GIVEN)
def test_an_interrupt_ends_it_wherever_it_is(command, name, archive, tmp_path):
    arguments, before = arguments_of(command, name, archive, tmp_path), children()
    for place in PLACES:
        with interrupted_at(place) as met:
            result = in_process.run(name, arguments)
        if met[0] < place:
            break
        assert result.returncode == 143, result
        assert "Traceback" not in result.stderr
        assert "--after :" not in result.stderr, "recount had come to no table"
        assert children() == before
        assert list(tmp_path.iterdir()) == []
    assert met[0], "it met no database"


def test_a_throw_away_database_is_dropped_after_any_interrupt(name, monkeypatch):
    """Also if CREATE DATABASE has succeeded, but its answer was not read."""
    made = []

    def create_and_end(owner, new):
        made.append(new)
        create(owner, new)
        raise Terminated(15)

    create = scratch._create
    monkeypatch.setattr(scratch, "_create", create_and_end)
    with (
        in_process.default_database(name),
        pytest.raises(Terminated),
        scratch.scratch_database(connections["default"]),
    ):
        pass
    with psycopg.connect(**server_parameters(), dbname=name) as session:
        found = session.execute("SELECT FROM pg_database WHERE datname = %s", made)
        assert found.fetchall() == []


#: Commands that read the history or tables, or write with Django. Jobs have their own limits.
MEETS_LOCKS = [
    *([command] for command in READS if command != "inspectdb"),
    *([command] for command in ("clearsessions", "createsuperuser", "dumpdata", "grant_staff")),
    ["seed_demo"],
    *(["migrate", option] for option in ("--check", "--plan")),
    ["inspectdb", "users"],
    ["check", "--database", "default"],
    ["makemigrations", "--check"],
]
#: They succeed, and report what they could not read; `sqlflush` only reads the catalog.
SUCCEEDS = {"check", "makemigrations", "sqlflush"}
LOCK_EVERY_TABLE = """
SELECT 'LOCK TABLE ' || string_agg(format('%I.%I', nspname, relname), ', ') FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname IN ('public', 'django') AND relkind = 'r'
"""


@pytest.fixture
def locked(name):
    """Lock every table, for long enough that only a command with a limit ends."""
    session = {**server_parameters(), "dbname": name, "application_name": "an editor"}
    options = "-c idle_in_transaction_session_timeout=60s"
    with psycopg.connect(**session, options=options) as holder:
        [statement] = holder.execute(LOCK_EVERY_TABLE).fetchone()
        holder.execute(statement)
        yield name
        holder.rollback()


@pytest.mark.filterwarnings("ignore:Got an error checking a consistent migration history")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("given", MEETS_LOCKS, ids=" ".join)
def test_no_lock_is_waited_for_without_a_limit(
    given, locked, archive, tmp_path, settings, monkeypatch
):
    settings.MIGRATE_LOCK_TIMEOUT = 0.1
    monkeypatch.setattr("veza_core.schema.audit.session.LOCK_TIMEOUT", "100ms")
    monkeypatch.setattr("veza_site.status.report.LONGEST_WAIT", 0.1)
    arguments = arguments_of(given[0], locked, archive, tmp_path) if len(given) == 1 else given
    result = in_process.run(locked, arguments)
    assert "Traceback" not in result.stderr
    assert (result.returncode == 0) == (given[0] in SUCCEEDS), result
    if given[0] not in SUCCEEDS:
        assert re.search(r"lock timeout|locked|it waits for a lock", result.stdout + result.stderr)


#: Commands that fail here in any case, or print nothing.
FAILS = {
    "addstatictoken",
    "changepassword",
    "distribute",
    "loaddata",
    "merge_model_instances",
    "set_fake_emails",
}
SILENT = {"dumpdata"}


@pytest.mark.parametrize("command", GIVEN)
def test_a_failed_write_of_output_stops_nothing(command, name, archive, tmp_path):
    with Path("/dev/full").open("wb") as file:
        output = guarded(None, file.fileno())
        arguments = arguments_of(command, name, archive, tmp_path)
        result = in_process.run(name, arguments, output=output)
    lost = "its output could not be written: No space left on device"
    assert "Traceback" not in result.stderr
    assert "Exception ignored" not in result.stderr
    assert result.returncode == (command not in SILENT), result
    assert (lost in result.stderr) == (command not in SILENT), result
    assert (f"the command succeeded, but {lost}" in result.stderr) == (
        command not in {*FAILS, *SILENT, "status"}
    ), result
