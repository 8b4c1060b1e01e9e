"""Replicas that cannot be used, one of each kind: pages work, and /healthz says why."""

import socket
from typing import Any

import pytest
from django.db import connections

from tests.replicas.conftest import REPLICA, Site, a_site
from tests.replicas.pair import DATABASE, Pair
from tests.replicas.test_failover import Failover, failover  # noqa: F401

SECOND = "replica_2"


def test_it_stayed_behind_at_a_failover(
    pair: Pair,
    failover: Failover,  # noqa: F811
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another replica was promoted. This one follows the old primary, and has WAL that the new
    primary lacks.
    """
    failover.standby.execute("SELECT pg_promote()")
    with pair.primary() as session:
        session.execute("CREATE TABLE lost AS SELECT generate_series(1, 100000)")
        session.execute("DROP TABLE lost")
    pair.caught_up()
    with a_site(pair, settings, monkeypatch, {"HOST": failover.standby.host}) as site:
        assert [site.source() for _ in range(3)] == ["primary"] * 3
        assert site.health() == "another timeline"


def test_a_wrong_password(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """pg_hba.conf trusts connections by the socket; a new first line requires a password."""
    rules = site.pair.standby.server.data / "pg_hba.conf"
    before = rules.read_text()
    monkeypatch.setitem(connections.settings[REPLICA], "PASSWORD", "wrong")
    try:
        rules.write_text(f"local {DATABASE} veza_support scram-sha-256\n{before}")
        site.pair.standby.execute("SELECT pg_reload_conf()")
        site.told("the role cannot sign in")
        assert site.source() == "primary"
    finally:
        rules.write_text(before)
        site.pair.standby.execute("SELECT pg_reload_conf()")
    site.well()


def test_one_of_two_is_silent(site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every page works, from the other replica as soon as the silent one is noticed."""
    monkeypatch.setattr("veza_site.replicas.replica.LOOK_EVERY", 1000)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = {"HOST": "127.0.0.1", "PORT": str(silent.getsockname()[1]), "CONNECT_WITHIN": 0.2}
        monkeypatch.setitem(
            connections.settings, SECOND, {**connections.settings[REPLICA], **place}
        )
        settings.REPLICAS = [REPLICA, SECOND]
        sources = []
        while "unreachable" not in site.states().values():
            sources.append(site.source())
        assert {*sources} <= {REPLICA, "primary"}
        assert [site.source() for _ in range(5)] == [REPLICA] * 5
        assert site.states() == {REPLICA: "ok", SECOND: "unreachable"}


def test_several_hosts(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """libpq tries the next host."""
    host = f"/no such directory,{site.pair.standby.host}"
    monkeypatch.setitem(connections.settings[REPLICA], "HOST", host)
    monkeypatch.setitem(connections.settings[REPLICA], "PORT", "5432,5432")
    site.well()


def test_promoted_between_two_pages(
    pair: Pair,
    failover: Failover,  # noqa: F811
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with a_site(pair, settings, monkeypatch, standby={"HOST": failover.standby.host}) as site:
        site.well()
        failover.standby.execute("SELECT pg_promote()")
        assert site.source() == "primary"
        assert site.health() == "not a replica"
