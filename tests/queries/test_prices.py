"""What the most frequent statements write, and how much they read.

A HOT row version (heap-only tuple) writes to no index. It is possible if no index contains a
changed column, and the page has free space.
"""

import json
import re
from typing import Any

import pytest
from django.db import connection

from benchmarks.queries.statements import sql

pytestmark = pytest.mark.django_db

DEFERRED = 5_000
PRIORITIES = 10


def execute(statement: str, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


def run(name: str, *literals: str) -> None:
    """Run the statement with that name; `literals` are SQL for its parameters."""
    execute(bound(name, *literals))


def bound(name: str, *literals: str) -> str:
    statement = sql(name)
    for number, literal in reversed([*enumerate(literals, 1)]):
        statement = statement.replace(f"${number}", literal)
    return statement


@pytest.fixture
def rows() -> dict[str, str]:
    """A row of each of the tables with the most updates, and the ids as literals."""
    execute("INSERT INTO users (email, username) VALUES ('a@b.example', 'somebody')")
    execute("INSERT INTO tracks (user_id, title, file_path) SELECT id, 't', '/t' FROM users")
    execute("INSERT INTO playlists (user_id, title) SELECT id, 'p' FROM users")
    execute(
        "INSERT INTO user_sessions (user_id, token_hash, expires_at, last_activity_at)"
        " SELECT id, 'h', now() + interval '1 day', now() - interval '1 hour' FROM users"
    )
    execute(
        "INSERT INTO hls_transcode_queue (track_id, status, locked_by)"
        " SELECT id, 'processing', 'worker' FROM tracks"
    )
    return {
        table: f"'{execute(f'SELECT id FROM {table}')[0][0]}'"
        for table in ("tracks", "playlists", "user_sessions", "hls_transcode_queue")
    }


def updates(table: str) -> tuple[int, int]:
    """The session's pending counts of updates of a table: all, and the HOT ones.

    They may include updates of transactions that ended less than a second ago.
    """
    ((updated, hot),) = execute(
        "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relid = %s::regclass",
        table,
    )
    return updated, hot


@pytest.mark.parametrize(
    ("name", "table", "others"),
    [
        ("TouchSession", "user_sessions", ()),
        ("CountPlay", "tracks", ()),
        ("KeepTranscodeJob", "hls_transcode_queue", ("'worker'",)),
    ],
)
def test_it_writes_to_no_index(rows, name, table, others):
    before = updates(table)
    run(name, rows[table], *others)
    assert [now - then for now, then in zip(updates(table), before, strict=True)] == [1, 1]


def test_an_index_of_what_changes_is_noticed(rows):
    execute("CREATE INDEX later ON user_sessions (last_activity_at)")

    with pytest.raises(AssertionError):
        test_it_writes_to_no_index(rows, "TouchSession", "user_sessions", ())


#: The search of TakeTranscodeJob for the next job.
(NEXT_JOB,) = re.findall(r"WHERE id = \(\n(.+)\)\nRETURNING", sql("TakeTranscodeJob"), re.DOTALL)


def looked_for(select: str) -> tuple[int, Any]:
    """The number of read pages, and the result."""
    ((plan,),) = execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {select}")
    root = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
    ((found,),) = execute(select)
    return root["Shared Hit Blocks"] + root["Shared Read Blocks"], found


def test_deferred_jobs_in_front_are_not_read(rows):
    execute("UPDATE hls_transcode_queue SET status = 'pending', priority = 1")
    execute("ANALYZE hls_transcode_queue")
    alone, job = looked_for(NEXT_JOB)
    # Jobs of each priority: those of the highest one come before all others.
    execute(
        "WITH version AS (INSERT INTO track_versions (track_id, version_number, file_path)"
        " SELECT tracks.id, n, '/v' FROM tracks, generate_series(1, %s) AS n"
        " RETURNING track_id, id, version_number)"
        " INSERT INTO hls_transcode_queue (track_id, track_version_id, priority, run_after)"
        " SELECT track_id, id, 1 + version_number %% %s, now() + interval '1 hour' FROM version",
        DEFERRED,
        PRIORITIES,
    )
    execute("ANALYZE hls_transcode_queue")

    buffers, same = looked_for(NEXT_JOB)

    assert same == job
    # One more level of the index for each priority.
    assert buffers <= alone + 2 * PRIORITIES


def test_jobs_in_the_order_of_another_time_are_noticed(rows):
    execute("DROP INDEX idx_hls_transcode_queue_priority_run_after")
    execute(
        "CREATE INDEX another ON hls_transcode_queue (priority DESC, created_at)"
        " WHERE status = 'pending'"
    )

    with pytest.raises(AssertionError):
        test_deferred_jobs_in_front_are_not_read(rows)
