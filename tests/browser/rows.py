"""Rows of the demo data by plain SQL, because Django's ORM does not work in an event loop."""

from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from tests.attack.payloads import Hostile, insert, remember
from tests.support import server_parameters
from veza_core.secret_columns import SECRET_COLUMNS


def connect(database: str) -> psycopg.Connection[Any]:
    """A connection that commits at its end."""
    return psycopg.connect(**server_parameters(), dbname=database)


def fetch(database: str, query: str) -> Any:
    """The first row of a query."""
    with connect(database) as connection:
        return connection.execute(query.encode()).fetchone()


def insert_hostile(database: str, kind: str) -> Hostile:
    """A row with hostile text in each table: see `tests.attack.payloads`."""
    with connect(database) as connection, connection.cursor() as cursor:
        made = insert(cursor, kind, SECRET_COLUMNS, _adapt)
        remember(cursor, made, _adapt)
    return made


def _adapt(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, dict) else value
