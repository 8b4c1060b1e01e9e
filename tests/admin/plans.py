"""Captures the queries of a page, and explains them."""

import json
from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext


def captured(browser: Client, url: str) -> tuple[Any, list[str]]:
    """Return the page at `url`, and its statements."""
    # Django keeps the last 9000 queries only.
    connection.queries_log.clear()
    with CaptureQueriesContext(connection) as context:
        response = browser.get(url)
    return response, [query["sql"] for query in context.captured_queries]


def queries_in(statements: list[str]) -> list[str]:
    """The statements, without those that begin and end transactions."""
    control = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")
    return [statement for statement in statements if not statement.startswith(control)]


def plan_of(statement: str) -> dict[str, Any]:
    """The plan of a SELECT, with its actual rows."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}")
        (plan,) = cursor.fetchone()
    return (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All nodes of a plan."""
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def rows_read(node: dict[str, Any]) -> float:
    """How many rows a scan has read in each loop, including those that it discarded."""
    thrown = (node.get(f"Rows Removed by {reason}", 0) for reason in ("Filter", "Index Recheck"))
    return node["Actual Rows"] + sum(thrown)


def use_sequential_scans(allowed: bool) -> None:
    """`enable_seqscan`, for the transaction."""
    with connection.cursor() as cursor:
        setting = "on" if allowed else "off"
        cursor.execute("SELECT set_config('enable_seqscan', %s, true)", [setting])
