"""Identity: every table has `id UUID PRIMARY KEY DEFAULT gen_random_uuid()` (Standard, rule 1)."""

import re
from collections.abc import Iterator

from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.fixes import set_default
from veza_core.schema.audit.objects import UUID, Index, Table
from veza_core.schema.audit.rule import IDENTITY, Found
from veza_core.schema.audit.rules.examples import TABLE
from veza_core.schema.quoting import ident, qualified

DEFAULT = "gen_random_uuid()"

# Either 's'::regclass or, in older dumps, ('s'::text)::regclass. pg_depend does not record the
# latter.
_NEXTVAL = re.compile(r"\bnextval\(\(*'(?!')")
_NEXTVAL_BY_TEXT = re.compile(r"\bnextval\(\(+'((?:[^']|'')+)'::(?:text|character varying)\b")


@IDENTITY.error(
    "pk-missing",
    "Table without a primary key",
    reason="Without a key, nothing identifies a row: replication cannot update it, and foreign "
    "keys and clients cannot refer to it.",
    remedy="Add a column `id uuid PRIMARY KEY DEFAULT gen_random_uuid()`. This rewrites the "
    "table. If it is large, plan a migration.",
    bad="CREATE TABLE plays (title text);",
    good=TABLE,
    example="public.plays",
)
def pk_missing(catalog: Catalog) -> Iterator[Found]:
    """A partition may have the key of its parent. If a partitioned table cannot have a key, the
    keys of all its partitions count. A table that inherits from another one needs its own key.
    """
    for table in catalog.tables:
        if not _keys(table):
            yield Found(table, table.identity, "the table has no primary key")


def _keys(table: Table) -> list[Index]:
    """Return the primary key, or those of all partitions; none if a partition lacks it."""
    if table.primary_key is not None:
        return [table.primary_key]
    keys = [_keys(part) for part in table.partitions]
    return [key for part in keys for key in part] if all(keys) else []


@IDENTITY.error(
    "pk-not-uuid-id",
    "Primary key that is not one UUID column `id`",
    reason="All services identify a row in the same way, in logs, URLs and events. Numbers from a "
    "sequence can be guessed, and two databases produce the same ones. A partitioned table may "
    "add its partition key, because PostgreSQL requires it in every unique index.",
    remedy="Move the table to a UUID key in a migration: add the new column, fill it, change the "
    "foreign keys, and change the key. No SQL is printed, because every reference changes.",
    bad="CREATE TABLE plays (id bigint PRIMARY KEY);",
    good=TABLE,
    example="public.plays",
)
def pk_not_uuid_id(catalog: Catalog) -> Iterator[Found]:
    """A domain over uuid counts as uuid. If a partitioned table has no key, the keys of its
    partitions are checked.
    """
    for table in catalog.tables:
        wrong = next((key for key in _keys(table) if not _is_uuid_id(table, key.keys)), None)
        if wrong is None:
            continue
        names = [name for name in wrong.keys if name is not None]
        types = ", ".join(f"{ident(name)} {table.columns[name].type_name}" for name in names)
        whose = "" if wrong.table is table else f" of {wrong.table.identity}"
        message = f"the primary key{whose} is ({types}), not (id uuid)"
        yield Found(table, table.identity, message)


def _is_uuid_id(table: Table, keys: tuple[str | None, ...]) -> bool:
    """Whether the key has only `id` and columns of the partition key, in any order."""
    column = table.columns.get("id")
    if "id" not in keys or column is None or column.base_type != UUID:
        return False
    return set(keys) - {"id"} <= _partition_columns(table)


def _partition_columns(table: Table) -> set[str]:
    """Return the columns of the partition key, and of the keys of sub-partitions."""
    return set(table.partition_columns).union(*map(_partition_columns, table.partitions))


@IDENTITY.error(
    "pk-default",
    "UUID key without DEFAULT gen_random_uuid()",
    reason="Several services insert with plain SQL. The database makes the key for all of them, "
    "with its built-in function, which needs no extension.",
    remedy="Set the default; existing rows do not change.",
    bad="CREATE TABLE plays (id uuid PRIMARY KEY);",
    good=TABLE,
    example="public.plays.id",
    fix="ALTER TABLE public.plays ALTER COLUMN id SET DEFAULT gen_random_uuid();",
    changes="An INSERT without an id gets one. Before, it failed or got a different kind of id.",
)
def pk_default(catalog: Catalog) -> Iterator[Found]:
    """Only keys that follow the rule pk-not-uuid-id are checked. The default of a domain counts."""
    for table in catalog.tables:
        keys = _keys(table)
        if not keys or not all(_is_uuid_id(table, key.keys) for key in keys):
            continue
        column = table.columns["id"]
        if column.default != DEFAULT and not column.is_inherited:
            has = f"the default {column.default}" if column.default else "no default"
            fix = None if column.generated else set_default(table, "id", DEFAULT)
            yield Found(table, f"{table.identity}.id", f"id has {has}, not {DEFAULT}", fix)


@IDENTITY.error(
    "sequence",
    "Serial, identity or sequence",
    reason="Only one database can produce the values, and every service must query it for them. "
    "The key also shows how many rows there are.",
    remedy="Use a UUID key. For a meaningful count or order, use a plain column that the "
    "application sets.",
    bad="CREATE TABLE plays (id uuid PRIMARY KEY, number bigint GENERATED ALWAYS AS IDENTITY);",
    good="CREATE TABLE plays (id uuid PRIMARY KEY, number bigint NOT NULL);",
    example="public.plays.number",
)
def sequence(catalog: Catalog) -> Iterator[Found]:
    """If a column uses the sequence, only the column is reported."""
    named: set[str] = set()
    for table in catalog.all_tables:
        for column in table.columns.values():
            named.update(map(_last_name, _NEXTVAL_BY_TEXT.findall(column.default or "")))
    for table in catalog.tables:
        for column in table.local_columns():
            if column.identity:
                what = "is an identity column"
            elif _NEXTVAL.search(column.default or ""):
                what = f"takes its default from a sequence: {column.default}"
            else:
                continue
            name = ident(column.name)
            yield Found(table, f"{table.identity}.{name}", f"{name} {what}")
    for each in catalog.sequences:
        if each.is_loose and each.name not in named:
            where = qualified(each.schema, each.name)
            yield Found(None, where, "no column uses the sequence")


def _last_name(text: str) -> str:
    """Return the sequence's name without its schema."""
    last = re.findall(r'"(?:[^"]|"")+"|[^".]+', text.replace("''", "'"))[-1]
    return last[1:-1].replace('""', '"') if last.startswith('"') else last.lower()
