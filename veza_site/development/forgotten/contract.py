"""Finds what docs/schema.md lacks, and what it says about tables that no longer exist."""

import re
from collections.abc import Iterator
from typing import Any

import psycopg
from django.conf import settings
from django.db.migrations.loader import MigrationLoader

from veza_core.db.fields import EnumField
from veza_core.schema.export.groups import later_groups
from veza_core.schema.v1 import v1_migrations

from .services import LIVE_COLUMNS
from .tables import DeclaredTable

DOCUMENT = "docs/schema.md"
OWN_COLUMNS = ("id", "created_at", "updated_at", "deleted_at")
#: The entry of a table: its name, and the text up to the next entry or heading.
ENTRY = re.compile(r"^\*\*(\w+)\*\*(.*?)(?=^\*\*|^#|\Z)", re.M | re.S)
TYPES = re.compile(r"^\| type \|.*\n((?:\|.*\n)*)", re.M)
#: Triggers that the Standard does not name.
TRIGGERS = """
SELECT relname, tgname, proname FROM pg_trigger
JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid
WHERE relnamespace = 'public'::regnamespace AND NOT tgisinternal
AND tgname !~ '^(update_.*_updated_at|chk_.*)$' ORDER BY 1, 2
"""
#: A column in an entry: a name before `→`, before a PostgreSQL type in capitals, or an enum type.
COLUMN = r"(?:\A|[;,:] |\) )(\w+) (?:→|[A-Z]{{4}}{types})"


def problems(
    tables: dict[str, DeclaredTable], connection: psycopg.Connection[Any]
) -> Iterator[str]:
    """What to add or remove, a line each."""
    live = connection.execute(LIVE_COLUMNS).fetchall()
    document = (settings.BASE_DIR / DOCUMENT).read_text("utf-8")
    types = dict(re.findall(r"^\| `(\w+)` \| (.*?) *\|$", TYPES.findall(document)[0], re.M))
    entries = dict(ENTRY.findall(document))
    for table in tables.values():
        columns = [str(field.column) for field in table.model._meta.concrete_fields]
        if table.name not in entries:
            soft = " (soft)" if "deleted_at" in columns else ""
            begins = f"**{table.name}**{soft}: …"
            yield f"{DOCUMENT}: {table.name} is not in the contract. Add {begins}"
        else:
            # A model leaves out a column one release before a migration drops it.
            columns += sorted({column for name, column in live if name == table.name} - {*columns})
            yield from _columns(table.name, columns, entries[table.name], types)
        yield from _types(table, types)
    for name in sorted(entries.keys() - tables.keys()):
        yield f"{DOCUMENT}: {name} is not a table. Remove **{name}**."
    for table_name, name, function in connection.execute(TRIGGERS):
        if not re.search(rf"\b{name}\b", entries.get(table_name, "")):
            yield (
                f"{DOCUMENT}: trigger {name} of {table_name} is not in the contract. "
                f"Add trigger {name} …: {function}() to **{table_name}**."
            )
    yield from _chapters(document)


def _columns(table: str, columns: list[str], entry: str, types: dict[str, str]) -> Iterator[str]:
    for column in columns:
        if column not in OWN_COLUMNS and not re.search(rf"\b{column}\b", entry):
            yield (
                f"{DOCUMENT}: {table}.{column} is not in the contract. "
                f"Add {column} and its type to **{table}**."
            )
    text = " ".join(entry.removeprefix(" (soft)").lstrip(":").split())
    pattern = COLUMN.format(types="".join(rf"|{name}\b" for name in types))
    for column in sorted({*re.findall(pattern, text)}.difference(columns)):
        yield f"{DOCUMENT}: {column} is not a column of {table}. Remove {column}."


def _types(table: DeclaredTable, types: dict[str, str]) -> Iterator[str]:
    for field in table.model._meta.concrete_fields:
        if isinstance(field, EnumField):
            values = ", ".join(str(value) for value, _ in field.flatchoices)
            if types.get(field.enum_type) != values:
                yield (
                    f"{DOCUMENT}: type {field.enum_type} is not in the contract with these values. "
                    f"Add | `{field.enum_type}` | {values} | to the table of types."
                )


def _chapters(document: str) -> Iterator[str]:
    loader = MigrationLoader(None)
    last = v1_migrations(loader)[-1][1]
    for group in later_groups(loader):
        title = group.name.replace("_", " ")
        if not re.search(rf"^## {re.escape(title)}$", document, re.M | re.I):
            yield (
                f"{DOCUMENT}: migration {group.app}.{group.name} has no chapter. "
                f"Add ## {title} after that of {last}."
            )
