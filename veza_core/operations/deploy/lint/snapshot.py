"""The parts of the catalog of schema `public` whose changes may harm services."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.extensions import not_of_extension


class TableState(NamedTuple):
    """A table; `file` changes if it is rewritten."""

    name: str
    file: int
    row_security: bool
    #: As in pg_class (d, n, f or i).
    replica_identity: str
    #: Triggers that do not fire, including those of foreign keys.
    disabled_triggers: int


class ColumnState(NamedTuple):
    """A column; `kind` is the type's oid; `has_default` is also true for computed columns."""

    name: str
    kind: int
    type: str
    not_null: bool
    has_default: bool


class ConstraintState(NamedTuple):
    """A constraint; `kind` is as in pg_constraint (c, f, u, p or x)."""

    table: int
    name: str
    kind: str
    valid: bool
    definition: str
    columns: tuple[int, ...]
    index_oid: int


class IndexState(NamedTuple):
    """An index; `file` changes if it is rebuilt."""

    table: int
    name: str
    file: int
    unique: bool


class TriggerState(NamedTuple):
    """A trigger that fires; `body` is its function's text, `rows` its transition tables."""

    table: str
    name: str
    function: str
    body: str
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CatalogState:
    """The objects of `public` by their OIDs, so that a renamed object is not a new one."""

    tables: dict[int, TableState]
    columns: dict[tuple[int, int], ColumnState]
    constraints: dict[int, ConstraintState]
    indexes: dict[int, IndexState]
    #: The values of enum types: the type's name and the value, by the value's oid.
    values: dict[int, tuple[str, str]]
    triggers: dict[int, TriggerState]
    #: Rules, except those of views: their names and their tables' names.
    rewrites: dict[int, tuple[str, str]]
    #: The definitions of functions and procedures, by name; those of one name together.
    functions: dict[str, str]

    def name_of(self, key: tuple[int, int]) -> str:
        return f"{self.tables[key[0]].name}.{self.columns[key].name}"


TABLES = """
SELECT oid::bigint, relname::text, coalesce(pg_relation_filenode(oid), 0)::bigint, relrowsecurity,
    relreplident::text,
    (SELECT count(*) FROM pg_trigger WHERE tgrelid = pg_class.oid AND tgenabled IN ('D', 'R'))
FROM pg_class
WHERE relnamespace = to_regnamespace('public') AND relkind IN ('r', 'p')
"""
COLUMNS = """
SELECT attrelid::bigint, attnum::int, attname::text, atttypid::bigint,
    format_type(atttypid, atttypmod), attnotnull,
    atthasdef OR attidentity <> '' OR attgenerated <> ''
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = to_regnamespace('public') AND relkind IN ('r', 'p')
    AND attnum > 0 AND NOT attisdropped
"""
CONSTRAINTS = """
SELECT oid::bigint, conrelid::bigint, conname::text, contype::text, convalidated,
    pg_get_constraintdef(oid), coalesce(conkey, '{}')::int[], conindid::bigint
FROM pg_constraint
WHERE connamespace = to_regnamespace('public') AND contype IN ('c', 'f', 'u', 'p', 'x')
    AND conrelid <> 0
"""
INDEXES = """
SELECT indexrelid::bigint, indrelid::bigint, relname::text,
    pg_relation_filenode(indexrelid)::bigint, indisunique
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE relnamespace = to_regnamespace('public')
"""
VALUES = """
SELECT pg_enum.oid::bigint, typname::text, enumlabel::text
FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid
WHERE typnamespace = to_regnamespace('public')
"""

TRIGGERS = """
SELECT pg_trigger.oid::bigint, relname::text, tgname::text, proname::text, prosrc,
    array_remove(ARRAY[tgoldtable::text, tgnewtable::text], NULL)
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid
WHERE relnamespace = to_regnamespace('public') AND NOT tgisinternal AND tgenabled <> 'D'
"""
RULES = """
SELECT pg_rewrite.oid::bigint, rulename::text, relname::text
FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class
WHERE relnamespace = to_regnamespace('public') AND rulename <> '_RETURN'
"""
FUNCTIONS = f"""
SELECT proname::text, string_agg(pg_get_functiondef(oid), ';' ORDER BY oid) FROM pg_proc
WHERE pronamespace = to_regnamespace('public') AND prokind IN ('f', 'p')
    AND {not_of_extension("'pg_proc'", "oid")}
GROUP BY proname
"""


#: Settings of the session that `migrate` relies on, and their sources.
SETTINGS = """
SELECT name, setting, source FROM pg_settings
WHERE name IN ('lock_timeout', 'session_replication_role')
UNION ALL SELECT 'role', current_user, ''
"""


def session_settings(connection: BaseDatabaseWrapper) -> dict[str, tuple[str, str]]:
    """What `migrate` relies on in its session. A setting that was set again has another source."""
    rows = connection.connection.execute(SETTINGS).fetchall()
    return {name: (setting, source) for name, setting, source in rows}


def read(connection: BaseDatabaseWrapper) -> CatalogState:
    """Read it over psycopg's connection, so that wrappers of Django's cursors do not see this."""
    connection.ensure_connection()

    def rows(query: str) -> list[Any]:
        return list(connection.connection.execute(query).fetchall())

    return CatalogState(
        tables={oid: TableState(*rest) for oid, *rest in rows(TABLES)},
        columns={(table, number): ColumnState(*rest) for table, number, *rest in rows(COLUMNS)},
        constraints={
            oid: ConstraintState(table, name, kind, valid, definition, tuple(columns), index)
            for oid, table, name, kind, valid, definition, columns, index in rows(CONSTRAINTS)
        },
        indexes={oid: IndexState(table, *rest) for oid, table, *rest in rows(INDEXES)},
        values={oid: (kind, value) for oid, kind, value in rows(VALUES)},
        triggers={
            oid: TriggerState(table, name, function, body, tuple(tables))
            for oid, table, name, function, body, tables in rows(TRIGGERS)
        },
        rewrites={oid: (name, table) for oid, name, table in rows(RULES)},
        functions=dict(rows(FUNCTIONS)),
    )
