"""Settings for all databases of a server, tested on a separate server."""

import select
import struct
import threading
import time
from contextlib import closing, contextmanager

import psycopg
import pytest
from django.db import connections, transaction
from psycopg import sql

from tests import in_process
from tests.clusters import running_cluster
from tests.connection.foreign_settings import ALL_AT_ONCE, COLUMNAR, left_alone, timeouts
from tests.needs import debian_programs
from tests.support import is_one_clear_line
from veza_core.db import timeouts as limits_of_waits
from veza_core.db.session import read_session
from veza_core.db.waits import bounded_waits

pytestmark = pytest.mark.django_db

#: How such a setting is made and reset, and how a message names the place.
WAYS = {
    "ALTER ROLE": ("ALTER ROLE CURRENT_USER {}", "for the role"),
    "ALTER ROLE ALL": ("ALTER ROLE ALL {}", "for all roles"),
    "ALTER SYSTEM": ("ALTER SYSTEM {}", "in the server's configuration"),
}

#: How many of the settings come from the first two ways, or from ALTER SYSTEM.
ARRIVED = """
SELECT count(*) FROM pg_settings
WHERE name = ANY(%s) AND (source IN ('user', 'global') OR sourcefile LIKE '%%/postgresql.auto.conf')
"""


@pytest.fixture(scope="module")
def home():
    """The directory of the server's socket."""
    # With the contrib package, which the embedded server does not have.
    with running_cluster(debian_programs(), auth="trust", random_page_cost=1.1) as directory:
        for name in ("template1", "postgres"):
            with administration(directory, dbname=name) as session:
                session.execute(COLUMNAR)
        yield directory


@pytest.fixture(scope="module", params=WAYS)
def way(request):
    return request.param


@pytest.fixture(scope="module")
def url(home, way):
    """An empty database for each place of a setting."""
    name = way.replace(" ", "_").lower()
    with administration(home) as session:
        session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield f"postgresql://postgres@/{name}?host={home}"
    with administration(home) as session:
        session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def administration(home, dbname="postgres", **parameters):
    return psycopg.connect(
        host=str(home), user="postgres", dbname=dbname, autocommit=True, **parameters
    )


@contextmanager
def configured(home, way, settings):
    """In the block, every new session of the server has these settings."""
    statement = WAYS[way][0]
    # The settings must not prevent their own reset.
    own = "-c default_transaction_read_only=off -c session_replication_role=origin"
    with administration(home, options=own) as session:
        for name, value in settings.items():
            words = sql.SQL(", ").join(map(sql.Literal, value.split(", ")))
            change = sql.SQL("SET {} = {}").format(sql.Identifier(name), words)
            session.execute(sql.SQL(statement).format(change))
        session.execute("SELECT pg_reload_conf()")
        wait_until(home, settings, len(settings))
        try:
            yield
        finally:
            for name in settings:
                change = sql.SQL("RESET {}").format(sql.Identifier(name))
                session.execute(sql.SQL(statement).format(change))
            session.execute("SELECT pg_reload_conf()")
            wait_until(home, settings, 0)


def wait_until(home, names, number):
    """Wait, because a server reads its configuration again only some time after the request."""
    deadline = time.monotonic() + 60
    while True:
        with administration(home) as session:
            if session.execute(ARRIVED, [list(names)]).fetchone() == (number,):
                return
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def unusual_settings(version):
    """Many at once. ALTER SYSTEM accepts no missing tablespace, and none of plpgsql's."""
    settings = ALL_AT_ONCE | left_alone(version)
    return {
        name: value
        for name, value in settings.items()
        if "plpgsql" not in name and value != "nowhere"
    }


def test_a_servers_settings_change_nothing(home, way, url, tmp_path):
    """The audit compares the migrated and restored schema with the catalog of V1."""
    file = str(tmp_path / "x.dump")
    with administration(home) as session:
        settings = unusual_settings(session.info.server_version)
    with configured(home, way, settings):
        for arguments in (
            ["migrate"],
            ["backup_db", file],
            ["restore_db", file, "--replace", "--noinput"],
            ["audit_schema", "--url", url],
        ):
            result = in_process.run(url, tuple(arguments))
            assert (result.returncode, result.stderr) == (0, ""), (arguments, result)


def test_read_only_was_set_on_purpose(home, way, url):
    with configured(home, way, {"default_transaction_read_only": "on"}):
        for arguments in (["purge"], ["clearsessions"], ["reset_db", "--noinput"]):
            result = in_process.run(url, tuple(arguments))
            assert is_one_clear_line(result), (arguments, result)
            assert f"default_transaction_read_only is on ({WAYS[way][1]})" in result.stderr
            assert "Nothing was changed" in result.stderr


