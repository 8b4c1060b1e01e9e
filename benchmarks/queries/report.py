"""Prints the results of a run: ratios to V1, with their spread over the rounds."""

import statistics
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.queries.query import GROUPS, SCHEMAS

#: As wide as the tables need, also if the output is a file.
console = Console(width=150, highlight=False)
progress = Console(stderr=True, highlight=False)


def step(what: str) -> None:
    """Print the current step to standard error."""
    progress.print(f"… {what}", style="dim")


def show(results: dict[str, Any]) -> None:
    """Print all tables of a run."""
    rows = {name: rows for name, rows in results["rows"].items() if rows > 0}
    console.print(
        f"{sum(rows.values()):,} rows: {', '.join(f'{n:,} {t}' for t, n in rows.items())}"
    )
    for group, title in GROUPS.items():
        queries = [query for query in results["queries"] if query["group"] == group]
        if queries:
            console.print(_times(f"{group}. {title}", queries))
            console.print(_plans(queries))
    if results["scenarios"]:
        console.print(_scenarios(results["scenarios"]))


def ratios(query: dict[str, Any], schema: str, clients: int, figure: str = "p50") -> list[float]:
    """Return the schema's time over V1's, for each round."""
    others, ours = (_figures(query, name, clients, figure) for name in (schema, "v1"))
    return [other / own for other, own in zip(others, ours, strict=True)]


def spread(values: Sequence[float]) -> str:
    """Return the median, with the least and the most in brackets."""
    return f"{_number(statistics.median(values))} ({_number(min(values))}–{_number(max(values))})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _figures(query: dict[str, Any], schema: str, clients: int, figure: str) -> list[float]:
    return [
        one[figure]
        for one in query["rounds"]
        if one["schema"] == schema and one["clients"] == clients
    ]


def _times(title: str, queries: Sequence[dict[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in ("query", "at once", "p50 ms", "p95 ms", "p99 ms", "a second"):
        table.add_column(heading, justify="left" if heading == "query" else "right")
    for schema in SCHEMAS[1:]:
        table.add_column(f"{schema} / V1, p50", justify="right")
    for query in queries:
        for clients in sorted({one["clients"] for one in query["rounds"]}):
            own = {
                name: statistics.median(_figures(query, "v1", clients, name))
                for name in ("p50", "p95", "p99", "throughput")
            }
            table.add_row(
                query["name"],
                str(clients),
                *(f"{own[name]:.3f}" for name in ("p50", "p95", "p99")),
                f"{own['throughput']:,.0f}",
                *(spread(ratios(query, schema, clients)) for schema in SCHEMAS[1:]),
            )
    return table


def _plans(queries: Sequence[dict[str, Any]]) -> Table:
    table = Table("query", "schema", "buffers", "most", "scans")
    for query in queries:
        for schema, plans in query["plans"].items():
            for plan in plans:
                whole = f"  whole: {', '.join(plan['sequential'])}" if plan["sequential"] else ""
                table.add_row(
                    query["name"],
                    schema,
                    f"{plan['buffers']:,.0f}",
                    f"{plan['most_buffers']:,.0f}",
                    plan["shape"] + whole,
                )
    return table


def _scenarios(scenarios: Sequence[dict[str, Any]]) -> Table:
    table = Table("deletion", *(f"{schema}, s" for schema in SCHEMAS), title="Deletions")
    for scenario in scenarios:
        table.add_row(
            scenario["name"],
            *(
                f"gave up at {scenario['patience']}" if None in times else spread(times)
                for times in (scenario["seconds"][schema] for schema in SCHEMAS)
            ),
        )
    return table
