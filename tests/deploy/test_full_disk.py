"""If the disk is full during a migration: one line, nothing half done, and the next run succeeds.

A limit on the size of files replaces a full disk, because any user can set it: PostgreSQL gets an
error from the same call. It applies to the session of `migrate`, so the services continue.
"""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db.backends.signals import connection_created

from tests import in_process
from tests.clusters import running_cluster
from tests.deploy.clients import NOT_COPIED, PATIENCE, Clients, first, new, old
from tests.deploy.later import on_disk
from tests.deploy.releases import until
from tests.replicas.pair import DATABASE, connected, programs, without_contrib
from tests.replicas.pair import until as wait_until
from tests.support import is_one_clear_line
from veza_core.db.embedded.account import Account

pytestmark = pytest.mark.django_db

#: The size of a WAL file, which is below the limit; the table and the index are larger.
SEGMENT = 2**20
TRACKS = 4000
ROWS = f"""
INSERT INTO users (email, username) VALUES ('x@x.co', 'somebody');
INSERT INTO tracks (user_id, title, slug, album, genre, file_path, status)
SELECT (SELECT id FROM users), rpad(n || ' ', 255, 'x'), 'slug' || n, 'album', 'jazz', '/', 'ready'
FROM generate_series(1, {TRACKS}) n;
"""
INDEX = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('public.{}')"
COLUMNS = """
SELECT count(*) FROM pg_attribute
WHERE attrelid = 'public.tracks'::regclass AND attname IN ('album', 'release_year')
"""


class Server:
    """The server in which a release is migrated."""

    def __init__(self, host: Path) -> None:
        self.host = str(host)
        self.url = f"postgresql://postgres@/{DATABASE}?host={host}"

    def one(self, query: str) -> Any:
        with psycopg.connect(self.url) as session:
            row = session.execute(query).fetchone()
        return row[0] if row else None

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url).close()
        except psycopg.OperationalError:
            return False
        return True

    def limit(self, pid: int, size: int) -> None:
        """Limit the files of this session, in bytes."""
        # Its own user may do this; root may not, on some machines.
        done = Account.owner_of(Path(self.host)).run(
            ["prlimit", f"--pid={pid}", f"--fsize={size}"], [], capture_output=True
        )
        assert done.returncode == 0, done.stderr

    def migrate(self, version: str) -> subprocess.CompletedProcess[str]:
        with on_disk(until(version)):
            return in_process.run(self.url, ("migrate", "--no-audit"))

    @contextmanager
    def full(self, statement: str, number: int = 1, size: int = SEGMENT) -> Iterator[None]:
        """In the block, the disk is full for `migrate` from this statement on."""
        numbers = iter(range(1, number + 1))
        met = []

        def execute(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
            if statement in str(sql) and next(numbers, 0) == number:
                met.append(sql)
                self.limit(context["connection"].connection.info.backend_pid, size)
            return execute(sql, params, many, context)

        def watch(connection: Any, **_: Any) -> None:
            connection.execute_wrappers.append(execute)

        connection_created.connect(watch)
        try:
            yield
        finally:
            connection_created.disconnect(watch)
        assert met

    @contextmanager
    def services(self, *changes: Any) -> Iterator[None]:
        """Run the services of these releases in the block; none may fail."""
        parameters = {"conninfo": self.url, "options": f"-c lock_timeout={PATIENCE}"}
        clients = Clients()
        with clients.running(*((str(n), parameters, each) for n, each in enumerate(changes))):
            yield
        assert clients.errors == []


@pytest.fixture
def server() -> Iterator[Server]:
    settings = {"autovacuum": "off", "wal_segment": SEGMENT // 2**20}
    with running_cluster(programs(), auth="trust", **settings) as host:
        with psycopg.connect(host=str(host), user="postgres", autocommit=True) as session:
            session.execute(f"CREATE DATABASE {DATABASE}".encode())
        with connected(str(host)), without_contrib(str(host)):
            call_command("migrate", interactive=False, verbosity=0, audit=False)
        made = Server(host)
        with psycopg.connect(made.url) as session:
            session.execute(ROWS)
        yield made


def told(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a failed run, without the lines about a slower backfill."""
    done.stderr = re.sub(r".*: smaller batches\n", "", done.stderr)
    assert is_one_clear_line(done), done.stdout + done.stderr
    return done.stderr


def applied(done: subprocess.CompletedProcess[str]) -> set[str]:
    """The migrations that a run has committed."""
    return set(re.findall(r"\d+_rehearsed", done.stdout))


def test_each_release_is_completed_when_there_is_room_again(server, settings):
    settings.BACKFILL_BATCH_SIZE = 500
    with server.services(first):
        # In a batch of a backfill: earlier batches stay.
        with server.full("UPDATE ONLY", 3):
            begun = server.migrate("1.1")
        assert "could not extend file" in told(begun)
        assert 0 < server.one("SELECT count(*) FROM tracks WHERE record = album") < TRACKS
        # In a concurrent build of an index: it leaves an invalid index.
        with server.full('INDEX CONCURRENTLY "idx_tracks_title_id"'):
            went_on = server.migrate("1.1")
        assert "could not " in told(went_on)
        assert server.one(INDEX.format("idx_tracks_title_id")) is False
        finished = server.migrate("1.1")
        assert finished.returncode == 0, finished.stderr
        assert server.one(INDEX.format("idx_tracks_title_id")) is True
        assert server.one(NOT_COPIED) == 0
        assert applied(begun)
        assert applied(went_on)
        assert applied(finished)
        assert not applied(begun) & applied(went_on)
        assert not (applied(begun) | applied(went_on)) & applied(finished)
    with server.services(old, new):
        with server.full("UPDATE ONLY", 2):
            assert "could not extend file" in told(server.migrate("1.2"))
        assert 0 < server.one("SELECT count(*) FROM tracks WHERE mood IS NOT NULL") < TRACKS
        assert server.migrate("1.2").returncode == 0
        assert server.one("SELECT count(*) FROM tracks WHERE mood IS NULL") == 0
    # In the WAL: the server itself stops, and recovers. The whole transaction is undone.
    with server.full("DROP COLUMN release_year", size=0):
        told(server.migrate("1.3"))
    wait_until(server.answers, "the server")
    assert server.one(COLUMNS) == 1
    assert server.migrate("1.3").returncode == 0
    assert server.one(COLUMNS) == 0
    with server.services(new):
        assert "Nothing to do" in server.migrate("1.3").stdout
