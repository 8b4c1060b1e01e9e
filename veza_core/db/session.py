"""The settings of our sessions, and those that somebody else made.

Roles, databases and servers have settings (ALTER ROLE … SET). Formats, and settings that our
statements need, are set in the startup packet, which has priority and costs no round trip. Other
settings of others are printed, or respected.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Connection

from veza_core.db.fetch import fetch_all, fetch_row, fetch_value
from veza_core.visible import visible

#: How values look, and how SQL is read and written.
FORMATS = {
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "xmloption": "content",
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
}

#: For every connection of Django's. Both schemas must be on the search path, because Django's
#: introspection uses `pg_table_is_visible` (PostgreSQL, "The Schema Search Path", 5.10.3). New
#: tables are created in the first one, so it cannot be `pg_catalog`, which is searched first
#: anyway. If pg_temp were not named, temporary tables would be searched even before that.
PINNED = {
    "search_path": "public,django,pg_temp",
    **FORMATS,
    "check_function_bodies": "on",
    # An error would end the session, and with it the lock that only one run has.
    "exit_on_error": "off",
    # Each statement must see what others have committed: locks are taken first, then tables are
    # read.
    "default_transaction_isolation": "read committed",
    # With a limit, a search by a GIN index would find only some of the rows, at random.
    "gin_fuzzy_search_limit": "0",
    # Other access methods may not support UPDATE or foreign keys.
    "default_table_access_method": "heap",
}

#: These are also set, but a pooler may drop them.
OPTIONAL = {
    # Our statements are short: to compile one takes longer than to run it.
    "jit": "off",
    # An error says so if policies would hide rows, which a purge or a count would then leave out.
    "row_security": "off",
}

#: How many replicas a commit waits for: `FIRST 2 (a, b)`, `ANY 2 (a, b)`, `2 (a, b)`; `a, b` is 1.
STANDBY_COUNT = "(?i)^ *(?:first|any)? *([0-9]+) *[(]"

SESSION_FACTS = f"""
SELECT current_database()::text, current_user::text, session_user::text,
    host(inet_server_addr()), coalesce(inet_server_port(), current_setting('port')::int),
    current_setting('server_version'), pg_is_in_recovery(),
    current_setting('transaction_read_only') = 'on',
    (SELECT pg_get_userbyid(nspowner)::text FROM pg_namespace
        WHERE nspname = 'django' AND NOT has_schema_privilege(oid, 'USAGE')),
    CASE WHEN current_setting('synchronous_standby_names') <> ''
            AND current_setting('synchronous_commit') NOT IN ('off', 'local')
            AND (SELECT count(*) FROM pg_stat_replication
                WHERE sync_state IS DISTINCT FROM 'async') < coalesce(
                substring(current_setting('synchronous_standby_names'), '{STANDBY_COUNT}')::int, 1)
        THEN current_setting('synchronous_standby_names') END
"""

#: What somebody set for sessions: with the first two nothing is written, the others are limits.
#: transaction_timeout exists since version 17.
READ_ONLY = "default_transaction_read_only"
REPLICATION_ROLE = "session_replication_role"
LIMITS = (
    READ_ONLY,
    REPLICATION_ROLE,
    "statement_timeout",
    "transaction_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
)
IN_FORCE = f"""
SELECT name, current_setting(name), source FROM pg_settings
WHERE name IN ({", ".join(f"'{name}'" for name in LIMITS)})
    AND setting NOT IN ('0', 'off', 'origin')
