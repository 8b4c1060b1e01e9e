"""Handles other sessions that drop what an audit reads, or lock it.

Rows of the catalog come from the snapshot, but functions that print definitions read the current
state.
"""

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import errors

from veza_core.schema.audit.session import AuditError
from veza_core.schema.quoting import one_line

#: How often a reading is repeated before the error is reported.
ATTEMPTS = 10

_GONE = (
    errors.UndefinedTable,
    errors.UndefinedObject,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
)

# The sessions with an ACCESS EXCLUSIVE lock, and the locked tables. Statements of other roles are
# visible only to roles that may read them.
_HOLDERS = """
SELECT l.relation::regclass::text, l.pid, coalesce(a.application_name, ''), coalesce(a.query, '')
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.pid <> pg_backend_pid() AND l.relation::regclass::text !~ '^[0-9]+$'
  AND l.relation IN (SELECT oid FROM pg_class WHERE relkind IN ('r', 'p', 'm', 'f', 'v'))
ORDER BY a.xact_start NULLS LAST, 1
"""


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
        connection.execute("SET LOCAL search_path = pg_catalog")
        holders = connection.execute(_HOLDERS).fetchall()
    if not holders:
        return "another session locked a table for too long, and has ended: try again"
    table, pid, application, query = holders[0]
    more = len({name for name, *_ in holders}) - 1
    who = f"process {pid}" + (f" ({application})" if application else "")
    what = f": {one_line(query)[:100]}" if query else ""
    beside = f" and {more} more" if more else ""
    return f"table {table}{beside} is locked by {who}; try again when it has ended{what}"
