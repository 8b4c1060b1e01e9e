"""Who holds tables so that nobody else can even read them, after a limit on waits has passed."""

from typing import Any

import psycopg

from veza_core.visible import visible

# Who holds an ACCESS EXCLUSIVE lock, and on which tables. A prepared transaction has no process.
# Statements of other roles are visible only to roles that may read them.
HOLDERS = """
SELECT l.relation::regclass::text, l.pid, coalesce(a.application_name, ''), coalesce(a.query, ''),
    gid
FROM pg_locks l
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
LEFT JOIN pg_locks x ON l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid'
    AND x.virtualtransaction = l.virtualtransaction
LEFT JOIN pg_prepared_xacts p ON p.transaction = x.transactionid
WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.pid IS DISTINCT FROM pg_backend_pid() AND l.relation::regclass::text !~ '^[0-9]+$'
  AND l.relation IN (SELECT oid FROM pg_class WHERE relkind IN ('r', 'p', 'm', 'f', 'v'))
ORDER BY a.xact_start NULLS LAST, 1
"""


def locked_tables(session: psycopg.Connection[Any]) -> str:
    """One line about the locked tables and the oldest holder, within a transaction; empty if there
    is none.
    """
    # The names of all tables then have their schemas.
    session.execute("SET LOCAL search_path = pg_catalog")
    holders = session.execute(HOLDERS).fetchall()
    if not holders:
        return ""
    table, pid, application, query, gid = holders[0]
    more = len({name for name, *_ in holders}) - 1
    locked = f"table {table}" + (f" and {more} more" if more else "")
    if gid is not None:
        name = "'" + gid.replace("'", "''") + "'"
        return visible(
            f"{locked} is locked by prepared transaction {name}: "
            f"COMMIT PREPARED {name} or ROLLBACK PREPARED {name} ends it"
        )
    who = f"process {pid}" + (f" ({application})" if application else "")
    what = f": {' '.join(query.split())[:100]}" if query else ""
    return visible(f"{locked} is locked by {who}; try again when it has ended{what}")
