"""Identity: every table has `id UUID PRIMARY KEY DEFAULT gen_random_uuid()` (Standard, rule 1)."""

import re
from collections.abc import Iterator

from veza_core.schema.audit.catalog import UUID, Catalog, Table
from veza_core.schema.audit.fixes import set_default
from veza_core.schema.audit.quoting import ident
from veza_core.schema.audit.rule import Found, Severity, rule
from veza_core.schema.audit.rules.examples import TABLE

DEFAULT = "gen_random_uuid()"

_NEXTVAL = re.compile(r"\bnextval\('(?!')")


@rule(
    "pk-missing",
    "Table without a primary key",
    Severity.ERROR,
    group="identity",
    reason="Without a key a row cannot be named: replication cannot update it, and neither can a "
    "foreign key or a client refer to it.",
    remedy="Add a column `id uuid PRIMARY KEY DEFAULT gen_random_uuid()`. On a large table this "
    "rewrites it: plan it as a migration.",
    bad="CREATE TABLE plays (title text);",
    good=TABLE,
    example="public.plays",
)
def pk_missing(catalog: Catalog) -> Iterator[Found]:
    """A partition has its parent's key; a table that inherits has none unless it is its own."""
    for table in catalog.tables:
        if table.primary_key is None:
            yield Found(table, table.identity, "the table has no primary key")


@rule(
    "pk-not-uuid-id",
    "Primary key that is not one UUID column `id`",
    Severity.ERROR,
    group="identity",
    reason="All services name a row in the same way, in logs, addresses and events. Numbers from "
    "a sequence can be guessed, and two databases give the same ones. A partitioned table may add "
    "its partition key, since PostgreSQL wants it in every unique index.",
    remedy="Move the table to a UUID key in a migration: add the new column, fill it, move the "
    "foreign keys over, and change the key. No SQL is printed, since every reference changes.",
    bad="CREATE TABLE plays (id bigint PRIMARY KEY);",
    good=TABLE,
    example="public.plays",
)
def pk_not_uuid_id(catalog: Catalog) -> Iterator[Found]:
    """A domain over uuid is a uuid."""
    for table in catalog.tables:
        key = table.primary_key
        if key is None or _is_uuid_id(table, key.keys):
            continue
        names = [name for name in key.keys if name is not None]
        types = ", ".join(f"{ident(name)} {table.columns[name].type_name}" for name in names)
        yield Found(table, table.identity, f"the primary key is ({types}), not (id uuid)")


def _is_uuid_id(table: Table, keys: tuple[str | None, ...]) -> bool:
    if keys[0] != "id" or table.columns["id"].base_type != UUID:
        return False
    return set(keys[1:]) <= set(table.partition_columns)


@rule(
    "pk-default",
    "UUID key without DEFAULT gen_random_uuid()",
    Severity.ERROR,
    group="identity",
    reason="Several services insert with plain SQL. The database makes the key, with its built-in "
    "function and not an extension's, so that none of them has to.",
    remedy="Set the default; rows that exist are not touched.",
    bad="CREATE TABLE plays (id uuid PRIMARY KEY);",
    good=TABLE,
    example="public.plays.id",
)
def pk_default(catalog: Catalog) -> Iterator[Found]:
    """Only where the key is right otherwise; a domain's default counts."""
    for table in catalog.tables:
        key = table.primary_key
        if key is None or not _is_uuid_id(table, key.keys):
            continue
        column = table.columns["id"]
        if column.default != DEFAULT and not column.is_inherited:
            has = f"the default {column.default}" if column.default else "no default"
            fix = None if column.generated else set_default(table, "id", DEFAULT)
            yield Found(table, f"{table.identity}.id", f"id has {has}, not {DEFAULT}", fix)


@rule(
    "sequence",
    "Serial, identity or sequence",
    Severity.ERROR,
    group="identity",
    reason="A number from a sequence is a key that only one database can give, that tells how "
    "many rows there are, and that every other service must ask for.",
    remedy="Use a UUID key; a count or an order that means something is a plain column which the "
    "application sets.",
    bad="CREATE TABLE plays (id uuid PRIMARY KEY, number bigint GENERATED ALWAYS AS IDENTITY);",
    good="CREATE TABLE plays (id uuid PRIMARY KEY, number bigint NOT NULL);",
    example="public.plays.number",
)
def sequence(catalog: Catalog) -> Iterator[Found]:
    """A sequence that a column uses is reported with the column, once."""
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
    for loose in catalog.loose_sequences:
        yield Found(None, loose.identity, "the sequence stands on its own: no column uses it")


RULES = (pk_missing, pk_not_uuid_id, pk_default, sequence)
