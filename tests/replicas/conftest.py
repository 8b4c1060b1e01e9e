"""A pair of servers for all tests of the directory, and the site that reads from the replica."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.test import Client
from django.urls import get_resolver

from tests.replicas.pair import PASSWORD, ROLE, Pair, connected, new_pair, settings_for, until
from tests.staff import make_user, signed_in
from veza_core.models import User, UserRole
from veza_site.replicas import middleware
from veza_site.replicas.replica import replica

REPLICA = "replica_1"


@pytest.fixture(scope="package")
def pair(django_db_blocker: Any) -> Iterator[Pair]:
    with django_db_blocker.unblock(), new_pair() as made:
        yield made


@dataclass
class Site:
    """The site: its default connection is to the primary, and its pages read from the replica."""

    pair: Pair
    staff: User
    client: Client
    #: The server from which each page was read first: `replica_1`, or `primary`.
    sources: list[str] = field(default_factory=list)

    def source(self, path: str = "/admin/veza_core/user/") -> str:
        """Request a page, which must succeed; return the server from which it was read first."""
        assert self.client.get(path).status_code == 200
        return self.sources[-1]

    def health(self) -> str:
        """The state of the replica in /healthz."""
        return self.states()[REPLICA]

    def states(self) -> dict[str, str]:
        """The state of each replica in /healthz."""
        answer = self.client.get("/healthz")
        assert answer.status_code == 200
        found: dict[str, str] = answer.json()["replicas"]
        return found

    def told(self, why: str) -> None:
        """Wait until /healthz reports this state."""
        until(lambda: self.health() == why, why)

    def well(self) -> None:
        """Wait until the replica has everything, and pages are read from it."""
        self.pair.caught_up()
        until(lambda: self.source() == REPLICA, "a page from the replica")


@pytest.fixture
def site(
    pair: Pair, settings: Any, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any
) -> Iterator[Site]:
    with django_db_blocker.unblock(), a_site(pair, settings, monkeypatch) as made:
        yield made


@contextmanager
def a_site(
    pair: Pair,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    primary: dict[str, Any] | None = None,
    standby: dict[str, Any] | None = None,
) -> Iterator[Site]:
    """The site. `primary` and `standby` are the addresses of the servers, by default their own
    sockets.
    """
    primary = primary or {"HOST": pair.host}
    standby = standby or {"HOST": pair.standby.host}
    assert get_resolver().url_patterns
    assert connections.settings is settings.DATABASES
    role = {"USER": ROLE, "PASSWORD": PASSWORD}
    support = settings_for("", **role, **primary)
    monkeypatch.setitem(connections.settings, "support", support)
    monkeypatch.setitem(
        connections.settings, REPLICA, settings_for("", **role, **standby, CONNECT_WITHIN=10.0)
    )
    settings.REPLICAS = [REPLICA]
    monkeypatch.setattr("veza_site.replicas.replica.LOOK_EVERY", 0.1)
    monkeypatch.setattr("veza_site.health.FRESH", 0.0)
    replica.cache_clear()
    with connected("", **primary):
        ContentType.objects.clear_cache()
        staff = make_user("staff", role=UserRole.SUPER_ADMIN)
        made = Site(pair, staff, signed_in(staff))

        def choose(session: Any) -> Any:
            chosen = real(session)
            made.sources.append(chosen[0].alias if chosen else "primary")
            return chosen

        real = middleware.choose
        monkeypatch.setattr(middleware, "choose", choose)
        try:
            pair.caught_up()
            yield made
        finally:
            for alias in ("support", REPLICA):
                connections[alias].close()
                del connections[alias]
            pair.empty()
    ContentType.objects.clear_cache()
    replica.cache_clear()
