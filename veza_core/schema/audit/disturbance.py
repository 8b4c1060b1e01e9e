"""Handles other sessions that drop what an audit reads, or lock it.

Rows of the catalog come from the snapshot, but PostgreSQL's functions that print definitions read
the current state.
"""

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import errors

from veza_core.db.other_sessions import locked_tables
from veza_core.schema.audit.session import AuditError

#: How many times a read is tried before its error is raised.
ATTEMPTS = 10

_GONE = (
    errors.UndefinedTable,
    errors.UndefinedObject,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
)


def undisturbed[Result](connection: psycopg.Connection[Any], read: Callable[[], Result]) -> Result:
    """Return what `read` returns; repeat it if another session drops what is being read.

    After a lock timeout, it raises `AuditError`, which names the table. Otherwise it raises what
    `read` raises.
    """
    attempt = 1
    while True:
        try:
            return read()
        except errors.LockNotAvailable as error:
            raise AuditError(_who_locks(connection)) from error
        except (*_GONE, errors.InternalError_) as error:
            if attempt == ATTEMPTS or not _is_gone(error):
                raise
        attempt += 1


def _is_gone(error: psycopg.Error) -> bool:
    """Whether the error says that an object no longer exists.

    PostgreSQL's internal errors for this have only a text, and no code of their own.
    """
    if isinstance(error, _GONE):
        return True
    text = str(error)
    return text.startswith(("cache lookup failed", "could not open relation", "could not find"))


def _who_locks(connection: psycopg.Connection[Any]) -> str:
    """Say which table is locked, and by whom, if the lock is still held."""
    with connection.transaction():
        return locked_tables(connection) or (
            "another session locked a table for too long; it has ended since: try again"
        )
