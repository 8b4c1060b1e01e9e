"""The audit's verdict on a database, in one line."""

from pathlib import Path

import psycopg
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

EXCEPTIONS_FILE = "schema_audit.toml"


def read_verdict(connection: BaseDatabaseWrapper) -> str:
    """Audit schema `public` and say what came of it; never raises, since it changes nothing."""
    # Imported late: the rules are many, and only a restore that succeeded needs them.
    from veza_core.audit.engine import audit
    from veza_core.audit.exceptions import ExceptionsError, read_exceptions
    from veza_core.audit.reader import AuditError
    from veza_core.audit.rules import ALL_RULES, CATALOG_RULES

    path = Path(settings.BASE_DIR) / EXCEPTIONS_FILE
    parameters = connection.get_connection_params()
    for django_only in ("cursor_factory", "context"):
        parameters.pop(django_only, None)
    try:
        exceptions = read_exceptions(path, ALL_RULES) if path.exists() else None
        # A connection of the audit's own, since its transaction has to be its own.
        with psycopg.connect(**parameters) as session:
            report = audit(session, ["public"], CATALOG_RULES, exceptions=exceptions)
    except (AuditError, ExceptionsError, psycopg.Error) as error:
        return f"Audit of public: could not run: {' '.join(str(error).split())}"
    if not report.findings:
        return "Audit of public: no findings"
    return (
        f"Audit of public: {report.errors} errors, {report.warnings} warnings: "
        "see manage.py audit_schema"
    )
