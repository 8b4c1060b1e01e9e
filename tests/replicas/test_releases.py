"""The releases of tests/deploy/releases.py, while services run and the replica lags."""

import io
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import call_command

from tests.deploy.clients import INVALID, NOT_COPIED, ROWS, WRONG, Clients, first, new, old
from tests.deploy.clients import statements as statements_of
from tests.deploy.later import on_disk
from tests.deploy.releases import until as releases_until
from tests.replicas.pair import DATABASE, Pair, connected
from tests.replicas.test_commands import write_until_seen

NAME = "rehearsed"
#: By release: whether it writes many rows, and the services, of before and after it, that run.
RELEASES = {"1.1": (True, [first]), "1.2": (True, [old, new]), "1.3": (False, [new])}
ONE = "SELECT id, user_id FROM tracks WHERE slug = 'slug1'"


@pytest.fixture
def rehearsed(pair: Pair, settings: Any, django_db_blocker: Any) -> Iterator[Pair]:
    """The pair; Django's default connection is to a copy of its database, with rows."""
    settings.JOB_MAX_REPLICA_LAG, settings.BACKFILL_BATCH_SIZE = 0.3, 100
    with django_db_blocker.unblock(), pair.primary() as session:
        session.execute(f"CREATE DATABASE {NAME} TEMPLATE {DATABASE}".encode())
        try:
            with connected(pair.host, NAME=NAME):
                with psycopg.connect(**place(pair.host)) as other:
                    other.execute(ROWS.encode())
                yield pair
        finally:
            session.execute(f"DROP DATABASE {NAME} WITH (FORCE)".encode())
            pair.caught_up()


def place(host: str) -> dict[str, Any]:
    return {"host": host, "user": "postgres", "dbname": NAME}


class Told(io.StringIO):
    """The output of `migrate`. When it says that it waits for the replica, replay resumes."""

    def __init__(self, pair: Pair) -> None:
        super().__init__()
        self.pair = pair

    def write(self, text: str) -> int:
        if "waiting for replica" in text:
            self.pair.standby.resume()
        return super().write(text)


def read(host: str, change: Any) -> list[Any]:
    """A server's results of the SELECT statements of a service, each run twice."""
    found = []
    with psycopg.connect(**place(host), autocommit=True, prepare_threshold=0) as session:
        keys = session.execute(ONE).fetchone()
        assert keys
        for text, values in statements_of(*keys, change):
            named = {f"p{number}": value for number, value in enumerate(values, 1)}
            if text.lstrip().startswith("SELECT"):
                found += [session.execute(text.encode(), named).fetchall() for _ in range(2)]
    return found


def test_a_replica_that_lags(rehearsed: Pair) -> None:
    """The release waits for it, and finishes. Then the replica has all that the services read."""
    for version, (writes, changes) in RELEASES.items():
        clients, told = Clients(), Told(rehearsed)
        services = [
            (str(number), place(rehearsed.host), change) for number, change in enumerate(changes)
        ]
        with clients.running(*services), rehearsed.standby.paused():
            write_until_seen(rehearsed)
            with on_disk(releases_until(version)):
                call_command("migrate", "--no-audit", stdout=told, stderr=told)
        assert clients.errors == []
        assert ("waiting for replica" in told.getvalue()) is writes
        rehearsed.caught_up()
        with psycopg.connect(**place(rehearsed.standby.host)) as replica:
            copied = [NOT_COPIED] if version == "1.1" else []
            for query in (*WRONG.values(), INVALID, *copied):
                assert replica.execute(query.encode()).fetchone() == (0,)
        for change in changes:
            answers = read(rehearsed.standby.host, change)
            assert len(answers) == 6
            assert answers == read(rehearsed.host, change)
