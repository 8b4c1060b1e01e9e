"""What the role has to be: grants, settings, attributes."""

from dataclasses import dataclass

from django.apps import apps
from django.conf import settings

from veza_core.secret_columns import SECRET_COLUMNS

#: By this comment a role is known to be ours, and only such a one is changed.
COMMENT = "The support admin reads over it: manage.py sync_roles keeps it"

#: A privilege: schema, table (empty: the schema itself), column (empty: all of the table), word.
type Grant = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class ReadRole:
    """A role as DATABASE_SUPPORT_URL names it; `password` may be empty (trust, peer, a client
    certificate).
    """

    name: str
    password: str
    database: str


def wanted_settings() -> dict[str, str]:
    """What every session of the role in this database begins with."""
    timeout = round(settings.SUPPORT_STATEMENT_TIMEOUT * 1000)
    return {
        "default_transaction_read_only": "on",
        "statement_timeout": f"{timeout}ms",
        "lock_timeout": "2000ms",
        "idle_in_transaction_session_timeout": "60000ms",
    }


def wanted_grants(columns: dict[tuple[str, str], list[str]]) -> set[Grant]:
    """The grants, given every table's columns: a table whole, or column by column."""
    grants: set[Grant] = {("public", "", "", "USAGE"), ("django", "", "", "USAGE")}
    for schema, table in tables():
        if secrets := SECRET_COLUMNS.get(table):
            readable = [name for name in columns[schema, table] if name not in secrets]
            grants |= {(schema, table, column, "SELECT") for column in readable}
        else:
            grants.add((schema, table, "", "SELECT"))
    return grants


def tables() -> list[tuple[str, str]]:
    """Schema and name of every table that the admin reads."""
    schemas = {**dict.fromkeys(settings.PUBLIC_SCHEMA_APPS, "public"), "veza_site": "django"}
    return sorted(
        (schema, model._meta.db_table)
        for app, schema in schemas.items()
        for model in apps.get_app_config(app).get_models()
        if model._meta.db_table not in settings.SIGN_IN_TABLES
    )
