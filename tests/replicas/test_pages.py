"""Pages of the admin from a replica: what they show, and when they are read from the primary."""

import socket
import threading
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from django.db import OperationalError, connections

from tests import acting
from tests.replicas.conftest import REPLICA, Site
from tests.replicas.pair import LONGEST, Pair, settings_for, until
from tests.staff import make_user, signed_in
from veza_core.admin.users import UserAdmin
from veza_core.db.backend.bounded import watch
from veza_core.models import User, UserRole
from veza_core.screens.errors import TooSlowError
from veza_core.screens.reading import reading
from veza_site.replicas import lag, source
from veza_site.replicas.replica import replica
from veza_site.status import attention
from veza_site.status.questions import admin_replicas

BEHIND = "seconds behind"


def page_of(user: User) -> str:
    return f"/admin/veza_core/user/{user.pk}/"


def test_pages_come_from_the_replica(site: Site) -> None:
    assert site.source() == REPLICA
    assert site.source("/admin/") == REPLICA
    assert BEHIND not in site.client.get("/admin/veza_core/user/").text
    assert site.health() == "ok"


def test_staff_read_back_the_text_they_wrote(site: Site) -> None:
    bob = make_user("bob")
    colleague = signed_in(make_user("colleague", role=UserRole.SUPER_ADMIN))
    site.well()
    with site.pair.standby.paused():
        assert acting.take(site.client, bob, "ban", confirm="bob").status_code == 302
        assert "Lift the ban" in (own := site.client.get(page_of(bob)).text)
        assert BEHIND not in own
        assert site.sources[-1] == "primary"
        told = until(lambda: BEHIND in (text := colleague.get(page_of(bob)).text) and text, BEHIND)
        assert "Lift the ban" not in told
        assert site.sources[-1] == REPLICA
    site.well()
    assert "Lift the ban" in site.client.get(page_of(bob)).text
    assert "Lift the ban" in colleague.get(page_of(bob)).text


def test_too_far_behind(site: Site, settings) -> None:
    site.well()
    settings.REPLICA_MAX_LAG = 1.5
    with site.pair.standby.paused():
        make_user("late")
        until(lambda: site.source() == "primary", "a page from the primary")
        site.told("too far behind")
        assert "late" in site.client.get("/admin/veza_core/user/").text
    site.told("ok")
    site.well()


