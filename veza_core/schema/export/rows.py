"""The rows that migrations insert: roles, permissions, and which role has which permission.

The SQL refers to a row by its `name`, because ids are random.
"""

from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg

from veza_core.schema.export import ExportError
from veza_core.schema.quoting import ident, literal

# Columns that the database sets by itself.
_OWN = {"id", "created_at", "updated_at"}

_GRANTED: LiteralString = """
SELECT roles.name, permissions.name
FROM public.role_permissions
JOIN public.roles ON roles.id = role_id
JOIN public.permissions ON permissions.id = permission_id
ORDER BY roles.name COLLATE "C", permissions.name COLLATE "C"
"""

_GRANT = """\
INSERT INTO public.role_permissions (role_id, permission_id)
SELECT roles.id, permissions.id
FROM (VALUES
{values}
) AS granted (role_name, permission_name)
JOIN public.roles ON roles.name = role_name
JOIN public.permissions ON permissions.name = permission_name;"""


type ReferenceRows = list[tuple[Any, ...]]


def reference_rows(
    connection: psycopg.Connection[Any], tables: Mapping[str, Mapping[str, Any]]
) -> dict[str, ReferenceRows]:
    """The rows of each table of a snapshot that has rows, without generated values.

    Raises `ExportError` if any other table than these three has rows.
    """
    found = {}
    for table in sorted(tables):
        if not _rows(connection, f"SELECT FROM public.{ident(table)} LIMIT 1"):
            continue
        if table == "role_permissions":
            found[table] = _rows(connection, _GRANTED)
        elif table in ("permissions", "roles"):
            names = _names(tables[table]["columns"])
            query = f'SELECT {names} FROM public.{table} ORDER BY name COLLATE "C"'
            found[table] = _rows(connection, query)
        else:
            raise ExportError(
                f"the migrations insert rows into {table}: "
                "veza_core/schema/export/rows.py does not know how to write them"
            )
    return found


def added_rows(
    before: Mapping[str, ReferenceRows], after: Mapping[str, ReferenceRows]
) -> dict[str, ReferenceRows]:
    """The rows that a migration inserted. Raises `ExportError` if it changed or deleted some."""
    for table, rows in before.items():
        if any(row not in after.get(table, []) for row in rows):
            raise ExportError(f"a migration changed or deleted reference rows of {table}")
    added = {
        table: [row for row in rows if row not in before.get(table, [])]
        for table, rows in after.items()
    }
    return {table: rows for table, rows in added.items() if rows}


def render_rows(
    rows: Mapping[str, ReferenceRows], tables: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """The INSERT statement for the rows of each table, in an order that works."""
    return {
        table: _GRANT.format(values=_values(rows[table]))
        if table == "role_permissions"
        else f"INSERT INTO public.{table} ({_names(tables[table]['columns'])}) VALUES\n"
        f"{_values(rows[table])};"
        for table in sorted(rows, key=lambda table: (table == "role_permissions", table))
    }


def _names(columns: Mapping[str, Any]) -> str:
    return ", ".join(ident(column) for column in columns if column not in _OWN)


def _rows(connection: psycopg.Connection[Any], query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode()).fetchall()


def _values(rows: list[tuple[Any, ...]]) -> str:
    return ",\n".join(f"    ({', '.join(map(_value, row))})" for row in rows)


def _value(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).lower()
        case str():
            return literal(value)
    raise ExportError(f"reference rows hold {value!r}: only text and booleans can be written")