def test_timeouts_are_named(home, way, url):
    with administration(home) as session:
        limits = timeouts(session.info.server_version)
    with configured(home, way, limits):
        result = in_process.run(url, ("recount",))
        for name, value in limits.items():
            assert f"{name} is {value} ({WAYS[way][1]})" in result.stdout


#: Each commit waits for this replica, which does not exist.
ABSENT = {"synchronous_standby_names": "nobody"}


@pytest.fixture
def v1(home):
    """A database with V1, for all places."""
    url = f"postgresql://postgres@/postgres?host={home}"
    assert in_process.run(url, ("migrate",)).returncode == 0
    return url


@pytest.mark.parametrize(
    "arguments",
    [["purge"], ["recount"], ["clearsessions"], ["reset_db", "--noinput"], ["createcachetable"]],
    ids=" ".join,
)
def test_without_its_synchronous_replica_nothing_is_written(home, v1, arguments):
    """Otherwise the command would hang at its first commit, without a message."""
    with configured(home, "ALTER SYSTEM", ABSENT):
        result = in_process.run(v1, tuple(arguments))
        assert is_one_clear_line(result), result
        assert "synchronous_standby_names is nobody" in result.stderr
        assert "Nothing was changed" in result.stderr
        one_run = f"{v1}&options=-c%20synchronous_commit%3Dlocal"
        assert in_process.run(one_run, ("recount",)).returncode == 0


@contextmanager
def replica(home, name):
    """Within the block the server has a streaming replica of that name, which writes nothing."""
    # It streams until it is closed, and cannot commit first.
    with closing(administration(home, replication="true", application_name=name)) as session:
        start = session.execute("IDENTIFY_SYSTEM").fetchone()[2].decode()
        session.pgconn.send_query(f"START_REPLICATION {start}".encode())
        while session.pgconn.is_busy():
            select.select([session.fileno()], [], [])
            session.pgconn.consume_input()
        session.pgconn.get_result()
        # What it has written, flushed and replayed (PostgreSQL, 55.4).
        high, low = start.split("/")
        written = (int(high, 16) << 32) + int(low, 16)
        session.pgconn.put_copy_data(struct.pack("!cQQQQ?", b"r", *[written] * 3, 0, False))
        session.pgconn.flush()
        yield


@pytest.mark.parametrize(
    ("names", "is_enough"),
    [("FIRST 2 (a, b)", False), ("any 2 (a, b, c)", False), ("ANY 1 (a, b)", True), ("b, a", True)],
)
def test_as_many_replicas_as_a_commit_waits_for(home, v1, names, is_enough):
    """One is connected."""
    asked = "SELECT FROM pg_stat_replication WHERE sync_state <> 'async'"
    with administration(home) as session, replica(home, "a"):
        session.execute(sql.SQL("ALTER SYSTEM SET synchronous_standby_names = {}").format(names))
        session.execute("SELECT pg_reload_conf()")
        try:
            while not session.execute(asked).fetchall():
                time.sleep(0.02)
            with in_process.default_database(v1):
                awaited = read_session(connections["default"]).awaited_replicas
        finally:
            session.execute("ALTER SYSTEM RESET synchronous_standby_names")
            session.execute("SELECT pg_reload_conf()")
    assert awaited == (None if is_enough else names)


def test_a_backup_waits_for_no_replica(home, v1, tmp_path):
    with configured(home, "ALTER SYSTEM", ABSENT):
        for arguments in (["backup_db", str(tmp_path / "x.dump")], ["migrate"], ["audit_schema"]):
            result = in_process.run(v1, tuple(arguments))
            assert (result.returncode, result.stderr) == (0, ""), result


def test_a_commit_that_waits_for_a_replica_says_so(home, v1, monkeypatch, capsys):
    """Its replica disconnects while the command runs."""
    monkeypatch.setattr(limits_of_waits, "SILENT", 0)
    gone, told = threading.Event(), []

    def leave_and_come_back():
        with configured(home, "ALTER SYSTEM", ABSENT):
            gone.set()
            deadline = time.monotonic() + 60
            while not told and time.monotonic() < deadline:
                told.extend(capsys.readouterr().err.splitlines())
                time.sleep(0.05)

    with in_process.default_database(v1), bounded_waits(), transaction.atomic():
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT pg_logical_emit_message(true, '', '')")
        replica = threading.Thread(target=leave_and_come_back)
        replica.start()
        assert gone.wait(60)
    replica.join()
    assert told == [
        "A commit waits for a synchronous replica: connect it, or take it out of "
        "synchronous_standby_names, which is nobody"
    ]
