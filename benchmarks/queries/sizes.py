"""Counts the buffers that each read touches as the platform grows: V1 at three sizes.

Run it with `make bench-sizes`. The buffers of a query must not grow with the tables.
"""

import statistics
from typing import Any

import psycopg

from benchmarks.queries import databases, plans, report, samples, setting, tables
from benchmarks.queries.catalogue import READS
from benchmarks.queries.query import Query

DATABASE = "bench_sizes"
#: Sets of parameters for each query.
EXPLAINED = 100


def main() -> None:
    """Load, explain and print, for one size after the other."""
    parser = setting.parser(__doc__)
    setting.add_page_cost(parser)
    parser.add_argument("--users", type=setting.positive, nargs="+", default=[1_000, 8_000, 64_000])
    options = parser.parse_args()
    costs = {"random_page_cost": options.random_page_cost}
    server = setting.start()
    with (
        server.scratch(DATABASE),
        psycopg.connect(databases.url(server, DATABASE, costs), autocommit=True) as connection,
    ):
        databases.migrate(server, DATABASE)
        results: dict[str, Any] = {"machine": setting.machine(connection), "sizes": []}
        for users in options.users:
            report.step(f"{users:,} users")
            databases.truncate(connection)
            databases.add_rows(server, DATABASE, users)
            results["sizes"].append(
                {
                    "users": users,
                    "rows": sum(databases.sizes(connection).values()),
                    "queries": {query.name: touched(connection, query) for query in READS},
                }
            )
    setting.write(options.json, results)
    tables.show("sizes", results)


def touched(connection: psycopg.Connection, query: Query) -> dict[str, Any]:
    """Return the buffers of a read (median, 95th percentile and maximum), and its scans."""
    rows = [samples.text(row) for row in samples.draw(connection, query, EXPLAINED)]
    explained = plans.explain(connection, *query.statements("v1"), rows)
    # Buffers, not times, because they are the same on every machine.
    buffers = sorted(plan.buffers for plan in explained)
    for_a_row = sorted(plan.buffers / max(plan.rows, 1) for plan in explained)
    return {
        "buffers": statistics.median(buffers),
        "p95": buffers[len(buffers) * 95 // 100],
        "most": buffers[-1],
        # On a larger platform, playlists and histories are longer, so a read returns more rows, up
        # to a full page.
        "for_a_row": statistics.median(for_a_row),
        "for_a_row_p95": for_a_row[len(for_a_row) * 95 // 100],
        "shapes": sorted({plan.shape for plan in explained}),
        "sequential": sorted({table for plan in explained for table in plan.sequential}),
    }


if __name__ == "__main__":
    main()
