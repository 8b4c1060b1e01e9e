"""Each statement of schema/queries uses the indexes that its comment names."""

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.queries.statements import STATEMENTS, parse
from tests.queries.conftest import SOLID_STATE

BY_NAME = sorted(STATEMENTS.values(), key=lambda statement: (statement.file, statement.name))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def generic_plan(platform: Any, sql: str, parameters: int) -> list[dict[str, Any]]:
    """All nodes of the generic plan of a prepared statement."""
    connection = platform.connection
    with connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        connection.execute(f"PREPARE hot AS {sql}")
        arguments = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
        plan = connection.execute(f"EXPLAIN (FORMAT JSON) EXECUTE hot{arguments}").fetchone()
        connection.execute("DEALLOCATE hot")
    return list(nodes(plan[0][0]["Plan"]))


def used_indexes(found: list[dict[str, Any]]) -> set[str]:
    """The indexes that it reads, and those with which ON CONFLICT finds the conflicting row."""
    names = {node["Index Name"] for node in found if "Index Name" in node}
    return names.union(*(node.get("Conflict Arbiter Indexes", []) for node in found))


@pytest.mark.parametrize("statement", BY_NAME, ids=lambda statement: statement.name)
def test_it_uses_the_indexes_that_it_names(platform, statement):
    platform.assume(SOLID_STATE)

    plan = generic_plan(platform, statement.sql, statement.parameters)

    assert used_indexes(plan) == statement.indexes
    assert [node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"] == []


@pytest.mark.parametrize(
    ("sql", "used"),
    [
        ("SELECT 1 FROM users WHERE role = $1 AND username LIKE $2", set()),
        ("SELECT 1 FROM users WHERE id = $1", {"users_pkey"}),
        (
            "INSERT INTO user_settings (user_id) VALUES ($1) ON CONFLICT (user_id) DO NOTHING",
            {"idx_user_settings_user_id"},
        ),
    ],
)
def test_what_is_compared_is_what_a_plan_uses(platform, sql, used):
    platform.assume(SOLID_STATE)

    assert used_indexes(generic_plan(platform, sql, sql.count("$"))) >= used


@pytest.mark.parametrize(
    "text",
    [
        "-- name: A :one\nSELECT 1;\n",
        "-- name: A :some\n-- index: none\nSELECT 1;\n",
        "-- name: A :one\n-- index: none\nSELECT 1\n",
        "-- name: A :one\n-- index: none\n-- And more.\nSELECT 1;\n",
    ],
)
def test_a_statement_that_names_no_index_is_refused(text):
    with pytest.raises(ValueError, match=r"^a\.sql, A: it needs one of"):
        parse(text, "a.sql")
