"""The plan of a query, and how many buffers it touches."""

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from benchmarks.queries.statements import count_parameters

#: How often PostgreSQL plans a prepared statement for its parameters before it considers a generic
#: plan.
CUSTOM_PLANS = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan, from EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)."""

    root: dict[str, Any]

    @property
    def nodes(self) -> list[dict[str, Any]]:
        """All nodes, the upper ones first."""
        return list(_nodes(self.root))

    @property
    def buffers(self) -> int:
        """The number of pages touched, in shared buffers or not."""
        return self.root["Shared Hit Blocks"] + self.root["Shared Read Blocks"]

    @property
    def rows(self) -> int:
        """The number of rows that it returned."""
        return int(self.root["Actual Rows"] * self.root["Actual Loops"])

    @property
    def sequential(self) -> list[str]:
        """The tables that sequential scans read, also small ones."""
        return [node["Relation Name"] for node in self.nodes if node["Node Type"] == "Seq Scan"]

    @property
    def shape(self) -> str:
        """The scans, in one line."""
        scans = [
            f"{node['Node Type']} {node.get('Index Name') or node.get('Relation Name')}"
            for node in self.nodes
            if "Index Name" in node or node["Node Type"] == "Seq Scan"
        ]
        return ", ".join(dict.fromkeys(scans)) or self.root["Node Type"]


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)


def explain(
    connection: psycopg.Connection, statement: str, rows: Sequence[Sequence[str | None]]
) -> list[Plan]:
    """Run a statement with each row of parameters; return the plans.

    The statement is prepared, so the plans are those that a service gets after some time. Changes
    of the statement are rolled back.
    """
    with connection.transaction(force_rollback=True):
        connection.execute(f"PREPARE bench AS {statement}")
        # The parameters of an operation are for all of its statements.
        rows = [row[: count_parameters(statement)] for row in rows]
        for row in rows[:CUSTOM_PLANS]:
            connection.execute(_execute(row))
        command = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT JSON) {}")
        plans = [connection.execute(command.format(_execute(row))).fetchone() for row in rows]
        connection.execute("DEALLOCATE bench")
    return [Plan(plan[0][0]["Plan"]) for plan in plans if plan]


def summary(plans: Sequence[Plan]) -> dict[str, Any]:
    """Return the most frequent scans, the tables read by sequential scans, and the buffers."""
    shapes = Counter(plan.shape for plan in plans)
    return {
        "shape": shapes.most_common(1)[0][0],
        "sequential": sorted({table for plan in plans for table in plan.sequential}),
        "buffers": statistics.median(plan.buffers for plan in plans),
        "most_buffers": max(plan.buffers for plan in plans),
    }


def _execute(row: Sequence[str | None]) -> sql.Composed:
    if not row:
        return sql.SQL("EXECUTE bench").format()
    return sql.SQL("EXECUTE bench({})").format(sql.SQL(", ").join(map(sql.Literal, row)))
