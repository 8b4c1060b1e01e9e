"""The results of a run as tables in Markdown: in the terminal, and in docs/benchmarks/README.md.

`make bench-plots` writes that page from the committed results.
"""

import json
import statistics
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.markdown import Markdown

from benchmarks.queries import agreement
from benchmarks.queries.query import GROUPS, SCHEMAS
from benchmarks.queries.report import figures, ratios, spread
from benchmarks.server import ROOT

RESULTS = ROOT / "docs" / "benchmarks"
HEAD = """# Results of the benchmarks of the queries

`make bench-plots` writes this page from the JSON in this directory; do not edit it.
[performance.md](../performance.md) and [scale.md](../scale.md) explain the results. Ratios are
medians over the rounds of a run, with minimum and maximum in brackets.
"""


def main() -> None:
    """Write the page, with a section for each file of results."""
    sections = [HEAD]
    for name in ("hot", "sizes", "price", "scale"):
        source = RESULTS / f"{name}.json"
        if source.exists():
            sections.append(section(name, json.loads(source.read_text())))
    page = RESULTS / "README.md"
    page.write_text("\n".join(text.rstrip() + "\n" for text in sections))
    print(f"Written: {page.relative_to(ROOT)}")


def show(name: str, results: dict[str, Any]) -> None:
    """Print the section of a run."""
    # As wide as the tables need, also if the output is a file.
    Console(width=150, highlight=False).print(Markdown(section(name, results)))


