"""Reads DATABASE_URL with libpq itself, so that it means the same as for psql and Go."""

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from veza_core.db.libpq import manner_of_connecting, place_by_environment, socket_directory

FORM = "postgresql://user:password@host:port/database"

#: The message if `missing_settings` would be used.
NO_DATABASE = (
    f"DATABASE_URL is not set: write it as {FORM}, or, on a development machine, set DEBUG=1 to "
    "start a private PostgreSQL"
)

#: Options of a connection, unless the URL sets them.
DEFAULT_OPTIONS = {"application_name": "veza", "connect_timeout": "10"}

#: PostgreSQL's own limit for a name, in bytes (NAMEDATALEN - 1).
MAX_NAME_BYTES = 63
#: The port if the URL has none, whatever PGPORT says.
DEFAULT_PORT = "5432"
#: What libpq would take from the environment if the URL leaves it out.
GAPS = {"host": "PGHOST", "user": "PGUSER"}

#: URLs of the role that `sync_roles` makes read-only.
READ_ONLY = ("DATABASE_SUPPORT_URL", "DATABASE_REPLICA_URL")


def connection_parameters(url: str, name: str = "DATABASE_URL") -> dict[str, Any]:
    """Turn a PostgreSQL URL into libpq's parameters, so that none comes from the environment.

    `name` is the variable with the URL, for the message. Raises `ImproperlyConfigured`, in one line
    and without the password, for any other text, and for a URL that does not say clearly which
    server and database it means.
    """
    scheme = url.split(":", 1)[0] if ":" in url else ""
    if scheme not in ("postgres", "postgresql"):
        engine = f"has the scheme {scheme}" if "://" in url else "is not a URL"
        raise ImproperlyConfigured(f"{name} {engine}: write it as {FORM}")
    try:
        parameters: dict[str, Any] = dict(conninfo_to_dict(url))
        # libpq reads these only when it connects.
        [int(port) for port in str(parameters.get("port", "")).split(",") if port]
        int(parameters.get("connect_timeout") or 0)
        urlsplit(url)
        named = conninfo_to_dict(url.partition("?")[0])
    except (ProgrammingError, ValueError):
        # libpq's message may repeat the URL with the password, and a traceback would show it.
        raise ImproperlyConfigured(f"{name} is malformed: write it as {FORM}") from None
    for keyword, value in named.items():
        if parameters[keyword] != value:
            raise ImproperlyConfigured(f"{name} contains {keyword} twice: before and after the ?")
    if parameters.get("service"):
        raise ImproperlyConfigured(
            f"{name} names a service, whose file could name another server: write out "
            f"{FORM} instead of service={parameters['service']}"
        )
    if parameters.get("replication"):
        # Replication sessions refuse the extended query protocol, and commands end half way.
        raise ImproperlyConfigured(
            f"{name} contains replication, which opens a session for a replica: statements would "
            "fail in it. Remove it"
        )
    for keyword in ("dbname", "user"):
        # A server truncates a longer name, and would use another database or role.
        if len(str(parameters.get(keyword) or "").encode()) > MAX_NAME_BYTES:
            raise ImproperlyConfigured(
                f"{name} contains a {keyword} of more than {MAX_NAME_BYTES} bytes, which is "
                "PostgreSQL's limit"
            )
    if not parameters.get("dbname"):
        raise ImproperlyConfigured(f"{name} does not name a database: write it as {FORM}")
    return {**DEFAULT_OPTIONS, **_manner(), **_placed(parameters, name)}


def _manner() -> dict[str, str]:
    """How to connect. Raises `ImproperlyConfigured` for a value that psycopg does not read."""
    manner = manner_of_connecting()
    try:
        int(manner.get("connect_timeout", "0"))
    except ValueError:
        raise ImproperlyConfigured("PGCONNECT_TIMEOUT is not a number of seconds") from None
    return manner


