"""A worker is added: shards move to it during the commands, and the layout stays the same."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.deploy.later import a_migration, add, on_disk
from tests.distribute.conftest import SEED
from tests.distribute.nodes import NODES, Node, database_on_all_nodes
from tests.distribute.test_afterwards import VOLUME
from tests.distribute.test_layouts import KEYS, fingerprints
from tests.distribute.test_steps import until
from tests.support import is_one_clear_line

#: Shards of the logs on each worker.
PLACES = """
SELECT count(*) FROM citus_shards WHERE citus_table_type = 'distributed'
GROUP BY nodename, nodeport ORDER BY nodename, nodeport
"""
# Then the move waits for the session that has updated plays.
IS_MOVING = "SELECT FROM citus_rebalance_status() WHERE state = 'running'"
STARTS = "SELECT citus_rebalance_start(shard_transfer_mode => %s)"


@contextmanager
def moving(node: Node) -> Iterator[None]:
    """Shards move to a worker that has just been added, for as long as the block lasts."""
    with psycopg.connect(os.environ["CITUS_URL"]) as session:
        *_, (host, port, _) = session.execute(NODES).fetchall()
    node.session.execute("SELECT citus_add_node(%s, %s)", [host, port])
    # Citus can move a shard during writes only by logical replication.
    logical = node.value("SHOW wal_level") == "logical"
    with psycopg.connect(node.url) as other:
        other.execute("UPDATE public.track_plays SET created_at = created_at")
        node.rows(STARTS, "auto" if logical else "block_writes")
        until(lambda: node.rows(IS_MOVING))
        yield
        other.rollback()
    node.session.execute("SELECT citus_rebalance_wait()")


@pytest.mark.parametrize("layout", ["L", "A"])
def test_commands_during_a_rebalance(citus: None, layout: str, tmp_path: Any) -> None:
    with database_on_all_nodes(workers=1) as node:
        node.done("migrate", "--verbosity", "0")
        node.done("seed_demo", "--verbosity", "0", *SEED)
        keys = node.rows(KEYS)
        node.done("distribute", "--layout", layout, "--shards", "4", "--verbosity", "0")
        assert node.rows(PLACES) == [(16,)]
        before = fingerprints(node)
        later = a_migration(add("volume", VOLUME, "trackplay"), name="941_rehearsed")
        with moving(node):
            assert "distributed over 2 nodes" in " ".join(node.done("audit_schema").split())
            assert "0 errors and 0 warnings" in node.done("migrate")
            assert "Nothing to do." in node.done("distribute", "--layout", layout)
            node.done("count_weekly_plays")
            node.done("purge", "--dry-run")
            node.done("backup_db", str(tmp_path / "moving.dump"), "--verbosity", "0")
            # A command that changes a log waits for the shard until its lock timeout.
            result = node.manage("distribute", "--undo", "--lock-timeout", "0.2")
            assert is_one_clear_line(result), result.stderr
            assert "other sessions block it" in result.stderr
            assert "Citus Background Task Queue Executor" in result.stderr
            with on_disk([later]), pytest.MonkeyPatch.context() as patch:
                patch.setattr("django.conf.settings.MIGRATE_LOCK_ATTEMPTS", 1)
                result = node.manage("migrate", "--no-audit", "--lock-timeout", "0.2")
                assert is_one_clear_line(result), result.stderr
                assert "could not get its locks within 0.2 s" in result.stderr
        assert node.rows(PLACES) == [(8,), (8,)]
        assert {**fingerprints(node), "tracks": before["tracks"]} == before
        assert "2 of 2 workers answer" in node.manage("status").stdout
        assert "0 errors and 0 warnings" in node.done("audit_schema")
        node.done("backup_db", str(tmp_path / "moved.dump"), "--verbosity", "0")
        node.manage("purge")
        assert "0 errors and 0 warnings" in node.done("distribute", "--undo")
        assert node.rows(KEYS) == keys
