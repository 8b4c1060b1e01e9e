"""Indexes that do less than they seem to do (Standard, rule 4)."""

import re
from collections.abc import Iterator

from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.index_meaning import bare, conjuncts, split
from veza_core.schema.audit.objects import SOFT_DELETE, Index, Table
from veza_core.schema.audit.rule import INDEXES, Found
from veza_core.schema.quoting import columns, ident


@INDEXES.warning(
    "unique-nullable",
    "Unique index of several columns, one of which may be NULL",
    reason="NULL is never equal to NULL. There can be any number of rows (a, NULL), and ON "
    "CONFLICT never finds them.",
    remedy="Choose one of four. If the column always has a value: NOT NULL. If NULL is a value "
    "like another: NULLS NOT DISTINCT. If NULL may appear once for the other columns: a second "
    "unique index of these, WHERE the column IS NULL. If only rows with a value must be unique: "
    "the condition that the column IS NOT NULL.",
    bad="CREATE TABLE pages (site_id uuid, slug text NOT NULL);\n"
    "CREATE UNIQUE INDEX idx_pages_site_id_slug ON pages (site_id, slug);",
    good="CREATE TABLE pages (site_id uuid, slug text NOT NULL);\n"
    "CREATE UNIQUE INDEX idx_pages_site_id_slug ON pages (site_id, slug) NULLS NOT DISTINCT;",
    example="public.idx_pages_site_id_slug",
)
def unique_nullable(catalog: Catalog) -> Iterator[Found]:
    """An index of one column is not reported: there, NULL means that there is no value. An index
    whose other columns are unique anyway is not reported either. A column may not be NULL if a
    check says so, or a condition of the index that is never true for NULL, such as `kind = 'main'`.
    A generated column may be NULL if its columns may be, unless COALESCE prevents it.
    """
    for table in catalog.tables:
        for index in table.indexes:
            loose = _loose(index)
            if loose and not any(_closes(other, index, loose) for other in table.indexes):
                are = "is nullable" if len(loose) == 1 else "are nullable"
                message = f"{columns(loose)} {are}: two rows with NULL there are never duplicates"
                yield Found(table, index.identity, message)


def _loose(index: Index) -> tuple[str, ...]:
    """Return the columns whose NULLs can be duplicated; none if that is intended or harmless."""
    table = index.table
    if not index.is_unique or index.nulls_not_distinct or index.is_exclusion or len(index.keys) < 2:
        return ()
    if table.primary_key is not None and {*table.primary_key.keys} <= {*index.keys}:
        return ()
    return tuple(
        key
        for key in _columns(index)
        if key is not None and _may_be_null(table, key) and not _is_in_condition(index, key)
    )


def _columns(index: Index) -> Iterator[str | None]:
    """Return the column of each key, also of a function of one column, such as lower(name)."""
    for place, key in enumerate(index.keys):
        names = index.columns_at(place)
        expression = index.expressions[place] or ""
        if key is None and len(names) == 1:
            call = rf"(?!COALESCE)[\w.]+\(\(?{re.escape(ident(names[0]))}\)?(?:::[\w ]+)?\)"
            key = names[0] if re.fullmatch(call, bare(expression)) else None
        yield key


def _may_be_null(table: Table, name: str) -> bool:
    column = table.columns[name]
    if column.not_null or f"CHECK (({ident(name)} IS NOT NULL))" in {
        check.definition for check in table.checks
    }:
        return False
    if not column.generated or column.default is None:
        return True
    if bare(column.default).startswith("COALESCE("):
        return False
    words = set(re.findall(r'"(?:[^"]|"")+"|\w+', column.default))
    return any(ident(each) in words and _may_be_null(table, each) for each in table.columns)


def _is_in_condition(index: Index, name: str) -> bool:
    """Whether the index's condition says that the column is NULL, or is never true for NULL."""
    return any(
        part == f"{ident(name)} IS NULL"
        or all(_meets_no_null(each, name) for each in split(part, "OR"))
        for part in conjuncts(index.predicate)
    )


def _meets_no_null(condition: str, name: str) -> bool:
    """Whether the condition is never true for NULL, as with PostgreSQL's own operators."""
    column = re.escape(ident(name))
    operator = rf"\(?{column}\)?(?:::[\w ]+)? [-+*/<>=~!@#%^&|?]+ .*"
    return (
        re.fullmatch(rf"(?:NOT )?{column}(?: IS NOT NULL)?|{operator}", condition, re.S) is not None
    )


def _closes(other: Index, index: Index, loose: tuple[str, ...]) -> bool:
    """Whether `other` makes rows with NULL unique, perhaps by a condition IS NULL."""
    if other is index or not other.is_unique or not other.is_usable:
        return False
    if None in other.keys or not set(other.keys) < set(index.keys):
        return False
    parts = set(conjuncts(other.predicate)) - {f"{SOFT_DELETE} IS NULL"}
    return parts <= {f"{ident(name)} IS NULL" for name in loose}


#: Operator classes for which a b-tree compares whole values that consist of many.
_WHOLE = {"array_ops": "an array", "jsonb_ops": "jsonb", "tsvector_ops": "tsvector"}


@INDEXES.warning(
    "index-method",
    "B-tree on an array, jsonb or tsvector",
    reason="It only finds values that are equal as a whole, which queries rarely need. A value of "
    "more than 2,704 bytes cannot be inserted. GIN finds what is inside a value: `@>`, `?`, `@@`.",
    remedy="Create a GIN index (CONCURRENTLY), or an index on the searched expression, and drop "
    "this one. No SQL is printed, because the catalog does not say which operators the queries "
    "use.",
    bad="CREATE TABLE tracks (tags text[]);\nCREATE INDEX idx_tracks_tags ON tracks (tags);",
    good="CREATE TABLE tracks (tags text[]);\n"
    "CREATE INDEX idx_tracks_tags ON tracks USING gin (tags);",
    example="public.idx_tracks_tags",
)
def index_method(catalog: Catalog) -> Iterator[Found]:
    """The first column of the index is checked. A unique index is not reported, because it must
    compare whole values. An expression such as `data -> 'id'` is not reported either.
    """
    for table in catalog.tables:
        for index in table.indexes:
            what = _WHOLE.get(index.classes[0].name)
            if index.method == "btree" and what and index.keys[0] and not index.is_unique:
                message = f"a b-tree whose first column, {ident(index.keys[0])}, is {what}"
                yield Found(table, index.identity, message)
