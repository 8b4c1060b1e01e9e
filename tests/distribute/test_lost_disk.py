"""A worker loses its data, and an empty server replaces it, with the SQL of docs/scale.md."""

import os
import re
import subprocess
from pathlib import Path
from textwrap import dedent
from typing import Any

import psycopg
import pytest

from tests.distribute.conftest import behind_a_wire
from tests.distribute.nodes import Node, at_address, empty_again
from tests.distribute.test_layouts import KEYS, LOGS, fingerprints
from tests.distribute.test_partitions import PAGE, run
from veza_core.operations.backup.programs import find_tools

[SECTION] = re.findall(r"^### A lost disk$.*?(?=^### )", PAGE, re.M | re.S)
TELL, SHARDS, _, FETCH, INSERT = (
    dedent(block) for block in re.findall(r"(?:^ {7,}\S.*\n)+", SECTION, re.M)
)
PLAY = "INSERT INTO track_plays (track_id, source) SELECT id, 'after' FROM tracks LIMIT 1"
#: Rows that refer to missing rows.
TRACK = "DELETE FROM tracks WHERE id = (SELECT track_id FROM track_plays ORDER BY id LIMIT 1)"


def here(block: str, number: int, host: str, port: int) -> str:
    """The page's block, for this worker."""
    block = re.sub(r"(nodeid = |citus_update_node\()3", rf"\g<1>{number}", block)
    return block.replace("'new.example.org', 5432", f"'{host}', {port}")


def columns(node: Node) -> list[Any]:
    return node.rows("SELECT id, user_id, track_id, created_at FROM track_plays ORDER BY id")


@pytest.mark.parametrize("layout", ["L", "A"])
def test_an_empty_server_in_its_place(citus: None, layout: str, tmp_path: Any) -> None:
    with behind_a_wire() as (node, wire):
        node.done("distribute", "--layout", layout, "--shards", "4", "--verbosity", "0")
        node.done("backup_db", str(tmp_path / "last.dump"), "--verbosity", "0")
        keys = node.rows(KEYS)
        # As in every session that connects after distribute, under layout A.
        node.session.execute("SET citus.multi_shard_modify_mode = 'sequential'")
        node.session.execute(TRACK)
        before, plays = fingerprints(node), columns(node)
        number = node.value("SELECT nodeid FROM pg_dist_node WHERE nodeport = %s", wire.port)
        place = number, *wire.target

        wire.cut()
        empty_again(node, *wire.target)
        run(node, here(TELL, *place))
        # With a new connection, as in a service.
        with psycopg.connect(at_address(node.url, *wire.target), autocommit=True) as worker:
            for (statement,) in node.rows(here(SHARDS, *place).rstrip().removesuffix(";")):
                worker.execute(statement)
        left = node.value("SELECT count(*) FROM track_plays")
        assert 0 < left < len(plays)
        for _ in range(20):
            node.session.execute(PLAY)
        node.session.execute("DELETE FROM track_plays WHERE source = 'after'")
        assert "0 errors and 0 warnings" in node.done("audit_schema")

        tools = find_tools(node.session.info.server_version // 10000)[0]
        directory = Path(tools.path("pg_restore")).parent
        script = FETCH.replace("last.dump", str(tmp_path / "last.dump"))
        subprocess.run(
            ["bash", "-ec", script],
            env={"PATH": f"{directory}:{os.environ['PATH']}", "DATABASE_URL": node.url},
            check=True,
            timeout=600,
        )
        run(node, INSERT)
        assert columns(node) == plays
        after = fingerprints(node)
        assert {name: after[name] for name in after if name not in LOGS} == {
            name: before[name] for name in before if name not in LOGS
        }
        assert "2 of 2 workers answer" in node.manage("status").stdout
        assert "0 errors and 0 warnings" in node.done("distribute", "--undo")
        assert layout == "L" or node.rows(KEYS) == keys
