"""Finds what a table still lacks, with the file and the line to add, for `manage.py lint_schema`.

It compares a freshly migrated database with the models, screens, demo data, docs/schema.md and
docs/services.md. `make test` compares docs/schema.md with the database completely.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import psycopg
from django.conf import settings

from . import code, contract, database, services
from .tables import read_tables


def forgotten(connection: psycopg.Connection[Any], alias: str) -> Iterator[str]:
    """Return the problems, one line each. `connection` replaces Django's `alias` meanwhile."""
    import_module(settings.ROOT_URLCONF)
    tables = read_tables()
    yield from database.problems(tables, connection, alias)
    yield from code.problems(tables)
    yield from contract.problems(tables, connection)
    yield from services.problems(connection)
