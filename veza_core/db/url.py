"""DATABASE_URL, read by libpq itself, so that it means here what it means to psql and Go."""

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from veza_core.db.libpq import manner_of_connecting, place_by_environment, socket_directory

FORM = "postgresql://user:password@host:port/database"

#: What is said where `missing_settings` would be used.
NO_DATABASE = (
    f"DATABASE_URL is not set: it names the database, {FORM}; "
    "without it only DEBUG=1 starts a private PostgreSQL, on a machine for development"
)

#: What a connection has unless the URL says otherwise.
DEFAULT_OPTIONS = {"application_name": "veza", "connect_timeout": "10"}

#: Of a URL that names none, whatever PGPORT says.
DEFAULT_PORT = "5432"
#: What a URL may leave out, and libpq would take from the environment.
GAPS = {"host": "PGHOST", "user": "PGUSER"}


def connection_parameters(url: str, name: str = "DATABASE_URL") -> dict[str, Any]:
    """Turn a PostgreSQL URL into libpq's parameters, none of them left to the environment.

    `name` is the variable that the URL comes from, for the message.
    Raises `ImproperlyConfigured`, in one line and without the password, for any other text, and
    for a URL that does not say by itself, or not clearly, which server and database it means.
    """
    scheme = url.split(":", 1)[0] if ":" in url else ""
    if scheme not in ("postgres", "postgresql"):
        engine = f"names another engine ({scheme})" if "://" in url else "is not a URL"
        raise ImproperlyConfigured(f"{name} {engine}: it takes {FORM}")
    try:
        parameters: dict[str, Any] = dict(conninfo_to_dict(url))
        # libpq reads these two only when it connects.
        [int(port) for port in str(parameters.get("port", "")).split(",") if port]
        urlsplit(url)
        named = conninfo_to_dict(url.partition("?")[0])
    except (ProgrammingError, ValueError):
        # libpq's message may repeat the URL, and the password with it; a traceback would show it.
        raise ImproperlyConfigured(f"{name} is malformed: it takes {FORM}") from None
    for keyword, value in named.items():
        if parameters[keyword] != value:
            raise ImproperlyConfigured(f"{name} gives {keyword} twice: before and after the ?")
    if parameters.get("service"):
        raise ImproperlyConfigured(
            f"{name} names a service, whose file could name another server: write out "
            f"{FORM} instead of service={parameters['service']}"
        )
    if not parameters.get("dbname"):
        raise ImproperlyConfigured(f"{name} names no database: it takes {FORM}")
    return {**DEFAULT_OPTIONS, **manner_of_connecting(), **_placed(parameters, name)}


def _placed(parameters: dict[str, Any], name: str) -> dict[str, Any]:
    """The parameters with host and port. Raises `ImproperlyConfigured` for a gap."""
    for keyword, variable in GAPS.items():
        given = parameters.get(keyword) or (keyword == "host" and parameters.get("hostaddr"))
        if not given and place_by_environment(keyword):
            raise ImproperlyConfigured(
                f"{name} names no {keyword}, and {variable} is set: write the {keyword} into "
                f"{name}, which alone says where to connect, or unset {variable}"
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


def embedded_settings(data_directory: str, database: str) -> dict[str, Any]:
    """The entry of DATABASES for a database on the embedded server."""
    return {
        "ENGINE": "veza_core.db.backend",
        "NAME": database,
        "USER": "postgres",
        # Not libpq's PGPORT.
        "PORT": "5432",
        "OPTIONS": dict(DEFAULT_OPTIONS),
        "EMBEDDED": {"data_directory": data_directory, "database": database},
    }


def missing_settings() -> dict[str, Any]:
    """The entry of DATABASES where none is named: the first connection is refused."""
    return {"ENGINE": "veza_core.db.backend", "NAME": ""}
