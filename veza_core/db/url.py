"""DATABASE_URL, read by libpq itself, so that it means here what it means to psql and Go."""

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

FORM = "postgresql://user:password@host:port/database"

#: What a connection has unless the URL says otherwise.
DEFAULT_OPTIONS = {"application_name": "veza", "connect_timeout": "10"}


def database_settings(url: str, name: str = "DATABASE_URL") -> dict[str, Any]:
    """Turn a PostgreSQL URL into an entry of Django's DATABASES.

    `name` is the variable that the URL comes from, for the message.
    Raises `ImproperlyConfigured`, in one line and without the password, for any other text.
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
    except (ProgrammingError, ValueError) as error:
        # libpq's message may repeat the URL, and the password with it.
        raise ImproperlyConfigured(f"{name} is malformed: it takes {FORM}") from error
    if not parameters.get("dbname"):
        raise ImproperlyConfigured(f"{name} names no database: it takes {FORM}")
    return {
        "ENGINE": "veza_core.db.backend",
        "NAME": parameters.pop("dbname"),
        "USER": parameters.pop("user", ""),
        "PASSWORD": parameters.pop("password", ""),
        "HOST": parameters.pop("host", ""),
        "PORT": parameters.pop("port", ""),
        "OPTIONS": {**DEFAULT_OPTIONS, **parameters},
    }


def embedded_settings(data_directory: str, database: str) -> dict[str, Any]:
    """The entry of DATABASES for a database on the embedded server."""
    return {
        "ENGINE": "veza_core.db.backend",
        "NAME": database,
        "USER": "postgres",
        "OPTIONS": dict(DEFAULT_OPTIONS),
        "EMBEDDED": {"data_directory": data_directory, "database": database},
    }