def section(name: str, results: dict[str, Any]) -> str:
    """Return the Markdown of the results of a benchmark: `hot`, `sizes`, `price` or `scale`."""
    lines = {"hot": hot, "sizes": sizes, "price": price, "scale": scale}[name]
    return "\n".join([*lines(results), "", machine(results)])


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return a table in Markdown; the first column is text, the others are figures."""
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return ["", *("| " + " | ".join(map(str, line)) + " |" for line in lines)]


def machine(results: dict[str, Any]) -> str:
    """Return a sentence about the machine."""
    found = results["machine"]
    settings = ", ".join(f"{name} {value}" for name, value in found["server"].items())
    return (
        f"Ran on {found['processors']} processors, {found['memory_gb']} GB, {found['system']}:"
        f" {settings}."
    )


def hot(results: dict[str, Any]) -> Iterator[str]:
    """Times, plans and deletions."""
    options = " ".join(f"--{name.replace('_', '-')} {v}" for name, v in results["options"].items())
    yield f'## Hot queries: `make bench OPTIONS="{options}"`'
    yield ""
    yield f"{sum(count for count in results['rows'].values() if count > 0):,} rows in V1."
    for schema, left_out in results.get("left_out", {}).items():
        rows = ", ".join(f"{count:,} rows of {name}" for name, count in left_out.items())
        yield f"{schema} cannot hold {rows}." if rows else f"{schema} holds all rows."
    for group, title in GROUPS.items():
        queries = [query for query in results["queries"] if query["group"] == group]
        if not queries:
            continue
        yield f"\n### {group}. {title}"
        yield from table(
            ["query", "sessions", "p50 ms", "p95 ms", "p99 ms", "a second",
             *(f"{schema} / V1, p50" for schema in SCHEMAS[1:]),
             *(f"{schema} / V1, p99" for schema in SCHEMAS[1:])],
            (row for query in queries for row in _times(query)),
        )  # fmt: skip
        yield from table(
            ["query", *(f"{schema}: buffers (max)" for schema in SCHEMAS), "V1's scans"],
            (_plans(query) for query in queries),
        )
    if not results["scenarios"]:
        return
    yield "\n### Deletions, in seconds"
    yield from table(
        ["deletion", *SCHEMAS],
        ([one["name"], *(
            f"stopped after {one['patience']}" if None in times else spread(times)
            for times in (one["seconds"][schema] for schema in SCHEMAS)
        )] for one in results["scenarios"]),
    )  # fmt: skip


def _times(query: dict[str, Any]) -> Iterator[list[str]]:
    for clients in sorted({one["clients"] for one in query["rounds"]}):
        p50, p95, p99, throughput = (
            statistics.median(figures(query, "v1", clients, figure))
            for figure in ("p50", "p95", "p99", "throughput")
        )
        yield [
            query["name"], str(clients), f"{p50:.3f}", f"{p95:.3f}", f"{p99:.3f}",
            f"{throughput:,.0f}",
            *(spread(ratios(query, schema, clients)) for schema in SCHEMAS[1:]),
            *(spread(ratios(query, schema, clients, "p99")) for schema in SCHEMAS[1:]),
        ]  # fmt: skip


def _plans(query: dict[str, Any]) -> list[str]:
    cells = []
    for schema in SCHEMAS:
        plans = query["plans"][schema]
        whole = sorted({name for plan in plans for name in plan["sequential"]})
        cells.append(
            f"{sum(plan['buffers'] for plan in plans):,.0f}"
            f" ({sum(plan['most_buffers'] for plan in plans):,.0f})"
            + (f", sequential scan of {' and '.join(whole)}" if whole else "")
        )
    return [query["name"], *cells, ", ".join(plan["shape"] for plan in query["plans"]["v1"])]


def sizes(results: dict[str, Any]) -> Iterator[str]:
    """Buffers at each size."""
    found = results["sizes"]
    users = " ".join(str(size["users"]) for size in found)
    yield f'## As the platform grows: `make bench-sizes OPTIONS="--users {users}"`'
    yield (
        "\nBuffers of a read with 100 keys: the median (95th percentile, maximum); then the median"
        " for each row that it returns."
    )
    yield from table(
        ["read", *(f"{size['users']:,} users, {size['rows']:,} rows" for size in found), "scans"],
        ([name, *(_buffers(size["queries"][name]) for size in found), "; ".join(largest["shapes"])]
         for name, largest in found[-1]["queries"].items()),
    )  # fmt: skip


def _buffers(one: dict[str, Any]) -> str:
    whole = f"{one['buffers']:,.0f} ({one['p95']:,}, {one['most']:,})"
    scanned = "".join(f", sequential scan of {name}" for name in one["sequential"])
    return f"{whole}; {one['for_a_row']:,.1f} a row{scanned}"


def price(results: dict[str, Any]) -> Iterator[str]:
    """Keys, the trigger, indexes, bytes."""
    yield '## The price of the Standard: `make bench-price OPTIONS="--users 4000"`'
    for size in results["keys"]:
        base = size["cases"][0]["rows_a_second"]
        yield from table(
            [f"key, in a table of {size['rows']:,}", "rows a second", "ratio", "its index,"
             " bytes a row", "table, bytes a row"],
            ([case["name"], *_rates(case, base), case["index_bytes_a_row"],
              case["table_bytes_a_row"]] for case in size["cases"]),
        )  # fmt: skip
    base = results["trigger"][-1]["seconds"]
    yield from table(
        ["update of a play", "microseconds", "ratio"],
        ([case["name"], spread([1e6 * one / case["rows"] for one in case["seconds"]]),
          spread([one / other for one, other in zip(case["seconds"], base, strict=True)])]
         for case in results["trigger"]),
    )  # fmt: skip
    base = results["indexes"][0]["rows_a_second"]
    yield from table(
        ["track_plays", "rows inserted a second", "ratio", "that index, bytes a row"],
        ([case["name"], *_rates(case, base), case["bytes_a_row"] or ""]
         for case in results["indexes"]),
    )  # fmt: skip
    yield from table(
        ["table", "bytes a row", "its indexes"],
        ([row["table"], row["row"], row["indexes"]] for row in results["bytes"]),
    )
    yield from table(
        ["index", "bytes an account", "WAL of its row and the index"],
        ([row["index"], row["bytes"], row["wal_bytes"]] for row in results["accounts"]),
    )
    yield from table(
        ["taking a job: deferred ones", "index", "buffers"],
        ([f"{row['deferred']:,}", f"(priority, {row['column']})", f"{row['buffers']:,}"]
         for row in results["jobs"]),
    )  # fmt: skip
    yield from table(
        ["update", "", "HOT", "WAL, bytes", "growth of indexes, bytes", "table, bytes a row"],
        ([row["update"], row["variant"], f"{row['hot']:.1%}", f"{row['wal_bytes']:,}",
          row["index_bytes"], row["table_bytes_a_row"]] for row in results["updates"]),
    )  # fmt: skip
    yield from table(
        ["a reply's track is checked", "row", "bytes a comment", "WAL, bytes", "buffers",
         "CPU, microseconds", "ratio"],
        agreement.summary(results["agreement"]),
    )  # fmt: skip


def _rates(case: dict[str, Any], base: Sequence[int]) -> tuple[str, str]:
    pairs = zip(case["rows_a_second"], base, strict=True)
    median = statistics.median(case["rows_a_second"])
    return f"{median:,.0f}", spread([one / other for one, other in pairs])


def scale(results: dict[str, Any]) -> Iterator[str]:
    """Partitions and BRIN."""
    yield f'## Partitions and BRIN: `make bench-scale OPTIONS="--rows {results["rows"]}"`'
    yield from table(
        ["read", "V1: buffers", "ms", "by month: buffers", "ms", "partitions read"],
        ([read["name"], read["track_plays"]["buffers"], read["track_plays"]["ms"],
          read["plays_by_month"]["buffers"], read["plays_by_month"]["ms"],
          read["plays_by_month"]["tables"]] for read in results["reads"]),
    )  # fmt: skip
    rates = results["inserts"]
    pairs = zip(rates["plays_by_month"], rates["track_plays"], strict=True)
    gone = results["removal"]
    yield f"""
- Inserts a second, by month over V1's: {spread([one / other for one, other in pairs])}.
- A month of {gone["rows"]:,} plays: DELETE {gone["delete"]} s, then VACUUM {gone["vacuum"]} s;
  DROP of its partition {gone["drop"]} s."""
    for name, index in results["brin"].items():
        yield (
            f"- `created_at` by {name}: {index['bytes']:,} bytes; a week is {index['buffers']:,}"
            f" buffers and {index['ms']} ms."
        )
    size, lacking = results["bytes"], results["unique_without"]
    yield f"- A play takes {size['table']} bytes, its indexes {size['indexes']}."
    yield (
        f"- Of {lacking['all']} unique indexes other than keys and those of users,"
        f" {lacking['user_id']} lack user_id, {lacking['created_at']} lack created_at."
    )


if __name__ == "__main__":
    main()
