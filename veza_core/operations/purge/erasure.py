"""What the purge of one row would do, table by table: one query, whose counts end early.

The tables and their foreign keys are those that the purge itself follows (`read_catalog`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from .catalog import CASCADE, SET_NULL, Catalog, Reference, Table, read_catalog

#: Counting stops above it.
MOST = 1_000

# LATERAL and the limits: each key is one look into the index of the foreign key, and no more rows
# are read than are counted. ANY and the order keep PostgreSQL to that index, whatever it estimates.
CHILDREN = sql.SQL(
    "(SELECT found.key FROM (SELECT key FROM {gone} LIMIT {most}) AS parent CROSS JOIN LATERAL"
    " (SELECT t.{key} AS key FROM {table} t WHERE t.{column} = ANY (ARRAY[parent.key])"
    " ORDER BY t.{column} LIMIT {most}) AS found LIMIT {most})"
)
OWN_CHILDREN = sql.SQL(
    "SELECT t.{key} FROM {table} t JOIN {gone} parent ON t.{column} = parent.key"
)
COUNT = sql.SQL("(SELECT count(*) FROM (SELECT FROM ({rows}) AS rows LIMIT {most}) AS counted)")


@dataclass(frozen=True, slots=True)
class Effect:
    """What would be done to rows of a table; `rows` is `MOST` + 1 for any larger number.

    `rows` is None where they cannot be counted here: on other nodes, or in another service's table.
    """

    DELETED = "deleted"
    CLEARED = "set to NULL"
    FORBIDDING = "forbids it"

    table: Table
    what: str
    #: The columns that refer to what is deleted; none for the row itself.
    columns: Sequence[str]
    rows: int | None


def foresee_one(connection: BaseDatabaseWrapper, name: str, key: Any) -> list[Effect]:
    """What the purge of one row of a table would delete, set to NULL, and be stopped by."""
    catalog = read_catalog(connection)
    root = catalog.tables[name]
    gone = _gone(catalog, root, key)
    asked = [*_deleted(catalog, root, gone), *_cleared(catalog, gone), *_blockers(catalog, gone)]
    counted = [count for _, count in asked if count is not None]
    statement = sql.SQL("WITH RECURSIVE {} SELECT {}").format(
        sql.SQL(", ").join(
            sql.SQL("{} (key) AS ({})").format(_name(table), query) for table, query in gone.items()
        ),
        sql.SQL(", ").join(counted),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        figures = iter(cursor.fetchone() or ())
    return [
        Effect(table, what, columns, None if count is None else next(figures))
        for (table, what, columns), count in asked
    ]


#: A table, what happens there, and the columns by which; with the query that counts, if one can.
type Asked = tuple[tuple[Table, str, Sequence[str]], sql.Composable | None]


def _gone(catalog: Catalog, root: Table, key: Any) -> dict[Table, sql.Composable]:
    """The keys of the rows that would be deleted, parents first."""
    gone: dict[Table, sql.Composable] = {}
    for table in reversed(catalog.children_first()):
        parts = [
            _children(reference, parent)
            for parent in gone
            for reference in catalog.references[parent]
            if reference.table == table and reference.action == CASCADE
        ]
        if table == root:
            parts.insert(0, sql.SQL("SELECT {}::{}").format(sql.Literal(str(key)), sql.SQL("uuid")))
        if parts and not table.is_spread:
            own = [
                OWN_CHILDREN.format(**reference.names, gone=_name(table))
                for reference in catalog.references[table]
                if reference.table == table and reference.action == CASCADE
            ]
            gone[table] = sql.SQL(" UNION ").join([*parts, *own])
    return gone


def _deleted(catalog: Catalog, root: Table, gone: dict[Table, sql.Composable]) -> Iterator[Asked]:
    for table in gone:
        rows = sql.SQL("SELECT key FROM {}").format(_name(table))
        columns = [] if table == root else _columns(catalog, gone, table)
        yield (table, Effect.DELETED, columns), _count(rows)
    spread = {
        reference.table: reference.column
        for parent in gone
        for reference in catalog.references[parent]
        if reference.table.is_spread and reference.action == CASCADE
    }
    for table, column in spread.items():
        yield (table, Effect.DELETED, [column]), None


def _columns(catalog: Catalog, gone: dict[Table, sql.Composable], table: Table) -> list[str]:
    """The columns by which rows of a table would be deleted."""
    return sorted(
        reference.column
        for parent in gone
        for reference in catalog.references[parent]
        if reference.table == table and reference.action == CASCADE
    )


def _cleared(catalog: Catalog, gone: dict[Table, sql.Composable]) -> Iterator[Asked]:
    for parent in gone:
        for reference in catalog.references[parent]:
            if reference.action != SET_NULL:
                continue
            table = reference.table
            count = None
            if not table.is_spread:
                rows = _children(reference, parent)
                if table in gone:
                    # What is deleted itself loses nothing.
                    rows = sql.SQL("SELECT key FROM {} AS r WHERE key NOT IN (TABLE {})").format(
                        rows, _name(table)
                    )
                count = _count(rows)
            yield (table, Effect.CLEARED, [reference.column]), count


def _blockers(catalog: Catalog, gone: dict[Table, sql.Composable]) -> Iterator[Asked]:
    for parent in gone:
        for reference in catalog.blockers[parent]:
            ours = str(reference.table) in catalog.tables
            count = _count(_children(reference, parent)) if ours else None
            yield (reference.table, Effect.FORBIDDING, [reference.column]), count


def _children(reference: Reference, parent: Table) -> sql.Composable:
    return CHILDREN.format(**reference.names, gone=_name(parent), most=MOST + 1)


def _count(rows: sql.Composable) -> sql.Composable:
    return COUNT.format(rows=rows, most=MOST + 1)


def _name(table: Table) -> sql.Identifier:
    return sql.Identifier(f"gone {table}")