ORDER BY name
"""
LIFT = "SELECT set_config(name, '0', false) FROM unnest(%s::text[]) AS name"
#: Where a setting comes from, by the words of pg_settings.
SOURCES = {
    "configuration file": "in the server's configuration",
    "command line": "in the server's configuration",
    "environment variable": "in the server's configuration",
    "global": "for all roles",
    "database": "for the database",
    "user": "for the role",
    "database user": "for the role in this database",
    "client": "in the URL's options",
}

UNCHANGED = "Nothing was changed."


def startup_options(given: str = "") -> str:
    """The `options` of a connection: the given ones, then the fixed ones, which win."""
    fixed = {**PINNED, **OPTIONAL}
    pinned = (f"-c {name}={_escaped(value)}" for name, value in fixed.items())
    return " ".join([given, *pinned]).strip()


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def set_locally(connection: Connection[Any], settings: dict[str, str]) -> None:
    """Set these in a transaction of a session that may be used by others."""
    calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
    connection.execute(
        f"SELECT {calls}".encode(), [part for pair in settings.items() for part in pair]
    )


def settings_that_differ(connection: BaseDatabaseWrapper) -> list[str]:
    """The fixed settings that the session does not have, because something between dropped them."""
    names = list(PINNED)
    query = f"SELECT {', '.join(['current_setting(%s)'] * len(names))}"
    values = fetch_row(connection, query, names)
    return [
        f"{name} is {value}"
        for name, value in zip(names, values, strict=True)
        if value.replace(" ", "") != PINNED[name].replace(" ", "")
    ]


@dataclass(frozen=True, slots=True)
class Session:
    """Where a session is connected, as the server reports it."""

    #: As the client was configured: a host name, or the directory of a socket.
    host: str
    #: By name, each as "statement_timeout is 5s (for the role)".
    limits: dict[str, str]
    database: str
    role: str
    login: str
    #: The address; None for a Unix socket.
    address: str | None
    port: int
    server_version: str
    in_recovery: bool
    read_only: bool
    #: The owner of schema `django`, if the role may not use the schema; otherwise None.
    django_is_of: str | None
    #: `synchronous_standby_names`, when commits wait for more replicas than are connected.
    awaited_replicas: str | None

    def __str__(self) -> str:
        address = f"{self.address}, " if self.address not in (None, self.host) else ""
        standby = ", in recovery" if self.in_recovery else ""
        login = f" (signed in as {self.login})" if self.login != self.role else ""
        return visible(
            f"Connected to {self.database} on {self.host}:{self.port} "
            f"({address}PostgreSQL {self.server_version}{standby}) as {self.role}{login}"
        )

    def as_dict(self) -> dict[str, Any]:
        names = ("host", "address", "port", "database", "role", "server_version")
        return {name: value for name, value in asdict(self).items() if name in names}

    def check_usable(self) -> None:
        """Raise `CommandError` if the role cannot see the migrations' history."""
        if self.django_is_of is not None:
            raise CommandError(
                f"schema django belongs to {self.django_is_of}, and role {self.role} may not use "
                f'it: connect as its owner, or GRANT ALL ON SCHEMA django TO "{self.role}". '
                f"{UNCHANGED}"
            )

    def check_writable(self) -> None:
        """Raise `CommandError`, in one line, if nothing can be written, or not safely."""
        if self.in_recovery:
            raise CommandError(
                "this server is a read-only replica, or is still in recovery: name the primary "
                f"in DATABASE_URL. {UNCHANGED}"
            )
        if self.read_only:
            raise CommandError(
                f"{self.limits.get(READ_ONLY, 'the transaction is read only')}, and this writes: "
                f"turn it off, or connect as another role. {UNCHANGED}"
            )
        if REPLICATION_ROLE in self.limits:
            raise CommandError(
                f"{self.limits[REPLICATION_ROLE]}: foreign keys and triggers would not work. Reset "
                f"it, or connect as another role. {UNCHANGED}"
            )
        if self.awaited_replicas is not None:
            raise CommandError(
                "each commit would wait for a synchronous replica (synchronous_standby_names is "
                f"{visible(self.awaited_replicas)}), and too few are connected: connect one, or "
                f"add options=-c%20synchronous_commit%3Dlocal to the URL for one run. {UNCHANGED}"
            )


def read_session(connection: BaseDatabaseWrapper) -> Session:
    """Query where the session is connected, and which limits it has."""
    connection.ensure_connection()
    host = connection.connection.info.host
    limits = {
        name: f"{name} is {value}" + (f" ({SOURCES[source]})" if source in SOURCES else "")
        for name, value, source in fetch_all(connection, IN_FORCE)
    }
    return Session(host, limits, *fetch_row(connection, SESSION_FACTS))


def database_of(connection: BaseDatabaseWrapper) -> str:
    """The database's name, as the server reports it."""
    return str(fetch_value(connection, "SELECT current_database()::text"))


def announce(
    connection: BaseDatabaseWrapper, say: Callable[[str], object], *, lift: bool = False
) -> Session:
    """Print in one line where the session is connected, and in another which limits somebody has
    set.

    `lift`: the timeouts are turned off for this session, as pg_dump and pg_restore do for theirs.
    """
    session = read_session(connection)
    say(str(session))
    timeouts = session.limits.keys() - {READ_ONLY, REPLICATION_ROLE}
    if timeouts:
        what = "Turned off for this session" if lift else "In force"
        say(f"{what}: {', '.join(session.limits[name] for name in sorted(timeouts))}")
    if timeouts and lift:
        fetch_all(connection, LIFT, [list(timeouts)])
    return session
