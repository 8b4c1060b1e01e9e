"""What a session is like: the settings that ours have, and those that somebody else made.

Roles, databases and servers carry settings (ALTER ROLE … SET). Those that are only a format, or on
which our statements rely, are set in the startup packet, which outranks all of them and costs no
round trip. Those that are somebody's will are told, or obeyed.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Connection

from veza_core.visible import visible

#: How values look, and how SQL is read and written out.
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

#: Of every connection of Django's. Both schemas have to be on the search path, since Django's
#: introspection asks `pg_table_is_visible` (PostgreSQL, "The Schema Search Path", 5.10.3). New
#: tables go into the first one that is named, so that `pg_catalog` cannot be; it is searched before
#: all of them. Without a name, temporary tables would be searched before that.
PINNED = {
    "search_path": "public,django,pg_temp",
    **FORMATS,
    "check_function_bodies": "on",
    # Each statement has to see what others have committed: locks are taken, then tables are read.
    "default_transaction_isolation": "read committed",
    # A search by a GIN index would find some of the rows, at random.
    "gin_fuzzy_search_limit": "0",
}

FACTS = """
SELECT current_database()::text, current_user::text, session_user::text,
    host(inet_server_addr()), coalesce(inet_server_port(), current_setting('port')::int),
    current_setting('server_version'), pg_is_in_recovery(),
    current_setting('transaction_read_only') = 'on',
    current_setting('session_replication_role'),
    (SELECT pg_get_userbyid(nspowner)::text FROM pg_namespace
        WHERE nspname = 'django' AND NOT has_schema_privilege(oid, 'USAGE'))
"""

#: What somebody wants a session not to do; transaction_timeout comes with version 17.
READ_ONLY = "default_transaction_read_only"
LIMITS = (
    READ_ONLY,
    "statement_timeout",
    "transaction_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
)
IN_FORCE = f"""
SELECT name, current_setting(name), source FROM pg_settings
WHERE name IN ({", ".join(f"'{name}'" for name in LIMITS)}) AND setting NOT IN ('0', 'off')
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
    """The `options` of a connection: those that were given, and what is pinned, which wins."""
    pinned = (f"-c {name}={_escaped(value)}" for name, value in PINNED.items())
    return " ".join([given, *pinned]).strip()


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def set_locally(connection: Connection[Any], settings: dict[str, str]) -> None:
    """Set these in the transaction of a session that may be somebody else's."""
    calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
    connection.execute(
        f"SELECT {calls}".encode(), [part for pair in settings.items() for part in pair]
    )


def settings_that_differ(connection: BaseDatabaseWrapper) -> list[str]:
    """Which of the pinned settings the session does not have: what stands between dropped them."""
    names = list(PINNED)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(['current_setting(%s)'] * len(names))}", names)
        values = cursor.fetchone()
    return [
        f"{name} is {value}"
        for name, value in zip(names, values, strict=True)
        if value.replace(" ", "") != PINNED[name].replace(" ", "")
    ]


@dataclass(frozen=True, slots=True)
class Session:
    """Where a session is, by the server's own answer."""

    #: As the client was told it: a host's name, or a socket's directory.
    host: str
    #: By its name, each as "statement_timeout is 5s (for the role)".
    limits: dict[str, str]
    database: str
    role: str
    login: str
    #: The address; None over a Unix socket.
    address: str | None
    port: int
    server_version: str
    in_recovery: bool
    read_only: bool
    replication_role: str
    #: Who owns schema `django`, when the role may not use it; None: it may.
    django_is_of: str | None

    def __str__(self) -> str:
        address = f"{self.address}, " if self.address not in (None, self.host) else ""
        standby = ", in recovery" if self.in_recovery else ""
        login = f" (signed in as {self.login})" if self.login != self.role else ""
        return visible(
            f"Connected to {self.database} on {self.host}:{self.port} "
            f"({address}PostgreSQL {self.server_version}{standby}) as {self.role}{login}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Where the session is, for JSON."""
        names = ("host", "address", "port", "database", "role", "server_version")
        return {name: value for name, value in asdict(self).items() if name in names}

    def check_usable(self) -> None:
        """Raise `CommandError` for a role to which the migrations' history is invisible."""
        if self.django_is_of is not None:
            raise CommandError(
                f"schema django belongs to {self.django_is_of}, and role {self.role} may not use "
                f'it: connect as its owner, or GRANT ALL ON SCHEMA django TO "{self.role}". '
                f"{UNCHANGED}"
            )

    def check_writable(self) -> None:
        """Raise `CommandError`, in one line, where nothing can be written, or not safely."""
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
        if self.replication_role != "origin":
            raise CommandError(
                f"session_replication_role is {self.replication_role}: foreign keys and triggers "
                f"would not work. Reset it for role {self.login}. {UNCHANGED}"
            )


def read_session(connection: BaseDatabaseWrapper) -> Session:
    """Ask the server where the session is, and which limits it was set."""
    connection.ensure_connection()
    host = connection.connection.info.host
    with connection.cursor() as cursor:
        cursor.execute(FACTS)
        facts = cursor.fetchone()
        cursor.execute(IN_FORCE)
        limits = {
            name: f"{name} is {value}" + (f" ({SOURCES[source]})" if source in SOURCES else "")
            for name, value, source in cursor.fetchall()
        }
    return Session(host, limits, *facts)


def database_of(connection: BaseDatabaseWrapper) -> str:
    """The database's name, by the server's own answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()::text")
        [name] = cursor.fetchone()
    return str(name)


def announce(
    connection: BaseDatabaseWrapper, say: Callable[[str], object], *, lift: bool = False
) -> Session:
    """Say where the session is, in one line, and in another which limits somebody has set.

    `lift`: the timeouts are lifted for this session, as pg_dump and pg_restore lift them for
    theirs.
    """
    session = read_session(connection)
    say(str(session))
    timeouts = [limit for name, limit in session.limits.items() if name != READ_ONLY]
    if timeouts:
        what = "Turned off for this session" if lift else "In force"
        say(f"{what}: {', '.join(timeouts)}")
    if timeouts and lift:
        with connection.cursor() as cursor:
            cursor.execute(LIFT, [list(session.limits.keys() - {READ_ONLY})])
    return session
