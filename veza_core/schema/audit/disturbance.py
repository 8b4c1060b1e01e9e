"""Handles other sessions that drop what an audit reads, or lock it.

Rows of the catalog come from the snapshot, but functions that print definitions read the current
state.
"""

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import errors

from veza_core.db.other_sessions import locked_tables
from veza_core.schema.audit.session import AuditError

#: How often a reading is repeated before the error is reported.
ATTEMPTS = 10

_GONE = (
    errors.UndefinedTable,
    errors.UndefinedObject,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
)


def undisturbed[Result](connection: psycopg.Connection[Any], read: Callable[[], Result]) -> Result:
    """Return what `read` returns; repeat it if another session drops what is being read.

    Raises `AuditError`, which names the table, after a lock timeout, and otherwise what `read`
    raises.
    """
    attempt = 1
    while True:
        try:
            return read()
        except errors.LockNotAvailable as error:
            raise AuditError(_in_the_way(connection)) from error
        except (*_GONE, errors.InternalError_) as error:
            if attempt == ATTEMPTS or not _is_gone(error):
                raise
        attempt += 1


def _is_gone(error: psycopg.Error) -> bool:
    """Whether the error says that an object no longer exists; such internal errors have no code."""
    if isinstance(error, _GONE):
        return True
    text = str(error)
    return text.startswith(("cache lookup failed", "could not open relation", "could not find"))


def _in_the_way(connection: psycopg.Connection[Any]) -> str:
    """Say which table is locked, and by whom, if that is still so."""
    with connection.transaction():
        return locked_tables(connection) or (
            "another session locked a table for too long; it has ended since: try again"
        )
