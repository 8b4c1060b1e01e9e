"""Counters: columns with the number of rows of another table that refer to a row.

A model declares those of its table (`BaseModel.counters`). A counter changes in the transaction
that inserts, deletes or restores a row that it counts (docs/services.md, "Counters").
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from veza_core.db.inheritance import inherited_tables, named

#: In a fixed order, so that two transactions that lock several rows do not deadlock.
LOCK_ROWS = sql.SQL("SELECT FROM {table} WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE")
ADD = sql.SQL("""
UPDATE {table} AS counted SET {column} = greatest(counted.{column} + change.difference, 0)
FROM unnest(%s::uuid[], %s::bigint[]) AS change (id, difference) WHERE counted.id = change.id
""")


@dataclass(frozen=True, slots=True)
class Counter:
    """`column` is the number of rows of table `rows` whose `key` refers to the row.

    For a table with soft deletion, it is the number of live rows. `only_grows`: deleted rows stay
    counted, and a service may count a row in another transaction, within an hour.
    """

    column: str
    rows: str
    key: str
    only_grows: bool = False


#: What must be added to counters: by table and column, then by the row's id.
type Differences = Mapping[tuple[str, str], Mapping[Any, int]]


def declared_counters() -> dict[str, tuple[Counter, ...]]:
    """All counters, by the name of their table."""
    return {
        model._meta.db_table: counters
        for model in apps.get_models()
        if (counters := getattr(model, "counters", ()))
    }


def counting(rows: str) -> list[tuple[str, Counter]]:
    """The counters, each with its table, that change when a row of this table is deleted."""
    return [
        (table, counter)
        for table, counters in declared_counters().items()
        for counter in counters
        if counter.rows == rows and not counter.only_grows
    ]


def lock(
    connection: BaseDatabaseWrapper,
    *differences: Differences,
    inherited: Collection[str] | None = None,
) -> dict[str, sql.Composable]:
    """Lock the rows whose counters will change, in this transaction.

    Call it before several calls of `add`, with the changes of all of them. `inherited` are the
    tables that others inherit from; without it, they are read. Returns the names of the tables in
    statements.
    """
    ids: dict[str, set[Any]] = defaultdict(set)
    for each in differences:
        for (table, _), changes in each.items():
            ids[table].update(changes)
    if inherited is None:
        inherited = inherited_tables(connection) if ids else ()
    own = {
        table: named("public", table, is_inherited_from=table in inherited) for table in sorted(ids)
    }
    with connection.cursor() as cursor:
        for table, name in own.items():
            cursor.execute(LOCK_ROWS.format(table=name), [list(ids[table])])
    return own


def add(
    connection: BaseDatabaseWrapper,
    differences: Differences,
    inherited: Collection[str] | None = None,
) -> dict[str, int]:
    """Change counters, none of them below 0, and return how many rows were updated, by table.

    Call it in the transaction that changes the counted rows, after that change. `inherited` is as
    in `lock`: a job reads it once, and not for each batch.
    """
    if not differences:
        return {}
    own = lock(connection, differences, inherited=inherited)
    updated: dict[str, int] = defaultdict(int)
    with connection.cursor() as cursor:
        for (table, column), changes in differences.items():
            statement = ADD.format(table=own[table], column=sql.Identifier(column))
            cursor.execute(statement, [list(changes), list(changes.values())])
            updated[table] += cursor.rowcount
    return dict(updated)
