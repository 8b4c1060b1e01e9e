"""Measures the services' hot queries on V1, on the lab schema and on stock Django's, in one run.

Run it with `make bench`; OPTIONS="--users 100000 --seconds 2" makes it larger.
"""

import argparse
import sys
from contextlib import ExitStack
from typing import Any

import psycopg

from benchmarks.queries import databases, plans, report, samples, scenarios, setting, tables
from benchmarks.queries.catalogue import QUERIES
from benchmarks.queries.query import SCHEMAS, Query
from benchmarks.queries.workers import Sessions, Work
from benchmarks.server import Server

#: How many sets of parameters a query is explained with, by whether it writes.
EXPLAINED = {False: 30, True: 3}


def main() -> None:
    """Create the databases, measure, print, and drop them."""
    options = _options()
    queries = [query for query in QUERIES if options.only in f"{query.group} {query.name}"]
    if not queries:
        sys.exit(f"no query's group and name contain {options.only!r}")
    server = setting.start()
    results: dict[str, Any] = {"options": {
        name: getattr(options, name) for name in ("users", "seconds", "rounds", "heavy_plays")
    }}  # fmt: skip
    with ExitStack() as stack:
        if not options.keep:
            for database in databases.NAMES.values():
                stack.callback(server.drop, database)
        if not options.reuse:
            results["left_out"] = _build(server, options)
        costs = {"random_page_cost": options.random_page_cost}
        urls = {s: databases.url(server, databases.NAMES[s], costs) for s in SCHEMAS}
        try:
            connections = {
                schema: stack.enter_context(psycopg.connect(urls[schema], autocommit=True))
                for schema in SCHEMAS
            }
        except psycopg.OperationalError as error:
            sys.exit(f"{error}: run once with --keep, then with --reuse")
        results["machine"] = setting.machine(connections["v1"])
        results["rows"] = databases.sizes(connections["v1"])
        results["queries"] = _measure(urls, connections, queries, options)
        results["scenarios"] = [] if options.no_scenarios else scenarios.run(server, connections)
    setting.write(options.json, results)
    tables.show("hot", results)


def _options() -> argparse.Namespace:
    parser = setting.parser(__doc__)
    parser.add_argument(
        "--users", type=setting.positive, default=5_000, help="each with about 55 rows (5000)"
    )
    parser.add_argument("--seconds", type=float, default=0.2, help="for each measurement (0.2)")
    parser.add_argument(
        "--rounds", type=setting.positive, default=3, help="how often all is measured (3)"
    )
    setting.add_page_cost(parser)
    parser.add_argument("--only", default="", metavar="TEXT", help="queries whose name contains it")
    parser.add_argument(
        "--heavy-plays", type=int, default=100_000, help="plays of one user to delete"
    )
    parser.add_argument("--no-scenarios", action="store_true", help="queries only")
    parser.add_argument("--keep", action="store_true", help="keep the databases at the end")
    parser.add_argument("--reuse", action="store_true", help="use kept databases")
    return parser.parse_args()


def _build(server: Server, options: argparse.Namespace) -> dict[str, dict[str, int]]:
    """Create the three databases; return how many rows the other two cannot hold."""
    report.step("rows for V1")
    server.recreate(databases.NAMES["v1"])
    databases.migrate(server, databases.NAMES["v1"])
    databases.add_rows(server, databases.NAMES["v1"], options.users)
    url = databases.url(server, databases.NAMES["v1"])
    with psycopg.connect(url, autocommit=True) as connection:
        databases.add_heavy(
            connection, options.heavy_plays, tracks=1_000, jobs=50_000, tokens=20_000
        )
        databases.settle(connection)
    left_out = {}
    for schema in SCHEMAS[1:]:
        report.step(f"the same rows for {schema}")
        left_out[schema] = databases.convert(server, schema)
    return left_out


def _measure(
    urls: dict[str, str],
    connections: dict[str, psycopg.Connection],
    queries: list[Query],
    options: argparse.Namespace,
) -> list[dict[str, Any]]:
    """Explain every query; then, in each round, measure every query on each schema in turn."""
    parameters = {query.name: _parameters(connections, query) for query in queries}
    results = [
        {
            "name": query.name,
            "group": query.group,
            "writes": query.writes,
            "plans": {s: _explain(connections[s], query, s, parameters) for s in SCHEMAS},
            "rounds": [],
        }
        for query in queries
    ]
    for clients in sorted({count for query in queries for count in query.clients}):
        with Sessions(clients) as sessions:
            for number in range(options.rounds):
                report.step(f"{clients} at once, round {number + 1} of {options.rounds}")
                for query, result in zip(queries, results, strict=True):
                    if clients not in query.clients:
                        continue
                    # No schema is always first.
                    for schema in [*SCHEMAS[number % 3 :], *SCHEMAS[: number % 3]]:
                        _reset(connections[schema], query)
                        work = Work(
                            urls[schema],
                            query.statements(schema),
                            parameters[query.name][schema],
                            options.seconds,
                        )
                        times = sessions.run(work).as_dict()
                        result["rounds"].append({"schema": schema, "clients": clients, **times})
    return results


def _parameters(
    connections: dict[str, psycopg.Connection], query: Query
) -> dict[str, list[samples.Row]]:
    rows = samples.draw(connections["v1"], query)
    if not rows:
        sys.exit(f"{query.name}: no parameters: there are too few rows")
    own = {
        schema: rows if schema == "v1" else samples.translate(connections[schema], rows)
        for schema in SCHEMAS
    }
    return {schema: [samples.text(row) for row in rows] for schema, rows in own.items()}


def _explain(
    connection: psycopg.Connection, query: Query, schema: str, parameters: dict[str, Any]
) -> list[dict[str, Any]]:
    rows = parameters[query.name][schema][: EXPLAINED[query.writes]]
    return [
        plans.summary(plans.explain(connection, statement, rows))
        for statement in query.statements(schema)
    ]


def _reset(connection: psycopg.Connection, query: Query) -> None:
    for statement in query.reset:
        connection.execute(statement)


if __name__ == "__main__":
    main()
