"""Queries over a connection of Django's, each with a cursor of its own."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

type Query = str | sql.Composable


def fetch_all(
    connection: BaseDatabaseWrapper, query: Query, parameters: Any = None
) -> list[tuple[Any, ...]]:
    """All rows."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


def fetch_row(connection: BaseDatabaseWrapper, query: Query, parameters: Any = None) -> Any:
    """The first row; None if there is none."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchone()


def fetch_value(connection: BaseDatabaseWrapper, query: Query, parameters: Any = None) -> Any:
    """The first value of the first row; None if there is none."""
    row = fetch_row(connection, query, parameters)
    return row[0] if row else None
