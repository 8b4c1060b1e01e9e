"""Drift: differences between a V1 database and what the migrations create.

`manage.py export_schema` records what the migrations create in `schema/catalog.json`.
"""

import re
from collections.abc import Iterator
from typing import Any

import psycopg

from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.distributed import function_differs, with_triggers
from veza_core.schema.audit.expected import expected_tables, recorded_catalog
from veza_core.schema.audit.profiles import history
from veza_core.schema.audit.rule import Found, Rule
from veza_core.schema.audit.rules.drift import DRIFT, TUNING
from veza_core.schema.audit.rules.governance import PUBLIC
from veza_core.schema.snapshot import load_snapshot, read_snapshot
from veza_core.schema.snapshot.drift import Difference, compare

#: Properties of storage, vacuum, statistics and replication, which change no result of a query.
_TUNING = frozenset(["options", "toast options", "statistics", "replica identity"])
_STORAGE_PARAMETERS = re.compile(r" WITH \([^()]*\)")


def find_drift(
    connection: psycopg.Connection[Any], catalog: Catalog, spread: frozenset[str] = frozenset()
) -> Iterator[tuple[Rule, Found]]:
    """Find differences from the recorded catalog, each with its rule: DRIFT or TUNING.

    A database that is not V1 has none.

    `spread` are tables that may already have triggers instead of foreign keys.
    """
    for difference in sorted(_differences(connection, catalog, spread), key=is_tuning):
        yield TUNING if is_tuning(difference) else DRIFT, _found(catalog, difference)


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
    """Whether all tables of V1 exist, or the migration history says that V1 is complete."""
    tables = {table.name for table in catalog.tables if table.schema == PUBLIC}
    return tables >= expected_tables() or history(connection)[1]


def _differences(
    connection: psycopg.Connection[Any], catalog: Catalog, spread: frozenset[str]
) -> list[Difference]:
    if PUBLIC not in catalog.schemas or not _is_v1(connection, catalog):
        return []
    expected = with_triggers(load_snapshot(recorded_catalog()), catalog, spread)
    return [*compare(expected, read_snapshot(connection)), *function_differs(catalog)]


def _found(catalog: Catalog, difference: Difference) -> Found:
    tables = {table.name: table for table in catalog.tables if table.schema == PUBLIC}
    parts = [PUBLIC, difference.table, difference.object]
    name = ".".join(part for part in parts if part)
    where = f" ({difference.property})" if difference.property else f" ({difference.kind})"
    return Found(tables.get(difference.table or difference.object), name + where, str(difference))
