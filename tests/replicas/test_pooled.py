"""PgBouncer in front of a primary and its replica, in both modes: pages, commands, a failover."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError
from django.db import close_old_connections
from django.test import Client

from tests import acting, needs
from tests.replicas.conftest import REPLICA, a_site
from tests.replicas.pair import DATABASE, ROLE, Pair, connected, until
from tests.replicas.test_commands import FILL, run
from tests.replicas.test_failover import Failover, count, failover
from tests.replicas.test_pages import BEHIND, page_of
from tests.staff import make_user, signed_in
from veza_core.admin.account_actions import Ban
from veza_core.db.embedded.account import account_for
from veza_core.models import User, UserRole
from veza_core.operations.purge import batches

__all__ = ["failover"]

#: The database of the pooler that is the replica.
STANDBY = "veza_replica"
CONFIGURATION = """
[databases]
{database} = host={primary} dbname={database}
{standby_name} = host={standby} dbname={database}
[pgbouncer]
listen_addr =
unix_socket_dir = {home}
listen_port = 6432
auth_type = trust
auth_file = {home}/users
pool_mode = {mode}
ignore_startup_parameters = options
server_login_retry = 0
query_wait_timeout = 2
"""
#: PgBouncer ignores the startup parameter `options`, so the database has the setting.
SETTLED = f"ALTER DATABASE {DATABASE} SET search_path = public, django, pg_temp"
MODES = ["transaction", "session"]


@dataclass
class Pooler:
    """PgBouncer in front of two servers, which can be changed."""

    home: Path
    mode: str
    process: subprocess.Popen[bytes] | None = None

    def point(self, primary: str, standby: str) -> None:
        """Write the servers into its configuration, and reload it."""
        text = CONFIGURATION.format(
            home=self.home,
            mode=self.mode,
            primary=primary,
            standby=standby,
            database=DATABASE,
            standby_name=STANDBY,
        )
        (self.home / "pgbouncer.ini").write_text(text)
        if self.process:
            self.process.send_signal(signal.SIGHUP)

    def settings(self, name: str = DATABASE) -> dict[str, Any]:
        """The entry of DATABASES that connects to it."""
        return {"HOST": str(self.home), "PORT": "6432", "NAME": name}

    def host_of(self, name: str) -> str | None:
        """The data directory of the server behind that database; None if none answers."""
        try:
            with psycopg.connect(
                host=str(self.home), port="6432", user="postgres", dbname=name, autocommit=True
            ) as session:
                [directory] = session.execute("SHOW data_directory").fetchone() or [""]
                return str(directory)
        except psycopg.OperationalError:
            return None


@contextmanager
def pooler(pair: Pair, mode: str) -> Iterator[Pooler]:
    program = needs.program(
        "pgbouncer",
        "needs pgbouncer (Debian: apt install pgbouncer)",
        "/usr/sbin:/usr/bin:/usr/local/bin",
    )
    with pair.primary() as session:
        session.execute(SETTLED.encode())
    with tempfile.TemporaryDirectory() as temporary:
        made = Pooler(Path(temporary), mode)
        # PgBouncer runs as the servers' user, because it must reach their sockets and refuses root.
        account = account_for(Path(pair.host))
        made.point(pair.host, pair.standby.host)
        (made.home / "users").write_text(f'"postgres" ""\n"{ROLE}" ""\n')
        account.own_tree(made.home) if os.geteuid() == 0 else None
        user = {"user": account.uid, "group": account.gid} if os.geteuid() == 0 else {}
        with subprocess.Popen([program, "-q", made.home / "pgbouncer.ini"], **user) as process:
            made.process = process
            try:
                until(lambda: made.host_of(DATABASE), "pgbouncer")
                yield made
            finally:
                process.terminate()
    with pair.primary() as session:
        session.execute(f"ALTER DATABASE {DATABASE} RESET search_path".encode())


@pytest.mark.parametrize("mode", MODES)
def test_staff_read_back_the_text_they_wrote(
    pair: Pair,
    mode: str,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    django_db_blocker: Any,
) -> None:
    with (
        django_db_blocker.unblock(),
        pooler(pair, mode) as pool,
        a_site(pair, settings, monkeypatch, pool.settings(), pool.settings(STANDBY)) as site,
    ):
        bob = make_user("bob")
        colleague = signed_in(make_user("colleague", role=UserRole.SUPER_ADMIN))
        site.well()
        with pair.standby.paused():
            assert acting.take(site.client, bob, "ban", confirm="bob").status_code == 302
            assert "Lift the ban" in (own := site.client.get(page_of(bob)).text)
            assert BEHIND not in own
            assert site.sources[-1] == "primary"
            told = until(
                lambda: BEHIND in (text := colleague.get(page_of(bob)).text) and text, BEHIND
            )
            assert "Lift the ban" not in told
            assert site.sources[-1] == REPLICA
        site.well()
        assert "Lift the ban" in site.client.get(page_of(bob)).text
        # The pooler still accepts connections, but cannot reach the server.
        pair.standby.stop()
        assert site.source() == "primary"
        site.told("unreachable")
        pair.standby.start()
        site.told("ok")
        site.well()


#: Commands that hold a lock for a whole run, or share a snapshot between sessions.
HOLDS = ["migrate", "purge", "count_weekly_plays", "recount", "backup_db new.dump"]
READS = ["audit_schema --fail-on none", "purge --dry-run", "migrate --check", "migrate --plan"]


@pytest.mark.parametrize("mode", MODES)
def test_commands(pair: Pair, mode: str, django_db_blocker: Any, subtests: Any) -> None:
    with django_db_blocker.unblock(), pooler(pair, mode) as pool:
        with connected("", **pool.settings()):
            for command in HOLDS if mode == "transaction" else ():
                with subtests.test(command), pytest.raises(CommandError) as raised:
                    run(*command.split())
                assert "pooler" in str(raised.value)
                assert "\n" not in str(raised.value)
            for command in HOLDS[:4] if mode == "session" else ():
                with subtests.test(command):
                    run(*command.split())
        with connected("", **pool.settings(STANDBY)):
            for command in READS:
                with subtests.test(f"{command} on the replica"):
                    run(*command.split())


@pytest.mark.parametrize("mode", MODES)
def test_a_failover(
    failover: Failover,
    mode: str,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The pooler gets the new primary's address: staff and commands continue, nothing is lost."""
    pair = failover.pair
    with (
        pooler(pair, mode) as pool,
        a_site(pair, settings, monkeypatch, pool.settings(), pool.settings(STANDBY)) as site,
        undone(failover),
    ):
        site.client.raise_request_exception = False
        bob, carol = make_user("bob"), make_user("carol")
        assert acting.take(site.client, bob, "ban", confirm="bob").status_code == 302
        if mode == "session":
            purged(failover, monkeypatch)
        else:
            banned(failover, monkeypatch, site.client, carol)
        pool.point(failover.standby.host, pair.standby.host)
        until(lambda: pool.host_of(DATABASE) == str(failover.standby.server.data), "the pooler")
        # As Django does between two requests, which the tests' client does not.
        close_old_connections()
        if mode == "session":
            out, _ = run("purge", "--batch-size", "10")
            assert "rows were deleted" in out
            assert count(failover.standby.host, GONE) == 0
        assert set(User.objects.filter(is_banned=True)) == {bob}
        assert acting.take(site.client, carol, "ban", confirm="carol").status_code == 302
        assert set(User.objects.filter(is_banned=True)) == {bob, carol}
        assert "Lift the ban" in site.client.get(page_of(carol)).text
        assert site.sources[-1] == "primary"


GONE = "SELECT count(*) FROM public.users WHERE deleted_at IS NOT NULL"


@contextmanager
def undone(failover: Failover) -> Iterator[None]:
    try:
        yield
    finally:
        failover.undo()


def purged(failover: Failover, monkeypatch: pytest.MonkeyPatch) -> None:
    """A purge that the failover interrupts."""
    with failover.pair.primary() as session:
        session.execute(FILL.encode())
    with monkeypatch.context() as patch:
        patch.setattr(batches, "wait_for_replicas", lambda connection: failover.happen())
        with pytest.raises(CommandError, match="deleted, and the next purge") as raised:
            run("purge", "--batch-size", "10")
    assert "\n" not in str(raised.value)
    assert 0 < count(failover.standby.host, GONE) < 30


def banned(
    failover: Failover, monkeypatch: pytest.MonkeyPatch, client: Client, carol: User
) -> None:
    """The request of a form, which the failover interrupts."""
    change = Ban.change

    def interrupted(self: Ban, row: Any, work: Any) -> Any:
        done = change(self, row, work)
        failover.happen()
        return done

    with monkeypatch.context() as patch:
        patch.setattr(Ban, "change", interrupted)
        assert acting.take(client, carol, "ban", confirm="carol").status_code == 500
