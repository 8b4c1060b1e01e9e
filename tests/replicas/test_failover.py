"""A failover during a command, and during an action in the admin: the replica is promoted.

The URL has both servers, and `target_session_attrs=read-write`.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from tests import acting
from tests.replicas.pair import (
    DATABASE,
    KEPT,
    LONGEST,
    Pair,
    Standby,
    programs,
    settings_for,
    standby_of,
    until,
    without_contrib,
)
from tests.replicas.test_commands import FILL, run
from tests.staff import make_user, signed_in
from veza_core.admin.account_actions import Ban
from veza_core.counted import counted
from veza_core.db.embedded.account import account_for
from veza_core.db.embedded.server import Server
from veza_core.db.url import database_settings
from veza_core.errors import clear_line
from veza_core.models import User, UserRole
from veza_core.operations.deploy.executor import Executor
from veza_core.operations.purge import batches


@dataclass
class Failover:
    """A second replica of the primary, which takes over."""

    pair: Pair
    standby: Standby
    done: bool = False

    def happen(self) -> None:
        """Wait until the replica has all commits, stop the primary, and promote the replica."""
        if self.done:
            return
        self.done = True
        with self.pair.primary() as session:
            [position] = session.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone()
        query = f"SELECT pg_last_wal_replay_lsn() >= '{position}'"
        until(lambda: self.standby.execute(query) == [(True,)], "the replica")
        primary(self.pair).stop(LONGEST)
        self.standby.execute("SELECT pg_promote()")

    def undo(self) -> None:
        """Stop the replica, and start the old primary again."""
        self.standby.stop()
        primary(self.pair).start(LONGEST)


def primary(pair: Pair) -> Server:
    """The pair's primary, to stop and to start."""
    data = Path(pair.host)
    kept = [f"{name}={value}" for name, value in KEPT.items()]
    return Server(programs(), data, account_for(data), ["fsync=off", *kept])


@pytest.fixture
def failover(pair: Pair, django_db_blocker: Any) -> Iterator[Failover]:
    with tempfile.TemporaryDirectory() as temporary, django_db_blocker.unblock():
        home = Path(temporary)
        account_for(home).own(home)
        standby = standby_of(pair.host, home).start()
        url = (
            f"postgresql://postgres@/{DATABASE}?host={pair.host},{standby.host}"
            "&port=5432,5432&target_session_attrs=read-write"
        )
        before, entry = connections["default"], database_settings(url)
        connections["default"] = type(before)({**settings_for(""), **entry}, "default")
        made = Failover(pair, standby)
        try:
            yield made
        finally:
            connections["default"].close()
            connections["default"] = before
            made.undo()
            pair.empty()
            with pair.primary() as session:
                session.execute("DROP DATABASE IF EXISTS migrated_midway")


def count(host: str, query: str) -> int:
    with psycopg.connect(host=host, user="postgres", dbname=DATABASE) as session:
        [number] = session.execute(query.encode()).fetchone() or [0]
        return int(number)


def test_a_purge_continues_where_it_stopped(
    failover: Failover, monkeypatch: pytest.MonkeyPatch
) -> None:
    with failover.pair.primary() as session:
        session.execute(FILL.encode())
    monkeypatch.setattr(batches, "wait_for_replicas", lambda connection: failover.happen())
    with pytest.raises(CommandError, match="deleted, and the next purge") as raised:
        run("purge", "--batch-size", "10")
    assert "\n" not in str(raised.value)
    left = count(failover.standby.host, "SELECT count(*) FROM public.users")
    assert 0 < left < 30
    out, _ = run("purge", "--batch-size", "10")
    assert f"{counted(left, 'row was', 'rows were')} deleted" in out
    assert count(failover.standby.host, "SELECT count(*) FROM public.users") == 0


def test_a_migrate_continues_where_it_stopped(
    failover: Failover, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "migrated_midway"
    with failover.pair.primary() as session:
        session.execute(f"CREATE DATABASE {name}".encode())
    entry = connections["default"].settings_dict
    monkeypatch.setitem(entry, "NAME", name)
    apply = Executor.apply_migration

    def apply_migration(self: Executor, state: Any, migration: Any, *args: Any, **options: Any):
        if migration.name == "040_streaming_core":
            failover.happen()
        return apply(self, state, migration, *args, **options)

    monkeypatch.setattr(Executor, "apply_migration", apply_migration)
    quiet = {"interactive": False, "verbosity": 0, "audit": False}
    with without_contrib(entry["HOST"]):
        with pytest.raises(Exception) as raised:  # noqa: PT011 - its class depends on the driver
            call_command("migrate", **quiet)
        told = clear_line(raised.value) or str(raised.value)
        assert isinstance(raised.value, CommandError) or clear_line(raised.value)
        assert "\n" not in told
        assert "57P01" in told
        connections["default"].close()
        call_command("migrate", **quiet)
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM django.django_migrations WHERE name LIKE '900%%'", [])
        assert cursor.fetchone() == (1,)


def test_staff_go_on_in_their_session(failover: Failover, monkeypatch: pytest.MonkeyPatch) -> None:
    """The finished ban is kept; the interrupted one was rolled back, and succeeds the next time."""
    client = signed_in(make_user("staff", role=UserRole.SUPER_ADMIN))
    client.raise_request_exception = False
    bob, carol = make_user("bob"), make_user("carol")
    assert acting.take(client, bob, "ban", confirm="bob").status_code == 302
    change = Ban.change

    def interrupted(self: Ban, row: Any, work: Any) -> Any:
        done = change(self, row, work)
        failover.happen()
        return done

    monkeypatch.setattr(Ban, "change", interrupted)
    assert acting.take(client, carol, "ban", confirm="carol").status_code == 500
    # As Django does between two requests, which the tests' client does not.
    connections["default"].close_if_unusable_or_obsolete()
    assert set(User.objects.filter(is_banned=True)) == {bob}
    assert acting.take(client, carol, "ban", confirm="carol").status_code == 302
    assert set(User.objects.filter(is_banned=True)) == {bob, carol}
    # The staff log also has the entries of other tests, because nothing is deleted from it.
    banned = [str(bob.pk), str(carol.pk)]
    told = [entry.subject_id for entry in acting.entries("users.ban")]
    assert sorted(each for each in told if each in banned) == sorted(banned)
