"""Rule 8 of the Standard, and the trigger: what INSERT and UPDATE do, in plain SQL."""

import uuid

import pytest

from benchmarks.queries.statements import sql
from tests.schema.notation import GENERATED
from tests.schema.rows import a_value

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
                    default = (definition.default or "NULL").removesuffix(GENERATED)
                    same = f'"{column}" IS NOT DISTINCT FROM ({default})'
                    assert rows.get(name, id_, same) == (True,), column


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


def test_each_type_has_a_value(cursor):
    """So that the tests insert rows into a new table, whatever the types of its columns."""
    cursor.execute(
        "SELECT format_type(oid, NULL) FROM pg_type WHERE typtype IN ('b', 'e', 'r', 'm')"
        " AND typcategory IN ('A', 'B', 'D', 'E', 'I', 'N', 'R', 'S', 'T') AND oid < 16384"
        " AND typelem = 0 AND typname !~ '^(reg|pg_|_pg_)'"
        " AND typname NOT IN ('bpchar', 'name', 'oid')"
        " OR typname IN ('_int4', 'bytea', 'jsonb', 'user_role', 'uuid', 'tsvector')"
    )
    types = [name for (name,) in cursor.fetchall()]
    assert {"interval", "boolean", "int4range", "user_role", "timestamp with time zone"} <= {*types}
    for number, name in enumerate(types):
        cursor.execute(f"CREATE TEMP TABLE value_{number} (value {name} NOT NULL)")
        cursor.execute(f"INSERT INTO value_{number} VALUES (%s)", [a_value(cursor, name)])
