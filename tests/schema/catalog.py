"""Reads the contents of schema public, only from pg_catalog."""

import re
from dataclasses import dataclass
from typing import Any

from tests.schema.shape import Column, Table

TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
ORDER BY relname
"""
COLUMNS = """
SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), NOT attnotnull,
    nullif(concat_ws(' ',
        pg_get_expr(adbin, adrelid, true),
        CASE WHEN attidentity <> '' THEN 'GENERATED AS IDENTITY' END,
        CASE WHEN attgenerated <> '' THEN 'GENERATED ALWAYS' END,
        CASE WHEN attcollation <> typcollation THEN 'COLLATE ' || attcollation::regcollation END
    ), '')
FROM pg_attribute
JOIN pg_class c ON c.oid = attrelid
JOIN pg_type t ON t.oid = atttypid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
    AND attnum > 0 AND NOT attisdropped
"""
# From PostgreSQL 18 on NOT NULL is a constraint too (contype 'n'): the column says it already.
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid, true)
FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 AND contype <> 'n'
"""
INDEXES = """
SELECT indrelid::regclass::text, relname, pg_get_indexdef(indexrelid, 0, true)
    || CASE WHEN indisvalid AND indisready THEN '' ELSE ' (invalid)' END
FROM pg_index JOIN pg_class c ON c.oid = indexrelid
WHERE relnamespace = 'public'::regnamespace
"""
TRIGGERS = """
SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(t.oid, true)
    || CASE tgenabled WHEN 'O' THEN '' ELSE ' (disabled)' END
FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
WHERE relnamespace = 'public'::regnamespace AND NOT tgisinternal
"""
STORAGE = """
SELECT c.oid::regclass::text, option FROM pg_class c, unnest(reloptions) AS option
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
"""
FOREIGN_KEYS = """
SELECT conname, conrelid::regclass::text, attname, format_type(atttypid, NULL), NOT attnotnull,
    confrelid::regclass::text, confdeltype, condeferrable, convalidated
FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
WHERE contype = 'f' AND connamespace = 'public'::regnamespace
ORDER BY conname
"""
KEYS = """
SELECT c.relname, indrelid::regclass::text, amname, indisunique, indisprimary, indisvalid,
    pg_get_expr(indpred, indrelid, true), ARRAY(
        SELECT pg_get_indexdef(indexrelid, k, true)
            || CASE WHEN indoption[k - 1] & 1 = 1 THEN ' DESC' ELSE '' END
        FROM generate_series(1, indnkeyatts) AS k
    )
FROM pg_index
JOIN pg_class c ON c.oid = indexrelid
JOIN pg_am a ON a.oid = c.relam
WHERE c.relnamespace = 'public'::regnamespace
ORDER BY c.relname
"""


@dataclass(frozen=True)
class ForeignKey:
    """`on_delete` is pg_constraint's confdeltype: c CASCADE, n SET NULL, a if none was declared."""

    name: str
    table: str
    column: str
    type: str
    nullable: bool
    target: str
    on_delete: str
    deferrable: bool
    valid: bool


@dataclass(frozen=True)
class Index:
    """`keys` are columns or expressions, followed by ` DESC` for a descending one."""

    name: str
    table: str
    method: str
    unique: bool
    primary: bool
    valid: bool
    where: str | None
    keys: list[str]

    @property
    def columns(self) -> list[str]:
        return [key.removesuffix(" DESC") for key in self.keys]

    @property
    def is_plain(self) -> bool:
        """Whether it has only columns."""
        return not any("(" in key for key in self.keys)


@dataclass(frozen=True)
class Catalog:
    """The tables by name, and their foreign keys and indexes again, in parts."""

    tables: dict[str, Table]
    foreign_keys: list[ForeignKey]
    indexes: list[Index]


def read(cursor: Any) -> Catalog:
    """Read schema public, which must be the first on the search path."""

    def rows(query: str) -> list[list[Any]]:
        cursor.execute(query)
        return [[_unquoted(value) for value in row] for row in cursor.fetchall()]

    tables = {name: Table() for (name,) in rows(TABLES)}
    for table, column, *values in rows(COLUMNS):
        tables[table].columns[column] = Column(*values)
    for table, name, definition in rows(CONSTRAINTS):
        tables[table].constraints[name] = definition
    for table, name, definition in rows(INDEXES):
        tables[table].indexes[name] = definition
    for table, name, definition in rows(TRIGGERS):
        tables[table].triggers[name] = definition
    for table, option in rows(STORAGE):
        tables[table].storage.add(option)
    return Catalog(
        tables,
        [ForeignKey(*values) for values in rows(FOREIGN_KEYS)],
        [Index(*values) for values in rows(KEYS)],
    )


def _unquoted(value: Any) -> Any:
    """Without the quotes that PostgreSQL puts around a column whose name is a keyword."""
    if isinstance(value, list):
        return [_unquoted(item) for item in value]
    return re.sub(r'"([a-z_]+)"', r"\1", value) if isinstance(value, str) else value
