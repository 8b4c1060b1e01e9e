"""Types that do not do what their names suggest (Standard, rule 7)."""

import re
from collections.abc import Iterator

from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.fixes import alter_table
from veza_core.schema.audit.objects import BPCHAR, JSON, MONEY, TIMETZ, VARCHAR, Column, Table
from veza_core.schema.audit.rule import TYPES, Fix, Found, Stage
from veza_core.schema.quoting import ident


def _found(table: Table, column: Column, fix: Fix | None = None) -> Found:
    name = ident(column.name)
    return Found(table, f"{table.identity}.{name}", f"{name} is {column.type_name}", fix)


@TYPES.warning(
    "type-char",
    "char(n)",
    reason="PostgreSQL pads its values with spaces up to n. A comparison with char(n) ignores "
    "these spaces, but one with text does not. The type is neither smaller nor faster than text.",
    remedy="Use varchar(n) if the limit has a meaning, and text otherwise. No SQL is printed, "
    "because the stored spaces would be lost.",
    bad="CREATE TABLE plays (country_code char(2));",
    good="CREATE TABLE plays (country_code varchar(2));",
    example="public.plays.country_code",
)
def type_char(catalog: Catalog) -> Iterator[Found]:
    """PostgreSQL's own name of the type is bpchar. The type "char", in quotes, is another one."""
    for table, column in catalog.columns_by_type.get(BPCHAR, ()):
        yield _found(table, column)


@TYPES.warning(
    "type-json",
    "json",
    reason="json stores text and parses it at every access. It has no equality and no index.",
    remedy="Use jsonb. No SQL is printed: the order of keys and duplicate keys would be lost, and "
    "the table is rewritten.",
    bad="CREATE TABLE plays (device json);",
    good="CREATE TABLE plays (device jsonb);",
    example="public.plays.device",
)
def type_json(catalog: Catalog) -> Iterator[Found]:
    """Arrays and domains are reported too."""
    for table, column in catalog.columns_by_type.get(JSON, ()):
        yield _found(table, column)


@TYPES.warning(
    "type-money",
    "money",
    reason="The server's lc_monetary decides the currency. With another setting, the same rows "
    "mean a different amount.",
    remedy="Use numeric, and a second column for the currency.",
    bad="CREATE TABLE plays (royalty money);",
    good="CREATE TABLE plays (royalty numeric(12, 4));",
    example="public.plays.royalty",
)
def type_money(catalog: Catalog) -> Iterator[Found]:
    """Arrays and domains are reported too."""
    for table, column in catalog.columns_by_type.get(MONEY, ()):
        yield _found(table, column)


@TYPES.warning(
    "type-varchar-unbounded",
    "varchar without a length",
    reason="varchar suggests a limit, but has none. Readers cannot tell whether the limit was "
    "forgotten.",
    remedy="Use varchar(n) if the limit has a meaning, and text otherwise. The SQL says text, and "
    "is printed if only the catalog changes. It is not printed for a column in a check, in an "
    "index's expression or in an index's condition, because PostgreSQL would check the rows or "
    "rebuild the index, and block readers.",
    bad="CREATE TABLE plays (source varchar);",
    good="CREATE TABLE plays (source text, device varchar(50));",
    example="public.plays.source",
    fix="ALTER TABLE public.plays ALTER COLUMN source TYPE text;",
    changes="A prepared SELECT of the column fails once in each session, with the error “cached "
    "plan must not change result type”.",
)
def type_varchar_unbounded(catalog: Catalog) -> Iterator[Found]:
    """A domain with a check is not reported, because the check can be the limit."""
    for table, column in catalog.columns_by_type.get(VARCHAR, ()):
        bounded = column.modifier != -1
        if not bounded and not (column.domain is not None and column.domain.has_checks):
            yield _found(table, column, _to_text(catalog, table, column))


def _to_text(catalog: Catalog, table: Table, column: Column) -> Fix | None:
    """Change the type to text.

    None if PostgreSQL refuses the change, for example because of a view, a policy or a partition
    key. None also if it does more than change the catalog, here or in a table that inherits.
    """
    plain = column.base_type == VARCHAR and column.domain is None
    if not plain or column.is_pinned or column.generated or table.is_typed:
        return None
    inheriting = (each for each in catalog.all_tables if each.parents and table in _ancestors(each))
    if not column.is_local or any(_is_computed(each, column.name) for each in (table, *inheriting)):
        return None
    where = f"{table.identity}.{ident(column.name)}"
    clause = f"ALTER COLUMN {ident(column.name)} TYPE text"
    return Fix(Stage.DEFAULT, (alter_table(table, clause),), frozenset([f"type of {where}"]))


def _ancestors(table: Table) -> Iterator[Table]:
    for parent in table.parents:
        yield parent
        yield from _ancestors(parent)


def _is_computed(table: Table, name: str) -> bool:
    """Whether a check, or an index's expression or condition, uses the column.

    Every word that is equal to the name of the column counts, whatever it means there.
    """
    words = re.compile(rf"(?<!\w){re.escape(ident(name))}(?!\w)")
    return any(words.search(check.definition) for check in table.checks) or any(
        name in index.expression_columns or words.search(index.predicate or "")
        for index in table.indexes
    )


@TYPES.warning(
    "type-timetz",
    "time with time zone",
    reason="Without a date, a zone has no known offset: the type cannot handle daylight saving "
    "time.",
    remedy="For a moment, use timestamptz. For a time of day, use time, and a second column for "
    "the name of the zone.",
    bad="CREATE TABLE plays (quiet_from timetz);",
    good="CREATE TABLE plays (quiet_from time);",
    example="public.plays.quiet_from",
)
def type_timetz(catalog: Catalog) -> Iterator[Found]:
    """Arrays and domains are reported too."""
    for table, column in catalog.columns_by_type.get(TIMETZ, ()):
        yield _found(table, column)