def test_the_replica_stops_and_comes_back(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.well()
    site.pair.standby.stop()
    assert site.source() == "primary"
    site.told("unreachable")
    assert [record.message for record in caplog.records if REPLICA in record.message] == [
        f"{REPLICA} is not used, the admin reads from the primary: unreachable"
    ]
    host = site.pair.standby.start().host
    assert host == site.pair.standby.host
    site.told("ok")
    site.well()


@pytest.mark.parametrize("statement", ["SELECT pg_sleep(600) FROM public.users", "SELECT 1"])
def test_a_recovery_conflict_within_a_page(
    site: Site, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    """While a statement runs, and between two statements of the page."""
    site.well()
    title, calls = UserAdmin.title_of, []

    def conflict(self, row):
        alias = self.read_alias
        calls.append(alias)
        if alias == REPLICA:
            with site.pair.primary() as session, session.transaction():
                session.execute("LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE")
                # A lock is in the WAL only if its transaction writes.
                session.execute("SELECT pg_current_xact_id()")
            with connections[alias].cursor() as cursor:
                while True:
                    cursor.execute(statement)
        return title(self, row)

    monkeypatch.setattr(UserAdmin, "title_of", conflict)
    # Nothing else checks the replica: the reason in /healthz is the error of the page.
    monkeypatch.setattr("veza_site.replicas.replica.LOOK_EVERY", 1000)
    answer = site.client.get(page_of(site.staff))
    assert (answer.status_code, calls) == (200, [REPLICA, "support"])
    assert BEHIND not in answer.text
    # PostgreSQL ends a session that is idle in its transaction, and its last message may be lost.
    lost = {"unreachable"} if statement == "SELECT 1" else set()
    assert site.health() in {"recovery conflict", *lost}
    monkeypatch.setattr("veza_site.replicas.replica.LOOK_EVERY", 0.1)
    monkeypatch.setattr(UserAdmin, "title_of", title)
    site.told("ok")


def test_the_replica_goes_within_a_page(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.well()
    title, calls = UserAdmin.title_of, []

    def killed(self, row):
        calls.append(self.read_alias)
        if self.read_alias == REPLICA:
            pid = connections[REPLICA].connection.info.backend_pid
            site.pair.standby.execute(f"SELECT pg_terminate_backend({pid}, 60000)")
        return title(self, row)

    monkeypatch.setattr(UserAdmin, "title_of", killed)
    assert site.client.get(page_of(site.staff)).status_code == 200
    assert calls == [REPLICA, "support"]


def test_the_replica_stands_still_within_a_page(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its machine still acknowledges TCP packets, so no TCP timeout ends the connection."""
    entry = {**connections.settings[REPLICA], "CONNECT_WITHIN": 4.0}
    monkeypatch.setitem(connections.settings, REPLICA, entry)
    site.well()
    title, calls, frozen = UserAdmin.title_of, [], ExitStack()

    def stopped(self, row):
        calls.append(self.read_alias)
        if self.read_alias == REPLICA:
            frozen.enter_context(site.pair.standby.frozen())
            # Otherwise, if the page waited for the replica, the test would never end.
            late = threading.Timer(LONGEST, frozen.close)
            frozen.callback(late.cancel)
            late.start()
        return title(self, row)

    monkeypatch.setattr(UserAdmin, "title_of", stopped)
    with frozen:
        assert site.client.get(page_of(site.staff)).status_code == 200
        assert calls == [REPLICA, "support"]
        assert site.health() == "unreachable"
    monkeypatch.setattr(UserAdmin, "title_of", title)
    site.well()


def test_a_statement_may_take_long(pair: Pair) -> None:
    asked = []

    def connect() -> psycopg.Connection:
        asked.append(True)
        return pair.primary()

    with pair.primary() as session:
        watch(session, 0.5, connect)
        assert session.execute("SELECT pg_sleep(1.5), 'slept'").fetchone() == ("", "slept")
    assert asked


def test_status_and_metrics_report_it(site: Site, settings) -> None:
    settings.METRICS_TOKEN = "0123456789abcdef"
    site.well()
    answer = admin_replicas(connections["default"])
    assert answer[REPLICA] == {"left_because": "", "seconds_behind": 0.0}
    assert list(attention.CHECKS["admin_replicas"](answer)) == []
    settings.REPLICA_MAX_LAG = 0.01
    with site.pair.standby.paused():
        make_user("late")
        answer = until(
            lambda: (
                (found := admin_replicas(connections["default"]))[REPLICA]["left_because"] and found
            ),
            "a replica that is left",
        )
        assert answer[REPLICA]["left_because"] == "too far behind"
        assert answer[REPLICA]["seconds_behind"] > 0.01
        told = "the admin does not read from replica_1: too far behind"
        assert list(attention.CHECKS["admin_replicas"](answer)) == [told]
        bearer = {"Authorization": "Bearer 0123456789abcdef"}
        metrics = site.client.get("/metrics", headers=bearer).text
        assert f'veza_admin_replica_used{{replica="{REPLICA}"}} 0\n' in metrics
    site.told("ok")


def test_a_cancelled_statement_was_a_timeout_or_not(site: Site) -> None:
    """A recovery conflict may have the SQLSTATE of a timeout, but only a conflict has a detail."""
    raising = "DO $$ BEGIN RAISE 'stopped' USING ERRCODE = '57014'{}; END $$"
    for detail, error in (("", TooSlowError), (", DETAIL = 'rows'", OperationalError)):
        with pytest.raises(error), reading(REPLICA), connections[REPLICA].cursor() as cursor:
            cursor.execute(raising.format(detail))


def test_what_the_replica_has_not_yet_is_no_error(site: Site) -> None:
    """A release reads a new column before the replica has the migration."""
    site.well()
    with site.pair.primary() as session:
        session.execute("ALTER TABLE public.users RENAME COLUMN slug TO slug_before")
        site.pair.caught_up()
        with site.pair.standby.paused():
            session.execute("ALTER TABLE public.users RENAME COLUMN slug_before TO slug")
            assert site.client.get(page_of(site.staff)).status_code == 200
            assert site.health() == "ok"
    site.well()


def test_an_error_of_the_primary_is_not_the_replicas(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self, row):
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT no_such_function()")

    monkeypatch.setattr(UserAdmin, "title_of", broken)
    site.well()
    with pytest.raises(Exception, match="no_such_function"):
        site.client.get(page_of(site.staff))
    assert site.health() == "ok"


def test_an_idle_primary_leaves_nobody_behind(site: Site) -> None:
    """The last commit is an hour ago, and nothing is missing."""
    primary = lag.read_primary(connections["default"])
    assert primary is not None
    later = replace(primary, now=primary.now + timedelta(hours=1))
    site.pair.caught_up()
    assert lag.read_replica(connections[REPLICA], later)[1] == 0.0


def test_one_write_after_an_idle_hour_is_not_an_hour(site: Site, monkeypatch) -> None:
    site.pair.caught_up()
    monkeypatch.setattr(lag, "_samples", lag.deque(maxlen=10))
    lag.read_primary(connections["default"])
    with site.pair.standby.paused(), site.pair.primary() as session:
        session.execute("SELECT pg_logical_emit_message(false, 'test', 'x')")
        primary = lag.read_primary(connections["default"])
        assert primary is not None
        later = replace(primary, now=primary.now + timedelta(hours=1))
        _, behind = lag.read_replica(connections[REPLICA], later)
        assert 0 < behind < 600


@pytest.mark.parametrize(("dbname", "why"), [("veza", "not a replica"), ("postgres", "another")])
def test_an_address_that_is_no_replica(site: Site, monkeypatch, dbname: str, why: str) -> None:
    if dbname == "postgres":
        with site.pair.primary() as session:
            session.execute("GRANT CONNECT ON DATABASE postgres TO veza_support")
    role = {key: connections.settings[REPLICA][key] for key in ("USER", "PASSWORD")}
    host = site.pair.host if dbname == "veza" else site.pair.standby.host
    monkeypatch.setitem(connections.settings, REPLICA, settings_for(host, **role, NAME=dbname))
    assert site.source() == "primary"
    assert why in site.health()


def test_a_silent_address_is_tried_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts connections and sends nothing, like a server that hangs. libpq would wait."""
    monkeypatch.setattr("veza_site.replicas.replica.LOOK_EVERY", 1000)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = {"HOST": "127.0.0.1", "PORT": str(silent.getsockname()[1])}
        silent.settimeout(0)
        entry = {**connections.settings[REPLICA], **place, "CONNECT_WITHIN": 0.2}
        monkeypatch.setitem(connections.settings, REPLICA, entry)
        assert [site.source() for _ in range(5)] == ["primary"] * 5
        assert site.health() == "unreachable"
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_other_requests_do_not_wait_while_one_tries_the_replica(site: Site) -> None:
    known = replica(REPLICA)
    known._trying[0] = float("-inf")
    assert site.source() == "primary"
    del known._trying[0]
    assert site.source() == REPLICA


def test_no_page_writes_to_the_replica(site: Site) -> None:
    site.well()
    with connections[REPLICA].cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        assert cursor.fetchone() == ("on",)
        with pytest.raises(Exception, match="read-only"):
            cursor.execute("DELETE FROM public.users")


def test_a_position_of_another_server_is_forgotten(site: Site, settings) -> None:
    """After a failover, or a restore, the primary may be behind a session's stored position."""
    settings.REPLICA_MAX_LAG = 30
    session = {source.WRITTEN: [2**60, 0]}
    assert source._needed(session) == 0  # type: ignore[arg-type]
