"""The tests of tests/services on a distributed database.

A service's statement, alone or concurrent, has the same result here, and waits for the same rows.
"""
# ruff: noqa: F403, F405

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from benchmarks.queries.statements import sql
from tests.distribute.nodes import database_on_all_nodes
from tests.services.conftest import *
from tests.services.racing import concurrently, is_free
from tests.services.test_job_races import *
from tests.services.test_listening_races import *
from tests.services.test_playlist_races import *
from tests.services.test_token_races import *

#: Whether a session waits for a lock, also if the other session or the row is on another node.
WAITS = """
WITH asked AS (SELECT %s AS pid)
SELECT pg_blocking_pids(pid) <> '{}' OR EXISTS (
    SELECT FROM citus_lock_waits WHERE citus_pid_for_gpid(waiting_gpid) = pid
) FROM asked
"""


@pytest.fixture(scope="module", params=["L", "A"])
def server(citus: None, request: Any) -> Iterator[dict[str, Any]]:
    with database_on_all_nodes() as node, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "WAITS", WAITS)
        node.done("migrate", "--verbosity", "0")
        node.done("distribute", "--layout", request.param, "--shards", "4", "--verbosity", "0")
        yield {"conninfo": node.url}


@pytest.fixture
def layout(request: Any) -> str:
    return request.node.callspec.params["server"]


def test_plays_are_counted_in_the_order_of_ids(first, second, third, user, layout):
    """Under layout A, the lock of a track locks all tracks, so all writers wait."""
    tracks = sorted(new_track(first, user) for _ in range(3))
    first.begin()
    first.execute("SELECT 1 FROM tracks WHERE id = $1 FOR NO KEY UPDATE", tracks[1])
    coming = second.start(second.run, "CountPlays", tracks, [1, 2, 3])
    wait_until(second.waits)
    if layout == "L":
        assert [is_free(third, "tracks", track) for track in tracks] == [False, False, True]
    else:
        last = third.start(is_free, third, "tracks", tracks[2])
        wait_until(third.waits)
    first.commit()
    assert coming.result(LONGEST) == 3
    assert layout == "L" or last.result(LONGEST)
    assert [first.one("SELECT play_count FROM tracks WHERE id = $1", t) for t in tracks] == [
        1,
        2,
        3,
    ]


def test_two_versions_at_once_are_told_apart(first, second, user, track, layout):
    """Under layout A, Citus appends the number of the shard to the constraint's name."""
    values = [track, user, "b.flac", 1, None]
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        concurrently(first, second, sql("AddTrackVersion"), *values)
    name = "idx_track_versions_track_id_version_number"
    if layout == "A":
        name += r"_\d+"
    assert re.fullmatch(name, caught.value.diag.constraint_name)
    assert second.run("AddTrackVersion", *values)[1] == 2
