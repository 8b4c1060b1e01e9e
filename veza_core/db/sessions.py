"""Other sessions of the server, and prepared transactions, for messages about who is in the way."""

from dataclasses import dataclass
from datetime import timedelta

from veza_core.visible import visible

LONGEST_QUERY = 100

#: The columns of `OtherSession`, out of pg_stat_activity (PostgreSQL, 27.2.3). A background worker
#: has its type for a name, such as `autovacuum worker`, or what an extension calls its own.
SESSION_COLUMNS = """
    pg_stat_activity.pid,
    coalesce(nullif(application_name, ''), nullif(backend_type, 'client backend')), usename::text,
    coalesce(client_hostname, host(client_addr)), state,
    statement_timestamp() - coalesce(xact_start, backend_start) AS age, query, NULL AS gid
"""
#: The same columns of pg_prepared_xacts.
PREPARED_COLUMNS = """
    NULL::int, NULL, owner::text, NULL, NULL, statement_timestamp() - prepared, NULL, gid
"""


@dataclass(frozen=True, slots=True)
class OtherSession:
    """A session, as pg_stat_activity knows it, or a prepared transaction, which no session has.

    What a role without `pg_read_all_stats` may not see is None.
    """

    pid: int | None
    application: str | None
    user: str | None
    host: str | None
    state: str | None
    #: How old its transaction is, or the session where it has none.
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
