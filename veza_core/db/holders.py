"""Who holds tables so that nobody else can even read them, after a limit on waits has passed."""

from typing import Any

import psycopg

from veza_core.db.sessions import (
    PREPARED_COLUMNS,
    PREPARED_OF_LOCK,
    SESSION_COLUMNS,
    OtherSession,
)
from veza_core.visible import visible

_LOCKED = """
    held.locktype = 'relation' AND held.mode = 'AccessExclusiveLock' AND held.granted
    AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND held.relation::regclass::text !~ '^[0-9]+$'
    AND held.relation IN (SELECT oid FROM pg_class WHERE relkind IN ('r', 'p', 'm', 'f', 'v'))
"""
HOLDERS = f"""
SELECT held.relation::regclass::text, {SESSION_COLUMNS}
FROM pg_locks AS held JOIN pg_stat_activity ON pg_stat_activity.pid = held.pid
WHERE {_LOCKED} AND held.pid <> pg_backend_pid()
UNION ALL
SELECT held.relation::regclass::text, {PREPARED_COLUMNS}
FROM pg_locks AS held {PREPARED_OF_LOCK}
WHERE {_LOCKED}
ORDER BY age DESC NULLS LAST, 1
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
    table, *oldest = holders[0]
    more = len({name for name, *_ in holders}) - 1
    locked = f"table {visible(table)}" + (f" and {more} more" if more else "")
    return f"{locked} is locked by {OtherSession(*oldest)}"
