"""A primary with V1 and its streaming replica: two real servers on this machine."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
import psycopg
from django.core.management import call_command
from django.db import connection, connections

from tests.clusters import running_cluster
from veza_core.db import embedded
from veza_core.db.embedded.account import account_for
from veza_core.db.embedded.server import Server
from veza_site.roles.sync import sync
from veza_site.roles.wanted import READER, LoginRole

DATABASE, ROLE, PASSWORD = "veza", "veza_support", "s3cret pw"

#: Enough WAL for a replica that is behind or delayed.
KEPT = {"wal_keep_size": "1GB"}

#: Seconds that a test waits for an event that an idle machine reports at once.
LONGEST = 60.0


def until(holds: Callable[[], Any], what: str) -> Any:
    """Wait until a condition is true; return the result of `holds`."""
    deadline = time.monotonic() + LONGEST
    while not (found := holds()):
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.02)
    return found


@cache
def programs() -> Path:
    """The programs of the server that the tests run on; it is on this machine."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
        return Path(cursor.fetchone()[0])


@dataclass(frozen=True)
class Standby:
    """A replica that can be stopped, started, promoted and delayed."""

    server: Server
    host: str = ""

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement as the superuser; repeat it after each conflict with recovery.

        `max_standby_streaming_delay` is 0: replay may end this session at any time, even while it
        connects.
        """
        return until(lambda: self._attempt(statement), "an end of the conflicts")[0]

    def _attempt(self, statement: str) -> tuple[list[tuple[Any, ...]]] | None:
        """The rows; None after a conflict."""
        try:
            with psycopg.connect(
                host=self.host, user="postgres", dbname=DATABASE, autocommit=True
            ) as session:
                cursor = session.execute(statement.encode())
                return (cursor.fetchall() if cursor.description else [],)
        except psycopg.OperationalError as error:
            # An error while connecting has no SQLSTATE.
            if "conflict with recovery" not in str(error):
                raise
            return None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """In the block, it receives WAL, but does not apply it."""
        self.execute("SELECT pg_wal_replay_pause()")
        until(
            lambda: self.execute("SELECT pg_get_wal_replay_pause_state() = 'paused'") == [(True,)],
            "the pause",
        )
        try:
            yield
        finally:
            self.resume()

    def resume(self) -> None:
        """Apply again."""
        self.execute("SELECT pg_wal_replay_resume()")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """In the block, all of its processes are suspended, as on a machine that hangs."""
        pid = int((self.server.data / "postmaster.pid").read_text().split()[0])
        postmaster = psutil.Process(pid)
        # First the postmaster, so that it starts no other process.
        postmaster.suspend()
        processes = [postmaster, *postmaster.children()]
        for process in processes[1:]:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                process.resume()

    def apply_late(self, delay: str) -> None:
        """Apply each commit this much later, as a delayed replica does."""
        self.execute(f"ALTER SYSTEM SET recovery_min_apply_delay = '{delay}'")
        self.execute("SELECT pg_reload_conf()")

    def start(self) -> "Standby":
        """Start it; return it with its address."""
        return replace(self, host=self.server.start(LONGEST))

    def stop(self) -> None:
        """Stop it by a fast shutdown."""
        self.server.stop(LONGEST)


@dataclass(frozen=True)
class Pair:
    """The two servers."""

    host: str
    standby: Standby

    def primary(self) -> psycopg.Connection[Any]:
        """A session of the superuser."""
        return psycopg.connect(host=self.host, user="postgres", dbname=DATABASE, autocommit=True)

    def empty(self) -> None:
        """Delete all accounts, also soft-deleted ones, with their rows."""
        with self.primary() as session:
            session.execute("DELETE FROM public.users")

    def caught_up(self) -> None:
        """Wait until the replica has all that the primary has."""
        with self.primary() as session:
            [position] = session.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()
        until(
            lambda: (
                self.standby.execute(f"SELECT pg_last_wal_replay_lsn() >= '{position}'")
                == [(True,)]
            ),
            "the replica",
        )


def standby_of(host: str, home: Path, name: str = "standby", **settings: object) -> Standby:
    """Copy a running server into a new replica, which is not started yet."""
    account, directory = account_for(home), home / name
    done = account.run(
        [
            *(programs() / "pg_basebackup", "-h", host, "-U", "postgres", "-D", str(directory)),
            *("-R", "-X", "stream", "--checkpoint=fast", "--no-sync"),
        ],
        [programs() / "pg_basebackup", home],
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    options = ["fsync=off", *(f"{key}={value}" for key, value in settings.items())]
    return Standby(Server(programs(), directory, account, options))


@contextmanager
def new_pair() -> Iterator[Pair]:
    """Start both servers, with V1 and the role that reads."""
    with (
        tempfile.TemporaryDirectory() as temporary,
        # Rows that autovacuum removes would cancel reads from the replica, at any moment.
        running_cluster(programs(), auth="trust", autovacuum="off", **KEPT) as host,
    ):
        home = Path(temporary)
        account_for(home).own(home)
        with psycopg.connect(host=str(host), user="postgres", autocommit=True) as session:
            session.execute(f"CREATE DATABASE {DATABASE}".encode())
        with connected(str(host)), without_contrib(str(host)):
            call_command("migrate", interactive=False, verbosity=0, audit=False)
        with psycopg.connect(
            host=str(host), user="postgres", dbname=DATABASE, autocommit=True
        ) as session:
            sync(
                session,
                LoginRole(READER, ROLE, PASSWORD, DATABASE),
                dry_run=False,
                revoke_from_public=True,
            )
        standby = standby_of(
            str(host), home, max_standby_streaming_delay=0, wal_receiver_status_interval="1s"
        ).start()
        try:
            yield Pair(str(host), standby)
        finally:
            standby.stop()


@contextmanager
def without_contrib(host: str) -> Iterator[None]:
    """In the block, V1 accepts the wheel's PostgreSQL, which lacks two extensions."""
    if not programs().samefile(embedded.program("postgres").parent):
        yield
        return
    entry = connections["default"].settings_dict
    with (
        mock.patch.dict(entry, EMBEDDED={"data_directory": "", "database": DATABASE}),
        mock.patch.object(embedded, "start", return_value=host),
    ):
        yield


def settings_for(host: str, **changes: Any) -> dict[str, Any]:
    """An entry of DATABASES for a server of the pair; `changes` replaces its settings."""
    before = {
        key: value
        for key, value in connections.settings["default"].items()
        if key not in ("EMBEDDED", "USER", "PASSWORD", "HOST", "PORT", "NAME")
    }
    place = {"NAME": DATABASE, "USER": "postgres", "PASSWORD": "", "HOST": host, "PORT": "5432"}
    return {**before, **place, **changes}


@contextmanager
def connected(host: str, **changes: Any) -> Iterator[None]:
    """In the block, Django's default connection is connected to this server."""
    before = connections["default"]
    connections["default"] = type(before)(settings_for(host, **changes), "default")
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"] = before
