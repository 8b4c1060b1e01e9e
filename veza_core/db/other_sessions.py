"""Other sessions and prepared transactions, for messages about what blocks a command."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg

from veza_core.visible import visible

LONGEST_QUERY = 100

#: The columns of `OtherSession`, from pg_stat_activity (PostgreSQL, 27.2.3). The name of a
#: background worker is its type, such as `autovacuum worker`, or a name from its extension.
SESSION_COLUMNS = """
    pg_stat_activity.pid,
    coalesce(nullif(application_name, ''), nullif(backend_type, 'client backend')), usename::text,
    coalesce(client_hostname, host(client_addr)), state,
    statement_timestamp() - coalesce(xact_start, backend_start) AS age, query, NULL AS gid
"""
#: The same columns from pg_prepared_xacts.
PREPARED_COLUMNS = """
    NULL::int, NULL, owner::text, NULL, NULL, statement_timestamp() - prepared, NULL, gid
"""
#: The prepared transaction that has the lock `held`: the lock on its own number identifies it.
PREPARED_OF_LOCK = """
    JOIN pg_locks AS own ON held.pid IS NULL AND own.pid IS NULL
        AND own.locktype = 'transactionid' AND own.virtualtransaction = held.virtualtransaction
    JOIN pg_prepared_xacts ON pg_prepared_xacts.transaction = own.transactionid
"""

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


@dataclass(frozen=True, slots=True)
class OtherSession:
    """A session from pg_stat_activity, or a prepared transaction, which has no session.

    What a role without `pg_read_all_stats` cannot see is None.
    """

    pid: int | None
    application: str | None
    user: str | None
    host: str | None
    state: str | None
    #: The age of its transaction, or of the session if it has none.
    age: timedelta | None
    query: str | None = None
    #: The name of a prepared transaction.
    gid: str | None = None

    def __str__(self) -> str:
        age = f"{self.age.total_seconds():.0f} s" if self.age else "unknown"
        if self.gid is not None:
            literal = "'" + self.gid.replace("'", "''") + "'"
            return visible(
                f"prepared transaction {literal} (of {self.user}, {age} old): "
                f"COMMIT PREPARED {literal} or ROLLBACK PREPARED {literal} ends it"
            )
        where = f"from {self.host or 'this machine'}"
        who = f"{self.application or 'unnamed'}, role {self.user or 'unknown'}, {where}"
        query = " ".join((self.query or "").split())
        if len(query) > LONGEST_QUERY:
            query = f"{query[: LONGEST_QUERY - 1]}…"
        shown = f": {query}" if query else ""
        return visible(f"pid {self.pid} ({who}, {self.state or 'state unknown'}, for {age}){shown}")


def named_blockers(blockers: Iterable[OtherSession]) -> str:
    """The sessions that blocked a statement, for a message."""
    return "; ".join(map(str, blockers)) or "an unknown session"


def locked_tables(session: psycopg.Connection[Any]) -> str:
    """Within a transaction: a line about locked tables and the oldest holder; empty for none."""
    # The names of all tables then have their schemas.
    session.execute("SET LOCAL search_path = pg_catalog")
    holders = session.execute(HOLDERS).fetchall()
    if not holders:
        return ""
    table, *oldest = holders[0]
    more = len({name for name, *_ in holders}) - 1
    locked = f"table {visible(table)}" + (f" and {more} more" if more else "")
    return f"{locked} is locked by {OtherSession(*oldest)}"
