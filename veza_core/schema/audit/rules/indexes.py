"""Indexes: their names, and those that are broken or not needed (Standard, rule 4)."""

import re
from collections.abc import Callable, Iterator
from itertools import permutations

from veza_core.db.url import MAX_NAME_BYTES
from veza_core.schema.audit.catalog import BrokenIndex, Catalog, Index, Table
from veza_core.schema.audit.fixes import (
    alter_table,
    drop_index,
    duplicates,
    index_name,
    presence,
    relation,
)
from veza_core.schema.audit.meaning import feed_index
from veza_core.schema.audit.quoting import clip, ident, qualified, snake
from veza_core.schema.audit.rule import Fix, Found, Severity, Stage, rule

_PLAYS = "CREATE TABLE plays (user_id uuid, track_id uuid, title text);"
_MORE = "_[a-z0-9_]+"


@rule(
    "index-name",
    "Index not named by the convention",
    Severity.WARNING,
    group="indexes",
    reason="In plans and error messages, `idx_<table>_<column>[_<column>…]` shows which columns "
    "the index has. The name may continue after the columns, for an expression, an operator "
    "class, a condition, INCLUDE or another method. For an expression or an operator class it "
    "must.",
    remedy="Rename it; the lock is short.",
    bad=f"{_PLAYS}\nCREATE INDEX plays_user_id_8a7c21f0 ON plays (user_id);",
    good=f"{_PLAYS}\nCREATE INDEX idx_plays_user_id ON plays (user_id);\n"
    "CREATE INDEX idx_plays_title_upper ON plays (upper(title));",
    example="public.plays_user_id_8a7c21f0",
    fix="ALTER INDEX public.plays_user_id_8a7c21f0 RENAME TO idx_plays_user_id;",
    changes="Clients that use the old name, in errors or in ON CONFLICT ON CONSTRAINT, must use "
    "the new one.",
)
def index_name_differs(catalog: Catalog) -> Iterator[Found]:
    """Primary keys, exclusion constraints and the indexes of partitions are not reported, because
    PostgreSQL names them.
    """
    for table in catalog.tables:
        for index in table.indexes:
            if index.is_primary or index.is_exclusion or _is_right(index):
                continue
            suggested = suggested_name(index)
            yield Found(
                table,
                index.identity,
                f"{ident(index.name)} is not named {suggested}",
                _rename(catalog, index, suggested),
            )


def _rename(catalog: Catalog, index: Index, name: str) -> Fix | None:
    if name in catalog.taken_names[index.table.schema]:
        return None
    return Fix(
        Stage.RENAME,
        (f"ALTER INDEX {index.identity} RENAME TO {ident(name)};",),
        frozenset([relation(index.table.schema, index.name), relation(index.table.schema, name)]),
    )


def _is_right(index: Index) -> bool:
    if index.name == suggested_name(index):
        return True
    columns = [key for key in index.keys if key is not None]
    length = len("_".join(["idx", index.table.name, *columns]).encode())
    if length > MAX_NAME_BYTES or len(index.name.encode()) == MAX_NAME_BYTES:
        # Somebody, or PostgreSQL, had to shorten it.
        return index.name.startswith("idx_")
    plain = None not in index.keys and index.plain_operators
    if plain and index.name == "_".join(["idx", index.table.name, *columns]):
        # Most are named just so, and a pattern of its own for each takes long to compile.
        return True
    return any(
        re.fullmatch(pattern, index.name) for convert in (str, snake)
        for pattern in _patterns(index, convert)
    )  # fmt: skip


def _patterns(index: Index, convert: Callable[[str], str]) -> Iterator[str]:
    """Return what the name may look like, `convert` being applied to each part of it.

    What an expression adds stands at its place or, as in V1, at the end.
    """
    table = f"idx_{re.escape(convert(index.table.name))}"
    keys = [
        re.escape(convert(key)) if key is not None else _expression(index, place, convert)
        for place, key in enumerate(index.keys)
    ]
    if None in index.keys or not index.plain_operators:
        yield "_".join([table, *keys]) + _MORE
    if None in index.keys:
        if not index.expression_columns:
            # An expression without a column is named as one likes.
            yield "_".join([table, *keys])
        yield "_".join(
            [table, *(f"{key}{_MORE}" if index.keys[place] is None else key for place, key in
                      enumerate(keys))]
        )  # fmt: skip
    elif index.plain_operators:
        may_have_more = (
            index.predicate is not None
            or index.included
            or index.method != "btree"
            or index.nulls_not_distinct
        )
        yield "_".join([table, *keys]) + (f"(?:{_MORE})?" if may_have_more else "")


def _expression(index: Index, place: int, convert: Callable[[str], str]) -> str:
    """The columns of an expression, in any order; anything where it has none, or very many."""
    names = index.columns_at(place)
    if not names or len(names) > 4:
        return "[a-z0-9_]+?"
    orders = ("_".join(re.escape(convert(name)) for name in order) for order in permutations(names))
    return f"(?:{'|'.join(orders)})"


