"""The URLs of every list, filter and page of every screen.

The values of foreign keys, and the rows whose pages are opened, are the slowest in the data: by
PostgreSQL's statistics, the most rows refer to them.
"""

import json
import resource
import statistics
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from psycopg import sql

from benchmarks.admin.cases import SIZE, Case, far, list_of, page_of
from benchmarks.admin.measuring import timed
from benchmarks.queries.plans import Plan
from veza_core.screens.inspection import InspectionAdmin

#: No page may read a whole table with more rows than this.
LARGE = 100_000


def every() -> Iterator[tuple[str, list[Case]]]:
    """Return each screen's name, and its pages."""
    yield "start page", [Case("start page", reverse("admin:index"))]
    for model, screen in admin.site._registry.items():
        if isinstance(screen, InspectionAdmin):
            yield str(model._meta.verbose_name_plural), list(_pages(model, screen))


def _pages(model: type[Model], screen: InspectionAdmin) -> Iterator[Case]:
    asked = screen.parameters()
    yield Case("page 1", list_of("admin", model))
    yield Case("last page", list_of("admin", model, last=1))
    if model._base_manager.count() > 3 * SIZE:
        number, cursor = far(model, asked.order)
        yield Case(f"page {number:,}", list_of("admin", model, **cursor))
    questions: list[dict[str, Any]] = [
        {state.name: option.value} for state in asked.states for option in state.options
    ]
    for name in asked.keys:
        questions += [{name: value} for value in _frequent(model, name)]
    for question in questions:
        yield _case(model, question)
    for question in [{}, *questions]:
        yield _case(model, {**question, "range": "30d"})
    for pk in _rows(model):
        yield Case(f"row {pk}", page_of("admin", model, pk))


def _case(model: type[Model], question: dict[str, Any]) -> Case:
    name = ", ".join(f"{name} {value}" for name, value in question.items())
    return Case(name, list_of("admin", model, **question))


def _frequent(model: type[Model], name: str) -> list[str]:
    """Return the most frequent value of a column, and its last value in order, which is usually
    rare.
    """
    column = model._meta.get_field(name).column  # type: ignore[union-attr]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (most_common_vals::text::text[])[1], histogram_bounds::text::text[]"
            " FROM pg_stats WHERE tablename = %s AND attname = %s",
            [model._meta.db_table, column],
        )
        most, bounds = cursor.fetchone() or (None, None)
    found = [most, *(bounds or [])[-1:]]
    return [value for value in found if value]


def _rows(model: type[Model]) -> list[Any]:
    """Return, for each related table, the row to which the most rows refer; and an ordinary row."""
    found: list[Any] = []
    for relation in model._meta.related_objects:
        found += _frequent(relation.related_model, relation.field.name)[:1]
    usual = model._base_manager.order_by("id").values_list("pk", flat=True).first()
    return list(dict.fromkeys(str(pk) for pk in (*found, usual) if pk))


def measure(client: Client, rounds: int) -> int:
    """Time all pages, and print a line for each screen.

    Returns the exit status: 1 if a plan has a sequential scan of a large table.
    """
    read_whole: set[str] = set()
    everything: list[Case] = []
    print(f"{'':28} pages  queries  slowest median  worst   of")
    for name, pages in every():
        for case in pages:
            with connection.execute_wrapper(Explained(read_whole)):
                timed(client, case, case.url)
            case.seconds = [timed(client, case, case.url) for _ in range(rounds)]
        everything += pages
        slowest = max(pages, key=lambda case: statistics.median(case.seconds))
        median, worst = statistics.median(slowest.seconds), max(max(one.seconds) for one in pages)
        print(
            f"{name:28} {len(pages):5} {max(case.queries for case in pages):8}"
            f" {median * 1000:12.0f} ms {worst * 1000:4.0f} ms  {slowest.name}",
            flush=True,
        )
    medians = [statistics.median(case.seconds) for case in everything]
    worst = max(max(case.seconds) for case in everything)
    print(
        f"{len(everything)} URLs, {rounds} times each:"
        f" median {statistics.median(medians) * 1000:.0f} ms,"
        f" slowest median {max(medians) * 1000:.0f} ms, worst {worst * 1000:.0f} ms"
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"Memory at most: {peak:.0f} MB")
    print("Sequential scans of large tables:", "; ".join(sorted(read_whole)) or "none")
    return int(bool(read_whole))


class Explained:
    """For `execute_wrapper`: records sequential scans of large tables in the plan of each query."""

    def __init__(self, found: set[str]) -> None:
        self.found = found

    def __call__(self, execute: Any, query: Any, params: Any, many: bool, context: Any) -> Any:
        whole = query if isinstance(query, sql.Composable) else sql.SQL(query)
        text = whole.as_string(connection.connection)
        if text.lstrip("( \n").startswith(("SELECT", "WITH")) and "set_config" not in text:
            explain = sql.SQL("EXPLAIN (FORMAT JSON) {}").format(whole)
            # In the transaction of the page, with its settings.
            with connection.connection.cursor() as cursor:
                for (plan,) in cursor.execute(explain, params).fetchall():
                    self._note(plan if isinstance(plan, list) else json.loads(plan))
        return execute(query, params, many, context)

    def _note(self, plans: list[Any]) -> None:
        scanned = {
            node["Relation Name"]
            for node in Plan(plans[0]["Plan"]).nodes
            if node["Node Type"] == "Seq Scan"
        }
        with connection.connection.cursor() as cursor:
            large = cursor.execute(
                "SELECT relname FROM pg_class WHERE relname = ANY(%s) AND reltuples > %s",
                [list(scanned), LARGE],
            )
            self.found |= {name for (name,) in large}
