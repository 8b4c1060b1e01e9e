"""What a table still lacks, each with the file and the line to add: for `manage.py lint_schema`.

It looks at a database that the migrations have just made, at the models, the screens, demo data,
docs/schema.md and docs/services.md. `make test` compares docs/schema.md with the database in full.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import psycopg
from django.conf import settings

from . import code, contract, database, services
from .tables import read_tables


def forgotten(connection: psycopg.Connection[Any], alias: str) -> Iterator[str]:
    """The problems, a line each. `connection` is Django's `alias` for the time being."""
    import_module(settings.ROOT_URLCONF)
    tables = read_tables()
    yield from database.problems(tables, connection, alias)
    yield from code.problems(tables)
    yield from contract.problems(tables)
    yield from services.problems(connection)