def _placed(parameters: dict[str, Any], name: str) -> dict[str, Any]:
    """The parameters with host and port.

    Raises `ImproperlyConfigured` if no server would fit, or if the environment names what is left
    out.
    """
    attributes = parameters.get("target_session_attrs")
    if attributes == "read-write" and name.startswith(READ_ONLY):
        raise ImproperlyConfigured(
            f"{name} contains target_session_attrs=read-write, and sessions of that role are "
            "read-only: write target_session_attrs=primary"
        )
    for keyword, variable in GAPS.items():
        given = parameters.get(keyword) or (keyword == "host" and parameters.get("hostaddr"))
        if not given and place_by_environment(keyword):
            raise ImproperlyConfigured(
                f"{name} does not name the {keyword}, and {variable} is set: write the {keyword} "
                f"into {name}, because only {name} says where to connect, or unset {variable}"
            )
    placed = {"port": DEFAULT_PORT, **parameters}
    if not parameters.get("host") and not parameters.get("hostaddr"):
        placed["host"] = socket_directory(str(placed["port"]))
    return placed


def database_settings(url: str, name: str = "DATABASE_URL") -> dict[str, Any]:
    """Turn a PostgreSQL URL into an entry of Django's DATABASES.

    Raises `ImproperlyConfigured` as `connection_parameters` does.
    """
    parameters = connection_parameters(url, name)
    return {
        "ENGINE": "veza_core.db.backend",
        "NAME": parameters.pop("dbname"),
        "USER": parameters.pop("user", ""),
        "PASSWORD": parameters.pop("password", ""),
        "HOST": parameters.pop("host", ""),
        "PORT": parameters.pop("port", ""),
        "OPTIONS": parameters,
    }


#: For a replica that the admin reads from: no page waits longer for a dead address.
#: `tcp_user_timeout`, in milliseconds, ends a connection whose other end no longer responds.
REPLICA_SECONDS = 1.0
REPLICA_OPTIONS = {"connect_timeout": "2", "tcp_user_timeout": "1000"}


def replica_settings(urls: str, support: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Turn DATABASE_REPLICA_URL, URLs separated by spaces, into entries of DATABASES.

    `support` is the entry of DATABASE_SUPPORT_URL. Raises `ImproperlyConfigured` as
    `connection_parameters` does, and if the role or the database differs from that entry's.
    """
    entries = {}
    for number, url in enumerate(urls.split(), 1):
        name = f"DATABASE_REPLICA_URL, number {number}," if number > 1 else "DATABASE_REPLICA_URL"
        entry = database_settings(url, name)
        if support is None:
            raise ImproperlyConfigured(
                f"{name} needs DATABASE_SUPPORT_URL, whose role cannot read secrets: the admin "
                "uses it to read from the primary if no replica answers"
            )
        for key, word in (("USER", "role"), ("NAME", "database")):
            if entry[key] != support[key]:
                raise ImproperlyConfigured(
                    f"{name} must name the same {word} as DATABASE_SUPPORT_URL"
                )
        given = conninfo_to_dict(url)
        defaults = {key: value for key, value in REPLICA_OPTIONS.items() if key not in given}
        entries[f"replica_{number}"] = {
            **entry,
            "OPTIONS": {**entry["OPTIONS"], **defaults},
            "CONNECT_WITHIN": REPLICA_SECONDS,
        }
    return entries


def embedded_settings(data_directory: str, database: str) -> dict[str, Any]:
    """The entry of DATABASES for a database on the embedded server."""
    return {
        "ENGINE": "veza_core.db.backend",
        "NAME": database,
        "USER": "postgres",
        # libpq's PGPORT does not apply.
        "PORT": "5432",
        "OPTIONS": dict(DEFAULT_OPTIONS),
        "EMBEDDED": {"data_directory": data_directory, "database": database},
    }


def missing_settings() -> dict[str, Any]:
    """The entry of DATABASES if no database is named: the first connection is refused."""
    return {"ENGINE": "veza_core.db.backend", "NAME": ""}