def suggested_name(index: Index) -> str:
    """Return the name that the index should have."""
    parts: list[str] = []
    ends: list[str] = []
    for place, key in enumerate(index.keys):
        operators = index.operator_class_names[place]
        parts += index.columns_at(place)
        called = re.match(r"\w+(?=\()", index.expressions[place] or "")
        if key is None and called:
            ends.append(called[0])
        if operators.endswith("_trgm_ops"):
            ends = ["trgm"]
        elif not index.plain_operators:
            ends.append(operators.removesuffix("_ops"))
    if None in index.keys and not ends:
        ends = ["expression"]
    return index_name(index.table, (*parts, *ends))


@rule(
    "index-invalid",
    "Index that is not valid",
    Severity.ERROR,
    group="indexes",
    reason="A failed concurrent build leaves an invalid index. It slows every write and serves no "
    "query. A unique one does not check the rows that it lacks.",
    remedy="Build it again, or drop it if another index does the same. A unique index cannot be "
    "built while there are duplicates: the query shows them. Resolve them, then run REINDEX INDEX "
    "CONCURRENTLY. For a partitioned table, attach the index that each partition lacks.",
    bad="CREATE TABLE plays (user_id uuid) PARTITION BY HASH (user_id);\n"
    "CREATE TABLE plays_0 PARTITION OF plays FOR VALUES WITH (MODULUS 1, REMAINDER 0);\n"
    "-- Waits for the partition's own index, as a concurrent build waits for its last step.\n"
    "CREATE INDEX idx_plays_user_id ON ONLY plays (user_id);",
    good=f"{_PLAYS}\nCREATE INDEX idx_plays_user_id ON plays (user_id);",
    example="public.idx_plays_user_id",
)
def index_invalid(catalog: Catalog) -> Iterator[Found]:
    """Indexes of materialized views and of TOAST tables are reported too. An index that another
    session may be building or dropping is not reported. A standby cannot see that, so it reports
    none.
    """
    for broken in catalog.broken_indexes:
        if not broken.may_be_in_progress:
            yield _broken(broken)
    for table in catalog.all_tables:
        for index in table.indexes:
            if index.is_usable or index.may_be_in_progress or index.is_attached:
                continue
            left_over = _LEFT_OVER.search(index.name)
            what = "is left over from a failed REINDEX" if left_over else "is not valid"
            fix = _rebuild(index)
            query = duplicates(index) if index.is_unique and fix is None else ""
            message = f"{ident(index.name)} {what}"
            yield Found(table, index.identity, message, fix, query=query)


_LEFT_OVER = re.compile(r"_cc(new|old)\d*$")


def _broken(index: BrokenIndex) -> Found:
    """PostgreSQL lets no index of TOAST be dropped, but what a failed REINDEX left."""
    left_over = _LEFT_OVER.search(index.name) is not None
    what = "is left over from a failed REINDEX" if left_over else "is not valid"
    verb = "DROP INDEX" if left_over else "REINDEX INDEX"
    names = (index.schema, index.name)
    fix = Fix(
        Stage.INDEX,
        (f"{verb} CONCURRENTLY {index.identity};",),
        frozenset([relation(*names), presence(*names)]),
    )
    whose = "the TOAST of " if index.is_toast else ""
    return Found(None, index.identity, f"{ident(index.name)} on {whose}{index.owner} {what}", fix)


def _rebuild(index: Index) -> Fix | None:
    """None for a unique one: over values that are there twice each attempt would fail."""
    if index.table.is_partitioned or index.is_exclusion:
        return None
    left_over = _LEFT_OVER.search(index.name) is not None
    others = (other for other in index.table.indexes if other is not index and other.is_usable)
    needless = index.constraint is None and not index.is_bound and any(
        _includes(index, other) for other in others
    )  # fmt: skip
    if index.is_unique and not (left_over or needless):
        return None
    verb = "DROP INDEX" if left_over or needless else "REINDEX INDEX"
    names = (index.table.schema, index.name)
    statement = f"{verb} CONCURRENTLY {index.identity};"
    new = qualified(index.table.schema, clip(f"{index.name}_ccnew"))
    return Fix(
        Stage.INDEX,
        (statement,),
        frozenset([relation(*names), presence(*names)]),
        changes="" if verb == "REINDEX INDEX" else "Writes no longer keep it up to date.",
        otherwise={statement: (f"DROP INDEX CONCURRENTLY IF EXISTS {new};",)}
        if verb == "REINDEX INDEX"
        else {},
    )


