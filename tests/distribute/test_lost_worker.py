"""A lost worker: what stops, what continues, the messages, and the recovery."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.test import Client

from tests.deploy.later import TEXT, a_migration, add, on_disk
from tests.distribute.conftest import behind_a_wire
from tests.distribute.nodes import Node
from tests.distribute.test_afterwards import VOLUME
from tests.distribute.test_layouts import fingerprints
from tests.distribute.wire import Wire
from tests.in_process import default_database
from tests.staff import make_user, signed_in
from tests.support import is_one_clear_line
from veza_core.models import UserRole

LOST = "connection to the remote node"
USER = "INSERT INTO users (email, username) VALUES ('new@example.com', 'new_one')"
TRACK = "UPDATE tracks SET title = title"
PLAYS = "INSERT INTO track_plays (track_id) SELECT id FROM tracks ORDER BY id LIMIT 1"
DELETE = "DELETE FROM tracks WHERE id = (SELECT min(id::text)::uuid FROM tracks)"


class Cluster:
    """A database whose last worker is behind a wire, and a user of its admin."""

    def __init__(self, node: Node, wire: Wire, layout: str, browser: Client) -> None:
        self.node, self.wire, self.layout, self.browser = node, wire, layout, browser
        self.dump = ""

    @contextmanager
    def without_a_worker(self) -> Iterator[None]:
        self.wire.cut()
        try:
            yield
        finally:
            self.wire.join()

    def refused(self, statement: str) -> bool:
        """Whether the statement needs the lost worker; otherwise it is rolled back."""
        try:
            with self.node.session.transaction(force_rollback=True):
                self.node.session.execute(statement)
        except psycopg.errors.ConnectionFailure:
            return True
        return False


@pytest.fixture(scope="module", params=["L", "A"])
def cluster(citus: None, request: Any, tmp_path_factory: Any) -> Iterator[Cluster]:
    with behind_a_wire() as (node, wire):
        with default_database(node.url):
            browser = signed_in(make_user("staff", role=UserRole.SUPER_ADMIN))
        dump = str(tmp_path_factory.mktemp("lost") / "before.dump")
        node.done("backup_db", dump, "--verbosity", "0")
        node.done("distribute", "--layout", request.param, "--shards", "4", "--verbosity", "0")
        cluster = Cluster(node, wire, request.param, browser)
        cluster.dump = dump
        yield cluster
        wire.cut()


def test_which_statements_fail_without_a_worker(cluster: Cluster) -> None:
    with cluster.without_a_worker():
        assert cluster.refused("SELECT count(*) FROM track_plays")
        assert cluster.refused(DELETE)
        assert {cluster.refused(PLAYS) for _ in range(60)} == {True, False}
        # Copied to every node, or only on the coordinator.
        for statement in (USER, TRACK):
            assert cluster.refused(statement) is (cluster.layout == "A")
        assert not cluster.refused("SELECT count(*) FROM users JOIN tracks ON user_id = users.id")
        assert not cluster.refused("UPDATE hls_transcode_queue SET status = status")
    for statement in ("SELECT count(*) FROM track_plays", PLAYS, USER, TRACK, DELETE):
        assert not cluster.refused(statement)


def test_what_commands_say(cluster: Cluster, tmp_path: Any, subtests: Any) -> None:
    """Each prints one line, and changes nothing. Commands that only read the catalog work."""
    before = fingerprints(cluster.node)
    back = ("restore_db", "--replace", "--noinput", cluster.dump)
    lost = [
        ("purge",),
        ("purge", "--dry-run"),
        ("count_weekly_plays",),
        ("recount",),
        ("seed_demo", "--append", "--users", "100"),
        ("backup_db", str(tmp_path / "lost.dump")),
        back,
        ("reset_db", "--noinput"),
        ("distribute", "--undo"),
    ]
    if cluster.layout == "L":
        lost.append(("distribute", "--sweep"))
    with cluster.without_a_worker():
        for arguments in lost:
            with subtests.test(" ".join(arguments[:2])):
                result = cluster.node.manage(*arguments)
                assert is_one_clear_line(result), result.stderr
                assert LOST in result.stderr
        for arguments in (("migrate",), ("audit_schema",)):
            with subtests.test(arguments[0]):
                assert "0 errors and 0 warnings" in cluster.node.done(*arguments)
    assert not list(tmp_path.iterdir())
    assert fingerprints(cluster.node) == before


def test_status_says_which(cluster: Cluster) -> None:
    name = f"127.0.0.1:{cluster.wire.port}"
    assert json.loads(cluster.node.manage("status", "--json").stdout)["nodes"][name] is None
    with cluster.without_a_worker():
        result = cluster.node.manage("status")
    assert result.returncode == 1
    assert f"Attention: worker {name} cannot be used: failed to connect to {name}" in result.stderr
    assert json.loads(cluster.node.manage("status", "--json").stdout)["nodes"][name] is None


def test_a_later_release_waits_for_the_worker(cluster: Cluster) -> None:
    """A change of a table on the lost worker is rolled back. The next run makes it."""
    parts = [add("mood", TEXT), add("volume", VOLUME, "trackplay")]
    with on_disk([a_migration(*parts, name="941_rehearsed")]):
        with cluster.without_a_worker():
            result = cluster.node.manage("migrate", "--no-audit")
            assert is_one_clear_line(result), result.stderr
            assert LOST in result.stderr
        cluster.node.done("migrate", "--no-audit")
    # A new session: the old one's connection to the worker is broken, and its next DDL would fail.
    with psycopg.connect(cluster.node.url) as session:
        session.execute("ALTER TABLE public.tracks DROP mood")
        session.execute("ALTER TABLE public.track_plays DROP volume")
        session.execute("DELETE FROM django.django_migrations WHERE name = '941_rehearsed'")


def test_what_the_admin_says(cluster: Cluster) -> None:
    user = cluster.node.value("SELECT user_id FROM track_plays WHERE user_id IS NOT NULL LIMIT 1")
    start, users, plays = (
        "/admin/",
        "/admin/veza_core/user/",
        "/admin/veza_streaming/trackplay/",
    )
    with default_database(cluster.node.url):
        assert "chart-track_plays" in cluster.browser.get(start).text
        # Otherwise the start page would show stored counts, and not ask the worker.
        cluster.node.session.execute("DELETE FROM django.veza_site_counteduntil")
        with cluster.without_a_worker():
            for page in (plays, f"{users}{user}/"):
                answer = cluster.browser.get(page)
                assert answer.status_code == 503
                assert "does not answer. Nothing was changed" in answer.text
            assert cluster.browser.get(users).status_code == 200
            answer = cluster.browser.get(start)
            assert answer.status_code == 200
            assert "are not counted: a database server does not answer" in answer.text
        assert cluster.browser.get(plays).status_code == 200
        assert "chart-track_plays" in cluster.browser.get(start).text


def test_another_server_in_its_place(cluster: Cluster) -> None:
    """The same server at its own address, not the wire's: like a standby that replaces it."""
    node = cluster.node
    before = node.value("SELECT count(*) FROM track_plays")
    [number] = node.rows("SELECT nodeid FROM pg_dist_node WHERE nodeport = %s", cluster.wire.port)
    with cluster.without_a_worker():
        node.session.execute(
            "SELECT citus_update_node(%s, %s, %s)", [*number, *cluster.wire.target]
        )
        assert node.value("SELECT count(*) FROM track_plays") == before
        for statement in (PLAYS, USER, TRACK, DELETE):
            assert not cluster.refused(statement)
        assert "2 of 2 workers answer" in node.manage("status").stdout
        assert "0 errors and 0 warnings" in node.done("audit_schema")
