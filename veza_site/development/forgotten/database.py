"""Finds what a freshly migrated database lacks."""

import re
from collections.abc import Iterator
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections

from veza_core.db.operations import ACTIONS
from veza_core.schema.audit.engine import audit
from veza_core.schema.audit.rule import Finding
from veza_core.schema.audit.rules import CATALOG_RULES
from veza_core.schema.audit.service import connect, own_exceptions
from veza_core.screens.display import declared

from .contract import DOCUMENT
from .tables import DeclaredTable

#: Rules about a server, and rules that the comparison with `schema/` covers better.
NOT_ASKED = {
    *("extension-missing", "owner-differs", "random-page-cost", "schema-create"),
    "trigger-privilege",
    *("table-missing", "table-unexpected"),
}

PERMISSIONS = "SELECT resource, action FROM public.permissions"
GRANTS = """
SELECT roles.name, permissions.resource, permissions.action FROM public.role_permissions
JOIN public.roles ON roles.id = role_id JOIN public.permissions ON permissions.id = permission_id
"""
#: In docs/schema.md, rule 6.
NOT_FEEDS = re.compile(r"every table is a feed, except ([^.]*)")
#: The table, and the index's first and last column, as SQL has them.
INDEXES = """
SELECT relname, pg_get_indexdef(indexrelid, 1, false),
    pg_get_indexdef(indexrelid, indnkeyatts, false)
    || CASE indoption[indnkeyatts - 1] & 1 WHEN 1 THEN ' DESC' ELSE '' END
FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
WHERE relnamespace = 'public'::regnamespace
"""

type Tables = dict[str, DeclaredTable]
type Connection = psycopg.Connection[Any]


def problems(tables: Tables, connection: Connection, alias: str) -> Iterator[str]:
    """What to add to models and migrations. `connection` replaces Django's `alias` meanwhile."""
    yield from _findings(tables, alias)
    yield from _permissions(tables, connection)
    yield from _indexes(tables, connection)


def _findings(tables: Tables, alias: str) -> Iterator[str]:
    rules = [rule for rule in CATALOG_RULES if rule.id not in NOT_ASKED]
    with connect(connections[alias]) as session:
        report = audit(session, ["public"], rules, exceptions=own_exceptions())
    for finding in report.findings:
        where, add = _remedy(finding, tables.get(finding.table or ""))
        yield f"{where}: {finding.object}: {finding.message} ({finding.rule.id}). {add}"


def _remedy(finding: Finding, table: DeclaredTable | None) -> tuple[str, str]:
    """The file that causes a finding, and what to add to it."""
    if table is None:
        return "the migrations", finding.remedy
    name, model = table.name, table.model
    match finding.rule.id:
        case "trigger-missing":
            return table.migration, f'Add KeepUpdatedAt("{name}").'
        case "comment-missing":
            of_columns = "on column" in finding.message
            return table.place, f'Add {"db_comment" if of_columns else "db_table_comment"}="…".'
        case "timestamps-missing":
            return table.place, f"Let {model.__name__} inherit from BaseModel or SoftDeleteModel."
        case "fk-not-indexed":
            for key in model._meta.concrete_fields:
                if finding.object.endswith(f".{name}_{key.column}_fkey"):
                    index = f'index_on("{name}", "{key.column}")'
                    return table.place, f"Add {index} to Meta.indexes."
    return table.place, finding.remedy


def _permissions(tables: Tables, connection: Connection) -> Iterator[str]:
    existing = set(connection.execute(PERMISSIONS).fetchall())
    granted = set(connection.execute(GRANTS).fetchall())
    for table in tables.values():
        if not table.is_created:
            # makemigrations adds them.
            continue
        add = f'{table.migration}: {{}}. Add InsertPermissions("{table.name}").'
        if missing := [action for action in ACTIONS if (table.name, action) not in existing]:
            yield add.format(f"{table.name} has no permission to {', '.join(missing)}")
        wanted = [("admin", action) for action in ACTIONS]
        wanted += [("support", "read"), ("moderator", "read")]
        for role, action in wanted:
            if (role, table.name, action) not in granted and action not in missing:
                yield add.format(f"role {role} may not {action} {table.name}")
    yield from _content(tables, granted)


def _content(tables: Tables, granted: set[tuple[str, ...]]) -> Iterator[str]:
    """Roles that cannot delete the content of a user, because they lack a table of it."""
    content = [tables[name] for name in declared("content") if name in tables]
    for role in ("support", "moderator"):
        lacks = [table for table in content if (role, table.name, "delete") not in granted]
        if len(lacks) == len(content):
            # The role deletes no content at all.
            continue
        for table in filter(lambda table: table.is_created, lacks):
            yield (
                f"{table.migration}: role {role} may delete other content of users, but not "
                f'{table.name}. Add InsertPermissions("{table.name}", {role}=["delete"]).'
            )


def _indexes(tables: Tables, connection: Connection) -> Iterator[str]:
    """What needs an index, but no rule of the audit asks for it in every table."""
    document = (settings.BASE_DIR / DOCUMENT).read_text("utf-8")
    not_feeds = re.findall(r"`(\w+)`", "".join(NOT_FEEDS.findall(document)))
    indexes = connection.execute(INDEXES).fetchall()
    leading = {(name, first) for name, first, _ in indexes}
    feeds = {name for name, _, last in indexes if last == "created_at DESC"}
    for table in tables.values():
        fields = {field.column: field for field in table.model._meta.concrete_fields}
        due = {*getattr(table.model, "purged_after", ()), "deleted_at"} & fields.keys()
        if not table.is_created:
            continue
        if table.name not in feeds.union(not_feeds):
            yield (
                f"{table.place}: no index of {table.name} ends in created_at DESC. Add "
                f'index_on("{table.name}", "-created_at") to Meta.indexes, or name {table.name} in '
                f"{DOCUMENT} as a table that is not a feed."
            )
        for column in sorted(due):
            if (table.name, column) not in leading:
                function = "set_index" if fields[column].null else "index_on"
                yield (
                    f"{table.place}: purge finds rows of {table.name} by {column}, with which no "
                    f'index begins. Add {function}("{table.name}", "{column}") to Meta.indexes.'
                )
