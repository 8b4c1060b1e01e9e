"""PgBouncer in transaction mode is refused, and in session mode it works."""

import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests import needs
from tests.counts import SUMMARY
from tests.support import (
    administer,
    database_url,
    is_one_clear_line,
    manage,
    scratch_database,
    server_parameters,
)

pytestmark = pytest.mark.django_db

CONFIGURATION = """
[databases]
* = {server}
[pgbouncer]
listen_addr =
unix_socket_dir = {home}
listen_port = 6432
auth_type = any
pool_mode = {mode}
ignore_startup_parameters = {ignored}
"""

#: Commands that hold no lock of their session. Some work through a pooler with the right settings.
OTHERS = [
    ["migrate", "--check"],
    ["migrate", "--plan"],
    ["showmigrations"],
    ["inspectdb"],
    ["clearsessions"],
    ["grant_staff", "nobody", "admin"],
    ["purge", "--dry-run"],
    ["recount", "--dry-run"],
    ["status"],
]


@contextmanager
def pooler(home, mode, ignored="options"):
    """Run PgBouncer in front of the tests' server; yield the directory of its socket."""
    missing = "needs pgbouncer (Debian: apt install pgbouncer)"
    program = needs.program("pgbouncer", missing, "/usr/sbin:/usr/bin:/usr/local/bin")
    parameters = server_parameters()
    server = " ".join(f"{name}={value}" for name, value in parameters.items() if value)
    configuration = home / "pgbouncer.ini"
    configuration.write_text(
        CONFIGURATION.format(server=server, home=home, mode=mode, ignored=ignored)
    )
    for path in (home, *home.parents[:-2]):
        path.chmod(path.stat().st_mode | 0o055)
    user = {}
    if os.geteuid() == 0:
        # PgBouncer refuses to run as root, and must reach the server's socket.
        user = {"user": Path(parameters["host"]).stat().st_uid}
        os.chown(home, user["user"], -1)
    with subprocess.Popen([program, "-q", configuration], **user) as process:
        try:
            for _ in range(100):
                if (home / ".s.PGSQL.6432").exists():
                    break
                time.sleep(0.05)
            yield str(home)
        finally:
            process.terminate()


def through(home, name):
    return database_url(name, host=home, port="6432")


def schemas(name):
    with psycopg.connect(**server_parameters(), dbname=name) as database:
        return database.execute("SELECT to_regnamespace('django')").fetchone()


def test_settings_are_dropped(tmp_path):
    with scratch_database() as name, pooler(tmp_path, "transaction") as home:
        result = manage("migrate", DATABASE_URL=through(home, name))
        assert is_one_clear_line(result), result.stderr
        assert "pooler dropped this session's settings" in result.stderr
        assert "direct connection" in result.stderr
        assert schemas(name) == (None,)


def test_settings_are_refused(tmp_path):
    with scratch_database() as name, pooler(tmp_path, "transaction", ignored="") as home:
        for command in (["migrate"], *OTHERS):
            result = manage(*command, DATABASE_URL=through(home, name))
            assert is_one_clear_line(result), (command, result.stderr)
            assert "refuses this session's settings (options)" in result.stderr
            assert "direct connection" in result.stderr
        assert schemas(name) == (None,)


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_without_its_settings_no_command_takes_the_schema_for_another(migrated, mode, tmp_path):
    """Without its search path, a session does not find the history of the migrations."""
    with (
        scratch_database(f"TEMPLATE {migrated}") as name,
        pooler(tmp_path, mode) as home,
    ):
        for command in OTHERS:
            result = manage(*command, DATABASE_URL=through(home, name))
            assert is_one_clear_line(result), (command, result)
            assert (
                'dropped this session\'s settings (search_path is "$user", public)' in result.stderr
            )
            assert "ALTER DATABASE" in result.stderr
            assert not result.stdout, command


@pytest.fixture
def settled():
    """A database whose settings have the search path, as the administrator of a pooler would do."""
    with scratch_database() as name:
        administer(
            sql.SQL("ALTER DATABASE {} SET search_path = public, django, pg_temp").format(
                sql.Identifier(name)
            )
        )
        yield name


def test_transaction_mode_is_refused(settled, tmp_path):
    with pooler(tmp_path, "transaction") as home:
        result = manage("migrate", DATABASE_URL=through(home, settled))
    assert is_one_clear_line(result), result.stderr
    assert "a pooler in transaction mode" in result.stderr
    assert schemas(settled) == (None,)


def test_session_mode_goes_on(settled, tmp_path):
    """As far as possible: the wheel lacks extensions that a server in a URL must have."""
    with pooler(tmp_path, "session") as home:
        result = manage("migrate", DATABASE_URL=through(home, settled))
    assert "pooler" not in result.stderr
    assert SUMMARY in result.stdout or "no extension pgcrypto, uuid-ossp" in result.stderr
