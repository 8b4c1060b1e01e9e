"""Drift: what is in a V1 database and the migrations did not make, or the other way round.

What they make is recorded in `schema/catalog.json`, which `manage.py export_schema` writes.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.engine import Source
from veza_core.schema.audit.expected import expected_tables
from veza_core.schema.audit.rule import Found
from veza_core.schema.audit.rules.drift import DRIFT
from veza_core.schema.audit.rules.governance import PUBLIC

# A database is V1's when its history says so, or when all of its tables are there.
HISTORY = "SELECT to_regclass('django.django_migrations') IS NOT NULL"
RECORDED = """
SELECT EXISTS (SELECT FROM django.django_migrations
    WHERE app = 'veza_core' AND name = '900_triggers_and_functions')
"""


def drift_source(recorded: Path) -> Source:
    """The rule, and what finds drift from the recorded catalog, for `engine.audit`."""

    def find(connection: psycopg.Connection[Any], catalog: Catalog) -> Iterator[Found]:
        if PUBLIC in catalog.schemas and _is_v1(connection, catalog):
            yield from _compare(connection, catalog, recorded)

    return DRIFT, find


def _is_v1(connection: psycopg.Connection[Any], catalog: Catalog) -> bool:
    tables = {table.name for table in catalog.tables if table.schema == PUBLIC}
    if tables >= expected_tables():
        return True
    return _yes(connection, HISTORY) and _yes(connection, RECORDED)


def _yes(connection: psycopg.Connection[Any], question: str) -> bool:
    row = connection.execute(question).fetchone()
    return bool(row and row[0])


def _compare(
    connection: psycopg.Connection[Any], catalog: Catalog, recorded: Path
) -> Iterator[Found]:
    from veza_core.schema.export.drift import compare
    from veza_core.schema.export.snapshot import load_snapshot, read_snapshot

    tables = {table.name: table for table in catalog.tables if table.schema == PUBLIC}
    for difference in compare(load_snapshot(recorded), read_snapshot(connection)):
        parts = [PUBLIC, difference.table, difference.object]
        name = ".".join(part for part in parts if part)
        where = f" ({difference.property})" if difference.property else f" ({difference.kind})"
        table = tables.get(difference.table or difference.object)
        yield Found(table, name + where, str(difference))
