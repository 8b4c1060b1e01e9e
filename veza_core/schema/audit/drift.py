"""Drift: differences between a V1 database and what the migrations create.

`manage.py export_schema` records the latter in `schema/catalog.json`.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg

from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.distributed import bent, function_differs
from veza_core.schema.audit.engine import FindingSource
from veza_core.schema.audit.expected import expected_tables
from veza_core.schema.audit.profiles import history
from veza_core.schema.audit.rule import Found
from veza_core.schema.audit.rules.drift import DRIFT, TUNING
from veza_core.schema.audit.rules.governance import PUBLIC
from veza_core.schema.snapshot import load_snapshot, read_snapshot
from veza_core.schema.snapshot.drift import Difference, compare

#: Properties of storage, vacuum, statistics and replication, which change no result of a query.
_TUNING = frozenset(["options", "toast options", "statistics", "replica identity"])
_STORAGE_PARAMETERS = re.compile(r" WITH \([^()]*\)")


def drift_sources(recorded: Path, spread: frozenset[str] = frozenset()) -> list[FindingSource]:
    """The two rules, drift and tuning, and the functions that compare with the recorded catalog.

    `spread` are tables that may already have triggers instead of foreign keys.
    """
    # The result for the last catalog, because both rules use the same one.
    known: list[tuple[Catalog, list[Difference]]] = []

    def differences(connection: psycopg.Connection[Any], catalog: Catalog) -> list[Difference]:
        if not known or known[0][0] is not catalog:
            known[:] = [(catalog, _differences(connection, catalog, recorded, spread))]
        return known[0][1]

    def finder(*, tuning: bool) -> Callable[[psycopg.Connection[Any], Catalog], Iterator[Found]]:
        def find(connection: psycopg.Connection[Any], catalog: Catalog) -> Iterator[Found]:
            for difference in differences(connection, catalog):
                if is_tuning(difference) is tuning:
                    yield _found(catalog, difference)

        return find

    return [(DRIFT, finder(tuning=False)), (TUNING, finder(tuning=True))]


def is_tuning(difference: Difference) -> bool:
    """Whether a difference concerns only settings: of storage, statistics or replication."""
    if difference.kind == "object":
        return difference.object.startswith("statistics object ")
    if difference.kind in ("index", "constraint") and difference.property == "definition":
        was, is_ = (
            _STORAGE_PARAMETERS.sub("", text or "") for text in (difference.was, difference.is_)
        )
        return was == is_
    return difference.property in _TUNING and not difference.kind.endswith("view")


def _is_v1(connection: psycopg.Connection[Any], catalog: Catalog) -> bool:
    """Whether its history says so, or all of its tables exist."""
    tables = {table.name for table in catalog.tables if table.schema == PUBLIC}
    return tables >= expected_tables() or history(connection)[1]


def _differences(
    connection: psycopg.Connection[Any],
    catalog: Catalog,
    recorded: Path,
    spread: frozenset[str],
) -> list[Difference]:
    if PUBLIC not in catalog.schemas or not _is_v1(connection, catalog):
        return []
    expected = bent(load_snapshot(recorded), catalog, spread)
    return [*compare(expected, read_snapshot(connection)), *function_differs(connection, catalog)]


def _found(catalog: Catalog, difference: Difference) -> Found:
    tables = {table.name: table for table in catalog.tables if table.schema == PUBLIC}
    parts = [PUBLIC, difference.table, difference.object]
    name = ".".join(part for part in parts if part)
    where = f" ({difference.property})" if difference.property else f" ({difference.kind})"
    return Found(tables.get(difference.table or difference.object), name + where, str(difference))
