"""Tables of others that inherit from ours, whose rows our statements must not change.

Without ONLY, a statement reads and changes them too (PostgreSQL, "Inheritance", 5.11). `purge` and
the counters change only our own rows; a foreign table among the others could not even be locked.
"""

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from veza_core.db.fetch import fetch_all

#: Whether other tables that are not partitions inherit from a table; `oid` is the table's.
IS_INHERITED_FROM = (
    "(relkind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = pg_class.oid))"
)

FIND = f"""
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND {IS_INHERITED_FROM}
"""


def named(schema: str, table: str, *, is_inherited_from: bool) -> sql.Composable:
    """A table for a statement, after FROM, UPDATE or DELETE FROM: only its own rows.

    ONLY is written only if it is needed: a partitioned table would have no rows with it, and Citus
    refuses it.
    """
    only = sql.SQL("ONLY " if is_inherited_from else "")
    return sql.Composed([only, sql.Identifier(schema, table)])


def inherited_tables(connection: BaseDatabaseWrapper) -> set[str]:
    """The tables of `public` that others inherit from."""
    return {name for (name,) in fetch_all(connection, FIND)}
