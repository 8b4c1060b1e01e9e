"""Reads the rows of a query, for the answers."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

#: Rows are counted up to this number. Above it, the answer is "at least that many".
MOST_COUNTED = 1000

type Answer = dict[str, Any]


class NotAllowedError(Exception):
    """The role cannot see the answer; the text says which privilege it needs."""


def rows(connection: BaseDatabaseWrapper, query: Any, *parameters: Any) -> list[Answer]:
    """The rows of a query, each as a dict with the names of its columns."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters or None)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
