"""What a run would delete, counted in one query that changes nothing (`purge --dry-run`)."""

from collections.abc import Sequence
from datetime import datetime

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from .batches import Count
from .catalog import CASCADE, Catalog, Table
from .policy import Due

DUE = sql.SQL("SELECT {key} AS key FROM {table} WHERE {condition}")
# A join, which the index of the foreign key serves.
CHILDREN = sql.SQL("SELECT t.{key} AS key FROM {table} t JOIN {gone} gone ON t.{column} = gone.key")
NOTHING = sql.SQL("SELECT NULL WHERE false")
COUNTS = sql.SQL("(SELECT count(*) FROM {gone}), (SELECT count(*) FROM ({due}) due)")


def forecast(
    connection: BaseDatabaseWrapper, catalog: Catalog, dues: Sequence[Due], now: datetime
) -> dict[str, Count]:
    """Rows that are due, and those that would go with them by cascade, by the table's name."""
    gone: dict[Table, sql.Composable] = {}
    columns: list[sql.Composable] = []
    # Parents first, so that a table's query can name those of its parents.
    for table in reversed(catalog.children_first()):
        due = _due(table, dues, now)
        with_parents = [part for parent in gone for part in _children(catalog, table, parent)]
        if due or with_parents:
            # Last the part that names the query itself (PostgreSQL, "Recursive Queries", 7.8.2).
            gone[table] = _union([*due, *with_parents, *_children(catalog, table, table)])
            columns.append(COUNTS.format(gone=_name(table), due=_union(due) if due else NOTHING))
    if not gone:
        return {}
    statement = sql.SQL("WITH RECURSIVE {} SELECT {}").format(
        sql.SQL(", ").join(
            sql.SQL("{} (key) AS ({})").format(_name(table), query) for table, query in gone.items()
        ),
        sql.SQL(", ").join(columns),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        figures = list(cursor.fetchone())
    return {
        str(table): Count(deleted=total, by_cascade=total - due)
        for table, total, due in zip(gone, figures[::2], figures[1::2], strict=True)
        if total
    }


def _due(table: Table, dues: Sequence[Due], now: datetime) -> list[sql.Composable]:
    return [
        DUE.format(
            key=sql.Identifier(table.key),
            table=table.identifier,
            condition=due.condition(now),
        )
        for due in dues
        if due.table == table
    ]


def _children(catalog: Catalog, table: Table, parent: Table) -> list[sql.Composable]:
    return [
        CHILDREN.format(
            key=sql.Identifier(table.key),
            table=table.identifier,
            column=sql.Identifier(reference.column),
            gone=_name(parent),
        )
        for reference in catalog.references[parent]
        if reference.table == table and reference.action == CASCADE
    ]


def _union(queries: Sequence[sql.Composable]) -> sql.Composable:
    return sql.SQL(" UNION ").join(queries)


def _name(table: Table) -> sql.Identifier:
    return sql.Identifier(f"gone {table}")
