"""Rule 8 of the Standard, and the trigger: what INSERT and UPDATE do, in plain SQL."""

import uuid

import pytest

from benchmarks.queries.statements import sql

proves = pytest.mark.proves


@proves(
    "8. **Defaults live in the database.** A client that names only the columns without a default, "
    "in a plain `INSERT`, gets a valid row."
)
def test_insert_gives_all_defaults(live, document, rows, case):
    for name in live.tables:
        with case(name):
            id_ = rows.insert(name)
            assert isinstance(id_, uuid.UUID)
            assert (id_.version, id_.variant) == (4, uuid.RFC_4122)
            for column, definition in document.tables[name].columns.items():
                if column != "id" and (definition.default or definition.nullable):
                    default = f'"{column}" IS NOT DISTINCT FROM ({definition.default or "NULL"})'
                    assert rows.get(name, id_, default) == (True,), column


def test_ids_differ(live, rows, case):
    for name in live.tables:
        with case(name):
            assert rows.insert(name) != rows.insert(name)


@proves("The function sets `updated_at` to `CURRENT_TIMESTAMP`, whatever the client sends.")
@pytest.mark.parametrize(
    "assignment", ["id = id", "updated_at = '1999-12-31'", "updated_at = NULL"]
)
def test_update_moves_updated_at(live, rows, case, assignment):
    """Each row was updated last in 2000, because time does not pass within a test's transaction."""
    old = "2000-01-01T00:00:00Z"
    for name in live.tables:
        with case(name):
            id_ = rows.insert(name, created_at=old, updated_at=old)
            rows.update(name, id_, assignment)
            now_and_then = f"updated_at = CURRENT_TIMESTAMP, created_at = '{old}'"
            assert rows.get(name, id_, now_and_then) == (True, True)


@proves("workers take the next job with `FOR UPDATE SKIP LOCKED`")
def test_the_next_job_is_found_by_its_index(cursor):
    cursor.execute("SET LOCAL enable_seqscan = off")
    assert "FOR UPDATE SKIP LOCKED" in sql("TakeTranscodeJob")
    cursor.execute("EXPLAIN " + sql("TakeTranscodeJob").replace("$1", "'worker'"))
    plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Scan using idx_hls_transcode_queue_priority_run_after" in plan
    assert "Sort Key: waiting" not in plan
