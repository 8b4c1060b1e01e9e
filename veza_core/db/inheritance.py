"""Tables of others that inherit from ours: their rows would be read and changed with ours.

Unless a statement says ONLY (PostgreSQL, "Inheritance", 5.11). What `purge` and the counters change
is ours alone; a foreign table among them could not even be locked.
"""

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

#: Whether a table has others below it that are no partitions; `oid` is the table's.
IS_INHERITED_FROM = (
    "(relkind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = pg_class.oid))"
)

FIND = f"""
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND {IS_INHERITED_FROM}
"""


def named(schema: str, table: str, *, is_inherited_from: bool) -> sql.Composable:
    """A table for a statement, behind FROM, UPDATE or DELETE FROM: its own rows alone.

    ONLY where it is needed: of a partitioned table it would mean no row, and Citus refuses it.
    """
    only = sql.SQL("ONLY " if is_inherited_from else "")
    return sql.Composed([only, sql.Identifier(schema, table)])


def inherited_tables(connection: BaseDatabaseWrapper) -> set[str]:
    """The tables of `public` that others inherit from."""
    with connection.cursor() as cursor:
        cursor.execute(FIND)
        return {name for (name,) in cursor.fetchall()}
