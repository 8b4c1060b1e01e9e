"""Every query of a purge uses an index, and reads only the rows that it deletes."""

from datetime import UTC, datetime

import psycopg
import pytest
from psycopg import sql

from tests.support import server_parameters
from veza_core.operations.purge.catalog import CASCADE, LinkedTable
from veza_core.operations.purge.policy import Due, purge_columns
from veza_core.operations.purge.removal import (
    REFERRING,
    SELECT_CHILDREN,
    SELECT_DUE,
    SELECT_REFERRING,
)

KEY = "00000000-0000-4000-8000-000000000000"
NOW = datetime.now(UTC)


def nodes(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def explain(platform, statement, parameters, *, options=""):
    with psycopg.ClientCursor(platform.session) as cursor:
        cursor.execute(
            sql.SQL("EXPLAIN (FORMAT JSON{}) ").format(sql.SQL(options)) + statement, parameters
        )
        return list(nodes(cursor.fetchone()[0][0]["Plan"]))


def due(name, column, key="id"):
    schema, _, table = name.rpartition(".")
    return Due(LinkedTable(0, schema or "public", table, key), column, 30)


def names(reason):
    return {
        "table": reason.table.identifier,
        "key": sql.Identifier(reason.table.key),
        "column": sql.Identifier(reason.column),
        "due": reason.condition(NOW),
        "locking": reason.table.locking("FOR UPDATE SKIP LOCKED"),
    }


def test_what_is_due_is_found_by_an_index(platform, subtests):
    # On empty tables, a sequential scan is always cheapest. Here the question is whether an index
    # could be used.
    platform.execute("SET enable_seqscan = off; SET enable_sort = off")
    reasons = [(table, column) for _, table, column in purge_columns() if "." not in table]
    reasons += [
        (name, "deleted_at")
        for name, table in platform.rows.tables.items()
        if "deleted_at" in table.columns
    ]
    cases = [(f"idx_{name}_{column}", due(name, column)) for name, column in reasons]
    cases.append(
        ("django_session_expire_date_", due("django.django_session", "expire_date", "session_key"))
    )
    for index, reason in cases:
        with subtests.test(index):
            plan = explain(platform, SELECT_DUE.format(**names(reason)), ["-infinity", [], 1000])
            (scan,) = [node for node in plan if "Index Name" in node]
            assert scan["Index Name"].startswith(index)
            assert reason.column in scan["Index Cond"]
            assert not [node for node in plan if node["Node Type"] == "Sort"]


def test_what_refers_is_found_by_an_index(platform, subtests):
    platform.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
    with platform.session.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, attname, confdeltype::text FROM pg_constraint "
            "JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1] WHERE contype = 'f' "
            "AND confrelid::regclass::text IN (SELECT attrelid::regclass::text FROM pg_attribute "
            "WHERE attname = 'deleted_at' OR attrelid = 'user_sessions'::regclass)"
        )
        references = cursor.fetchall()
    assert len(references) > 35
    for table, column, action in references:
        part = {**names(due(table, column))}
        of_one = (SELECT_REFERRING, [KEY, 1000])
        take = (SELECT_CHILDREN, [KEY, [], 1000]) if action == CASCADE else of_one
        for statement, parameters in (take, (REFERRING, [[KEY], 1000])):
            with subtests.test(f"{table}.{column}"):
                plan = explain(platform, statement.format(**part), parameters)
                scans = [node for node in plan if "Index Cond" in node]
                assert [scan for scan in scans if column in scan["Index Cond"]]


@pytest.mark.parametrize("live", [10_000, 100_000])
def test_a_batch_reads_no_more_of_a_larger_table(platform, live):
    """By live statistics, and with the dead rows of earlier batches."""
    platform.execute("INSERT INTO users (email, username) VALUES ('a@b.co', 'owner')")
    platform.execute(
        "INSERT INTO refresh_tokens (user_id, token_hash, expires_at, revoked_at) "
        "SELECT id, n, now() + interval '9 days', CASE WHEN n <= 3000 THEN now() - n * interval "
        "'1 minute' - interval '31 days' END FROM users, generate_series(1, %s) n",
        [live],
    )
    platform.execute("ANALYZE refresh_tokens")
    statement = SELECT_DUE.format(**names(due("refresh_tokens", "revoked_at")))

    def blocks(since):
        plan = explain(platform, statement, [since, [], 1000], options=", ANALYZE, BUFFERS")
        assert "idx_refresh_tokens_revoked_at" in {node.get("Index Name") for node in plan}
        assert plan[0]["Actual Rows"] == 1000
        return plan[0]["Shared Hit Blocks"] + plan[0]["Shared Read Blocks"]

    # A row is read, and locked. Some more are read in an index with only the revoked ones.
    assert blocks("-infinity") < 3 * 1000
    with psycopg.connect(**server_parameters(), dbname=platform.name) as old_snapshot:
        # While this session has a snapshot, nothing can be vacuumed or marked as dead.
        old_snapshot.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        old_snapshot.execute("SELECT count(*) FROM users")
        rows = platform.execute(
            statement.as_string(platform.session) % ("'-infinity'", "'{}'", 2000)
        )
        keys, times = zip(*rows.fetchall(), strict=True)
        platform.execute("DELETE FROM refresh_tokens WHERE id = ANY(%s)", [list(keys)])
        assert blocks(times[-1]) < 3 * 1000