@rule(
    "index-duplicate",
    "Duplicate index",
    Severity.WARNING,
    group="indexes",
    reason="Every write updates both indexes, but only one of them is read.",
    remedy="Drop the reported index. The other one does the same and more.",
    bad=f"{_PLAYS}\nCREATE INDEX idx_plays_user_id ON plays (user_id);\n"
    "CREATE INDEX plays_user ON plays (user_id);",
    good=f"{_PLAYS}\nCREATE INDEX idx_plays_user_id ON plays (user_id);",
    example="public.plays_user",
    fix="DROP INDEX CONCURRENTLY public.plays_user;",
)
def index_duplicate(catalog: Catalog) -> Iterator[Found]:
    """A UNIQUE constraint beside another index of the same columns is reported too. A primary key,
    an exclusion constraint, and an index that replication, CLUSTER or a foreign key needs are never
    reported.
    """
    for table in catalog.all_tables:
        for index, other, is_exact in needless(table):
            if is_exact:
                message = f"{ident(index.name)} is the same as {ident(other.name)}"
                yield Found(table, index.identity, message, _drop(index, other))


@rule(
    "index-redundant",
    "Index that another index begins with",
    Severity.WARNING,
    group="indexes",
    reason="A b-tree on (a, b) also serves queries by a, so the index on (a) only costs time and "
    "space.",
    remedy="Drop the shorter one, unless it is so much smaller that you have measured the gain.",
    bad=f"{_PLAYS}\nCREATE INDEX idx_plays_user_id ON plays (user_id);\n"
    "CREATE INDEX idx_plays_user_id_track_id ON plays (user_id, track_id);",
    good=f"{_PLAYS}\nCREATE INDEX idx_plays_user_id_track_id ON plays (user_id, track_id);",
    example="public.idx_plays_user_id",
    fix="DROP INDEX CONCURRENTLY public.idx_plays_user_id;",
    changes="Queries that use the shorter index use the longer one.",
)
def index_redundant(catalog: Catalog) -> Iterator[Found]:
    """Conditions, expressions, operator classes, collations and directions must be the same. All
    directions may be reversed, because a b-tree can be read backwards. A unique index is not
    reported.
    """
    for table in catalog.all_tables:
        for index, other, is_exact in needless(table):
            if not is_exact:
                message = f"{ident(index.name)} is the beginning of {ident(other.name)}"
                yield Found(table, index.identity, message, _drop(index, other))


def _drop(index: Index, other: Index) -> Fix:
    """It counts on the other index, so no other fix may take that away in the same run."""
    schema = index.table.schema
    statement = drop_index(index)
    if index.constraint:
        statement = alter_table(index.table, f"DROP CONSTRAINT {ident(index.constraint)}")
    return Fix(
        Stage.DROP_INDEX,
        (statement,),
        frozenset([relation(schema, index.name), presence(schema, index.name)]),
        frozenset([presence(schema, other.name)]),
    )


def needless(table: Table) -> Iterator[tuple[Index, Index, bool]]:
    """Find each index that another one makes needless; True when the two are the same."""
    usable = [index for index in table.indexes if index.is_usable and not index.is_exclusion]
    # But for the direction, in which a b-tree does not matter.
    if len({index.elements[0][:-1] for index in usable}) == len(usable):
        return
    for index in usable:
        if index.is_primary or index.is_bound or index.is_attached:
            continue
        others = [other for other in usable if other is not index and _includes(index, other)]
        if index.constraint:
            # Another constraint alone says as much: ON CONFLICT may name either.
            others = [other for other in others if other.constraint]
        exact = [other for other in others if len(other.keys) == len(index.keys)]
        exact = [other for other in exact if _keep(other) > _keep(index)]
        if exact:
            yield index, max(exact, key=_keep), True
        elif not index.is_unique and (longer := [
            other for other in others if len(other.keys) > len(index.keys)
        ]):  # fmt: skip
            yield index, max(longer, key=lambda other: (len(other.keys), _keep(other))), False


def _includes(index: Index, other: Index) -> bool:
    """Whether whatever `index` does, `other` does as well."""
    if index.method != other.method or index.predicate != other.predicate:
        return False
    count = len(index.keys)
    if other.elements[:count] not in (index.elements, _backwards(index)):
        return False
    if len(other.keys) > count and index.method != "btree":
        return False
    if index.is_unique:
        if not other.is_unique or other.nulls_not_distinct != index.nulls_not_distinct:
            return False
        if other.is_deferrable and not index.is_deferrable:
            return False
    return set(index.included) <= {*other.included, *other.keys}


def _backwards(index: Index) -> tuple[tuple[object, ...], ...]:
    """What the index is made of when it is read from its end: DESC for ASC, NULLS FIRST for LAST.

    A feed's own stays as it is: there the standard says DESC.
    """
    if index.method != "btree" or index is feed_index(index.table):
        return index.elements
    return tuple(
        (*element[:-1], option ^ 3)
        for element, option in zip(index.elements, index.options, strict=True)
    )


def _keep(index: Index) -> tuple[int, ...]:
    """Of two equal indexes the one that ranks higher stays."""
    return (
        index.is_primary,
        index.constraint is not None,
        index.is_bound,
        index.is_attached,
        index.is_unique,
        not index.is_deferrable,
        len(index.included),
        _is_right(index),
        -index.oid,
    )


RULES = (index_name_differs, index_invalid, index_duplicate, index_redundant)
