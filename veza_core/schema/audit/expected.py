"""The tables that `public` must have: those in `schema/catalog.json`.

`manage.py export_schema` writes this file from the migrations. So the audit needs no models to
compare a database with the schema of this release.
"""

from pathlib import Path

from django.conf import settings

from veza_core.schema.audit.session import AuditError
from veza_core.schema.snapshot import load_snapshot


def recorded_catalog() -> Path:
    """The path of this file."""
    return Path(settings.BASE_DIR) / "schema" / "catalog.json"


def expected_tables() -> frozenset[str]:
    """The names of the tables. Raises `AuditError` if the file cannot be read."""
    try:
        return frozenset(load_snapshot(recorded_catalog())["tables"])
    except ValueError as error:
        raise AuditError(str(error)) from error
