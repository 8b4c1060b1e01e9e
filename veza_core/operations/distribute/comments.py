"""Keeps comments on tables and columns: Citus recreates tables without their comments."""

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

type Comments = dict[tuple[str, str | None], str]

COMMENTS = """
SELECT relname::text, attname::text, description
FROM pg_description
JOIN pg_class ON pg_class.oid = objoid AND relkind IN ('r', 'p')
LEFT JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid AND objsubid > 0
WHERE classoid = 'pg_class'::regclass AND relnamespace = 'public'::regnamespace
"""


def read_comments(connection: BaseDatabaseWrapper) -> Comments:
    """The comments of `public`, by table and column; None is the table itself."""
    with connection.cursor() as cursor:
        cursor.execute(COMMENTS)
        return {(table, column): text for table, column, text in cursor.fetchall()}


def write_again(connection: BaseDatabaseWrapper, before: Comments) -> None:
    """Write the missing comments again. Call it in the transaction that lost them."""
    lost = before.items() - read_comments(connection).items()
    with connection.cursor() as cursor:
        for (table, column), text in sorted(lost, key=str):
            what = sql.SQL("TABLE {}") if column is None else sql.SQL("COLUMN {}")
            names = ("public", table) if column is None else ("public", table, column)
            statement = sql.SQL("COMMENT ON {} IS {}")
            where = what.format(sql.Identifier(*names))
            cursor.execute(statement.format(where, sql.Literal(text)))
