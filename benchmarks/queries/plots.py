"""Draws the committed results in docs/benchmarks/*.json as *.svg, with the same bytes each time.

Run it with `make bench-plots`, which installs matplotlib.
"""

import json
import statistics
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
# No random ids, and text as paths, so that the files are the same on every machine.
mpl.rcParams.update({
    "svg.hashsalt": "veza", "svg.fonttype": "path", "font.size": 9, "axes.spines.top": False,
    "axes.spines.right": False, "figure.facecolor": "white", "savefig.facecolor": "white",
})  # fmt: skip

from matplotlib import pyplot as plt  # noqa: E402

from benchmarks.queries.query import SCHEMAS  # noqa: E402
from benchmarks.queries.report import ratios  # noqa: E402
from benchmarks.server import ROOT  # noqa: E402

RESULTS = ROOT / "docs" / "benchmarks"
#: Okabe and Ito's palette, which colour-blind people can distinguish; and a shape for each.
STYLE = {"lab": ("#d55e00", "o"), "stock": ("#0072b2", "s")}
GREY, GREEN = "#b0b0b0", "#009e73"


def main() -> None:
    """Draw a plot for each file of results."""
    for name, draw in (("hot", hot), ("sizes", sizes), ("price", price)):
        source = RESULTS / f"{name}.json"
        if source.exists():
            draw(json.loads(source.read_text()), RESULTS / f"{name}.svg")
            print(f"Written: {(RESULTS / name).relative_to(ROOT)}.svg")


def save(figure: Any, path: Path) -> None:
    """Save the plot without the date, with which each file would differ."""
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None, "Creator": None})
    plt.close(figure)


def hot(results: dict[str, Any], path: Path) -> None:
    """Draw the time of each query over V1's, one session: a dot, and a line over the rounds."""
    queries = results["queries"]
    figure, axes = plt.subplots(figsize=(8, 0.24 * len(queries) + 1))
    for place, query in enumerate(queries):
        for schema in SCHEMAS[1:]:
            colour, shape = STYLE[schema]
            found = ratios(query, schema, 1)
            y = place + (0.17 if schema == "stock" else -0.17)
            axes.plot([min(found), max(found)], [y, y], color=colour, linewidth=1.2)
            axes.plot(statistics.median(found), y, shape, color=colour, markersize=4.5)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yticks(range(len(queries)), [query["name"] for query in queries])
    axes.invert_yaxis()
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("time over V1's (p50, one session): to the right V1 is faster")
    firsts = [n for n, q in enumerate(queries) if n and q["group"] != queries[n - 1]["group"]]
    for first in firsts:
        axes.axhline(first - 0.5, color="#dddddd", linewidth=0.6)
    for schema, (colour, shape) in STYLE.items():
        axes.plot([], [], shape, color=colour, label=schema)
    axes.legend(loc="lower right", frameon=True)
    save(figure, path)


def sizes(results: dict[str, Any], path: Path) -> None:
    """Draw the buffers of each read, by rows in all tables."""
    from benchmarks.queries.catalogue import READS

    figure, axes = plt.subplots(figsize=(7, 4))
    rows = [size["rows"] for size in results["sizes"]]
    for query in READS:
        found = [size["queries"][query.name] for size in results["sizes"]]
        buffers = [one["buffers"] for one in found]
        axes.plot(rows, buffers, color=GREY, linewidth=1.2, marker=".")
    grown = rows[-1] / rows[0]
    axes.plot(
        rows, [3 * row / rows[0] for row in rows], "--", color="black", linewidth=0.8,
        label="growth in proportion to the tables",
    )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(top=500)
    axes.set_xticks(rows, [f"{row:,}" for row in rows], minor=False)
    axes.minorticks_off()
    axes.grid(color="#eeeeee", linewidth=0.6)
    axes.set_xlabel("rows in all tables")
    axes.set_ylabel("buffers touched (median)")
    axes.plot([], [], color=GREY, marker=".", label=f"a read, {grown:.0f} times the rows")
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.15), frameon=False)
    save(figure, path)


def price(results: dict[str, Any], path: Path) -> None:
    """Draw inserts by kind of key, and by the indexes of track_plays, over the first of each."""
    figure, pair = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained")
    largest = results["keys"][-1]
    for axes, cases, title in (
        (pair[0], largest["cases"], f"keys, in a table of {largest['rows']:,}"),
        (pair[1], results["indexes"], "track_plays"),
    ):
        base = cases[0]["rows_a_second"]
        for place, case in enumerate(cases):
            found = [one / other for one, other in zip(case["rows_a_second"], base, strict=True)]
            axes.barh(place, statistics.median(found), color=GREEN if place == 0 else GREY)
            axes.plot([min(found), max(found)], [place, place], color="black", linewidth=1)
        names = [case["name"].replace("idx_track_plays_", "") for case in cases]
        axes.set_yticks(range(len(cases)), names)
        axes.invert_yaxis()
        axes.set_title(title, fontsize=9, loc="left")
        axes.set_xlabel("rows inserted a second, over the first")
    save(figure, path)


if __name__ == "__main__":
    main()
