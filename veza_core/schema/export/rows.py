"""Reference rows, as the migrations insert them: named by `name`, since their ids are random."""

from typing import Any, LiteralString

import psycopg

from veza_core.schema.audit.quoting import ident
from veza_core.schema.export import ExportError
from veza_core.schema.export.spelling import literal

# What the database fills in by itself.
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


def reference_rows(
    connection: psycopg.Connection[Any], tables: dict[str, dict[str, Any]]
) -> dict[str, str]:
    """The INSERT statement for each of `tables` (of a snapshot) that holds rows.

    Raises `ExportError` for rows in a table of which nothing here knows how to name them.
    """
    inserts = {}
    for table in sorted(tables):
        if not _rows(connection, f"SELECT FROM public.{ident(table)} LIMIT 1"):
            continue
        if table == "role_permissions":
            inserts[table] = _GRANT.format(values=_values(_rows(connection, _GRANTED)))
        elif table in ("permissions", "roles"):
            inserts[table] = _insert(connection, table, tables[table]["columns"])
        else:
            raise ExportError(
                f"the migrations insert rows into {table}: "
                "veza_core/schema/export/rows.py does not know how to write them"
            )
    return inserts


def _insert(connection: psycopg.Connection[Any], table: str, columns: dict[str, Any]) -> str:
    names = ", ".join(ident(column) for column in columns if column not in _OWN)
    rows = _rows(connection, f'SELECT {names} FROM public.{table} ORDER BY name COLLATE "C"')
    return f"INSERT INTO public.{table} ({names}) VALUES\n{_values(rows)};"


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
