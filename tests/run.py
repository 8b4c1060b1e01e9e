"""The databases of one run of the tests: a migrated template, and a copy of it for each worker.

Every database of a run has the run's number in its name. Each worker holds an advisory lock with
that number while it lives. If the lock of a database is free, its run has ended, and the next run
drops the database. So a killed run leaves nothing for long, and two runs in one checkout do not
disturb each other.
"""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import psycopg
from django.core.management import call_command
from django.db import connection, connections
from psycopg import sql

from tests.in_process import default_database
from veza_core.db import embedded

#: Set by the process that starts the run; its workers inherit it.
VARIABLE = "VEZA_TEST_RUN"

#: The class of the advisory locks of runs, "test" in ASCII; the run's number is the object.
LOCK_CLASS = 0x74657374

#: The databases that this worker knows to exist.
there: set[str] = set()

_NAME = re.compile(r"(?:test|scratch)_([0-9a-f]{7})_\w+")


def begin() -> None:
    """Choose the run's number, unless this is a worker of a run that has one."""
    os.environ.setdefault(VARIABLE, secrets.token_hex(4)[:7])


def database_name(name: str, prefix: str = "test") -> str:
    """The name of a database of this run."""
    return f"{prefix}_{os.environ[VARIABLE]}_{name}"


def server_parameters() -> dict[str, str]:
    """How to reach the server that the tests run on, for `psycopg.connect`."""
    params = connection.get_connection_params()
    names = ("host", "port", "user", "password")
    return {name: str(params[name]) for name in names if params.get(name)}


@contextmanager
def worker_database(worker: str) -> Iterator[str]:
    """Make this worker's database the default one; yield the name of the template."""
    template, own = database_name("template"), database_name(worker)
    parameters = {**server_parameters(), "dbname": "postgres"}
    with psycopg.connect(**parameters, autocommit=True) as server:
        _drop_what_ended_runs_left(server)
        server.execute("SELECT pg_advisory_lock_shared(%s, %s)", [LOCK_CLASS, _number(template)])
        _make_template(server, template)
        _create(server, own, template)
        with default_database(own), _server_is_known():
            yield template
            connections.close_all()
        server.execute("SELECT pg_advisory_unlock_shared(%s, %s)", [LOCK_CLASS, _number(template)])
        # The last worker drops the template, and databases that tests have left.
        _drop_what_ended_runs_left(server)


@contextmanager
def _server_is_known() -> Iterator[None]:
    """In the block, a connection to the embedded server does not look for the server first.

    It runs, because this process uses it. To look starts a backend, and a few in a new database.
    """
    used = connection.settings_dict.get("EMBEDDED")
    if used is None:
        yield
        return
    start = embedded.start
    host = start(**used)

    def start_unless_known(data_directory: str, database: str) -> str:
        if data_directory == used["data_directory"] and database in there:
            return host
        return start(data_directory, database)

    with mock.patch.object(embedded, "start", start_unless_known):
        yield


def _make_template(server: psycopg.Connection, template: str) -> None:
    """Migrate the template once in a run: the other workers wait for the first one."""
    # The name's hash: another lock than the run's own, which all workers share.
    server.execute("SELECT pg_advisory_lock(hashtext(%s), 0)", [template])
    try:
        if not server.execute("SELECT FROM pg_database WHERE datname = %s", [template]).rowcount:
            _create(server, template, "template1")
            with default_database(template):
                call_command("migrate", interactive=False, verbosity=0, audit=False)
            server.execute(
                sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(
                    sql.Identifier(template)
                )
            )
    finally:
        server.execute("SELECT pg_advisory_unlock(hashtext(%s), 0)", [template])


def _create(server: psycopg.Connection, name: str, template: str) -> None:
    server.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template)
        )
    )
    server.execute(settings_of(name))
    there.add(name)


def settings_of(name: str) -> sql.Composable:
    """Set what a database has in production; PostgreSQL copies no settings from a template."""
    return sql.SQL("ALTER DATABASE {} SET random_page_cost = 1.1").format(sql.Identifier(name))


def _drop_what_ended_runs_left(server: psycopg.Connection) -> None:
    names = [name for (name,) in server.execute("SELECT datname FROM pg_database").fetchall()]
    for name in names:
        if not _NAME.fullmatch(name):
            continue
        lock = [LOCK_CLASS, _number(name)]
        if server.execute("SELECT pg_try_advisory_lock(%s, %s)", lock).fetchone() == (True,):
            server.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )
            server.execute("SELECT pg_advisory_unlock(%s, %s)", lock)


def _number(name: str) -> int:
    """The number of the run that created a database: 28 bits, which fit PostgreSQL's integer."""
    match = _NAME.fullmatch(name)
    assert match is not None, name
    return int(match[1], 16)
