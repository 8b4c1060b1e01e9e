"""What a run would delete, counted by queries that change nothing (`purge --dry-run`).

One query counts in all tables. Tables that are distributed over other nodes are counted separately:
Citus refuses WITH RECURSIVE across nodes, even if nothing is recursive.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from veza_core.db.fetch import fetch_row

from .batches import PurgedRows
from .catalog import LinkedTable, PurgeCatalog, Reference, gone_name, select_gone
from .policy import Due

DUE = sql.SQL("SELECT {key} AS key FROM {table} WHERE {condition}")
# A join that uses the index of the foreign key.
CHILDREN = sql.SQL("SELECT t.{key} AS key FROM {table} t JOIN {gone} gone ON t.{column} = gone.key")
NOTHING = sql.SQL("SELECT NULL WHERE false")
GONE_AND_DUE = sql.SQL("(SELECT count(*) FROM {gone}), (SELECT count(*) FROM ({due}) due)")
KEYS = sql.SQL("(SELECT array_agg(key) FROM {gone})")
ON_NODES = sql.SQL("SELECT count(*), count(*) FILTER (WHERE {due}) FROM {table} WHERE {all}")


def forecast(
    connection: BaseDatabaseWrapper, catalog: PurgeCatalog, dues: Sequence[Due], now: datetime
) -> dict[str, PurgedRows]:
    """Due rows, and rows that cascades would delete with them, by the table's name."""
    gone: dict[LinkedTable, sql.Composable] = {}
    columns: list[sql.Composable] = []
    # Parents first, so that a table's query can name those of its parents.
    for table in reversed(catalog.children_first()):
        if table.is_spread:
            continue
        due = _due(table, dues, now)
        cascades = catalog.cascades_to(table)
        with_parents = [_children(*each) for each in cascades if each[0] in gone]
        if due or with_parents:
            # The part that names the query itself comes last (PostgreSQL, "Recursive Queries",
            # 7.8.2).
            own = [_children(*each) for each in cascades if each[0] == table]
            gone[table] = _union([*due, *with_parents, *own])
            columns.append(
                GONE_AND_DUE.format(gone=gone_name(table), due=_union(due) if due else NOTHING)
            )
    above = {table: _above(catalog, table) for table in catalog.tables.values() if table.is_spread}
    parents = [table for table in gone if any(table in each.values() for each in above.values())]
    columns += [KEYS.format(gone=gone_name(table)) for table in parents]
    keys: dict[LinkedTable, list[Any]] = {}
    counts: dict[str, PurgedRows] = {}
    if gone:
        figures = list(fetch_row(connection, select_gone(gone, columns)))
        keys = {table: figures.pop() for table in reversed(parents)}
        for table, total, due_rows in zip(gone, figures[::2], figures[1::2], strict=True):
            counts[str(table)] = PurgedRows(deleted=total, by_cascade=total - due_rows)
    for table, references in above.items():
        total, due_rows = _on_nodes(connection, table, references, keys, dues, now)
        counts[str(table)] = PurgedRows(deleted=total, by_cascade=total - due_rows)
    return {name: count for name, count in counts.items() if count.deleted}


def _above(catalog: PurgeCatalog, table: LinkedTable) -> dict[str, LinkedTable]:
    """The parents whose deletion also deletes rows of the table, by the referring column."""
    return {reference.column: parent for parent, reference in catalog.cascades_to(table)}


def _on_nodes(
    connection: BaseDatabaseWrapper,
    table: LinkedTable,
    above: dict[str, LinkedTable],
    keys: dict[LinkedTable, list[Any]],
    dues: Sequence[Due],
    now: datetime,
) -> tuple[int, int]:
    """How many rows of a distributed table would be deleted, and how many of them are due."""
    conditions = [due.condition(now) for due in dues if due.table == table]
    due = sql.SQL(" OR ").join(conditions) if conditions else sql.SQL("false")
    going = [
        sql.SQL("{} = ANY ({})").format(sql.Identifier(column), sql.Literal(keys[parent]))
        for column, parent in above.items()
        if keys.get(parent)
    ]
    if not conditions and not going:
        return 0, 0
    statement = ON_NODES.format(
        table=table.identifier, due=due, all=sql.SQL(" OR ").join([due, *going])
    )
    total, due_rows = fetch_row(connection, statement)
    return total, due_rows


def _due(table: LinkedTable, dues: Sequence[Due], now: datetime) -> list[sql.Composable]:
    return [
        DUE.format(
            key=sql.Identifier(table.key),
            table=table.identifier,
            condition=due.condition(now),
        )
        for due in dues
        if due.table == table
    ]


def _children(parent: LinkedTable, reference: Reference) -> sql.Composable:
    return CHILDREN.format(**reference.names, gone=gone_name(parent))


def _union(queries: Sequence[sql.Composable]) -> sql.Composable:
    return sql.SQL(" UNION ").join(queries)
