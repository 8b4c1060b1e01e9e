"""The audit of this project's own databases, for commands."""

from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.trust import parameters_for_catalog
from veza_core.schema.audit.engine import AuditReport, audit
from veza_core.schema.audit.exceptions import ExceptionFile, read_exceptions
from veza_core.schema.audit.rules import ALL_RULES, RUN_RULES

EXCEPTIONS_FILE = "schema_audit.toml"


def connect(connection: BaseDatabaseWrapper) -> "psycopg.Connection[Any]":
    """Open a plain connection to the same database, because the audit needs its own transaction."""
    return psycopg.connect(**parameters_for_catalog(connection))


def own_exceptions() -> ExceptionFile | None:
    """The reviewed exceptions of this project, if there are any. Raises `ExceptionsError`."""
    path = Path(settings.BASE_DIR) / EXCEPTIONS_FILE
    return read_exceptions(path, ALL_RULES) if path.exists() else None


def audit_own(
    connection: BaseDatabaseWrapper, *, spread: frozenset[str] = frozenset()
) -> AuditReport:
    """Audit schema `public` of a database of this project: all rules, and drift.

    `spread` are tables that may already have triggers instead of foreign keys, because a step of
    `distribute` has run, or a backup was restored.
    """
    exceptions = own_exceptions()
    with connect(connection) as session:
        return audit(session, ["public"], RUN_RULES, exceptions=exceptions, spread=spread)
