"""Indexes that are broken or not needed (Standard, rule 4)."""

import re
from collections.abc import Iterator

from veza_core.schema.audit.catalog import BrokenIndex, Catalog
from veza_core.schema.audit.fixes import alter_table, drop_index, dropped, duplicates, presence
from veza_core.schema.audit.index_meaning import feed_index
from veza_core.schema.audit.objects import Index, Table
from veza_core.schema.audit.rule import INDEXES, Fix, Found, Stage
from veza_core.schema.audit.rules.index_names import PLAYS, is_well_named
from veza_core.schema.quoting import clip, ident, qualified


@INDEXES.error(
    "index-invalid",
    "Index that is not valid",
    reason="A failed concurrent build leaves an invalid index. It slows every write and serves no "
    "query. A unique one does not check the rows that it lacks.",
    remedy="Build it again, or drop it if another index does the same. A unique index cannot be "
    "built while there are duplicates: the query shows them. Resolve them, then run REINDEX INDEX "
    "CONCURRENTLY. For a partitioned table, attach the index that each partition lacks.",
    bad="CREATE TABLE plays (user_id uuid) PARTITION BY HASH (user_id);\n"
    "CREATE TABLE plays_0 PARTITION OF plays FOR VALUES WITH (MODULUS 1, REMAINDER 0);\n"
    "-- Waits for the partition's own index, as a concurrent build waits for its last step.\n"
    "CREATE INDEX idx_plays_user_id ON ONLY plays (user_id);",
    good=f"{PLAYS}\nCREATE INDEX idx_plays_user_id ON plays (user_id);",
    example="public.idx_plays_user_id",
)
def index_invalid(catalog: Catalog) -> Iterator[Found]:
    """Indexes of materialized views and of TOAST tables are reported too. An index that another
    session may be building or dropping is not reported. A standby cannot see such a session, so on
    a standby no index is reported.
    """
    for broken in catalog.broken_indexes:
        if not broken.may_be_in_progress:
            yield _broken(broken)
    for table in catalog.all_tables:
        for index in table.indexes:
            if index.is_usable or index.may_be_in_progress or index.is_attached:
                continue
            fix = _rebuild(index)
            query = duplicates(index) if index.is_unique and fix is None else ""
            message = f"{ident(index.name)} {_state(index.name)}"
            yield Found(table, index.identity, message, fix, query=query)


def _is_left_over(name: str) -> bool:
    """Whether a failed REINDEX CONCURRENTLY left the index, by its name."""
    return re.search(r"_cc(new|old)\d*$", name) is not None


def _state(name: str) -> str:
    return "is left over from a failed REINDEX" if _is_left_over(name) else "is not valid"


def _broken(index: BrokenIndex) -> Found:
    """Rebuild the index, or drop it if a failed REINDEX left it over.

    PostgreSQL refuses to drop any other index of a TOAST table.
    """
    verb = "DROP INDEX" if _is_left_over(index.name) else "REINDEX INDEX"
    fix = Fix(Stage.INDEX, (f"{verb} CONCURRENTLY {index.identity};",), dropped(index))
    whose = "the TOAST of " if index.is_toast else ""
    message = f"{ident(index.name)} on {whose}{index.owner} {_state(index.name)}"
    return Found(None, index.identity, message, fix)


def _rebuild(index: Index) -> Fix | None:
    """Return the fix: drop the index, or build it again.

    None for a unique index, because its rebuild would fail at duplicate values.
    """
    if index.table.is_partitioned or index.is_exclusion:
        return None
    others = (other for other in index.table.indexes if other is not index and other.is_usable)
    needless = index.constraint is None and not index.is_bound and any(
        _includes(index, other) for other in others
    )  # fmt: skip
    if needless or _is_left_over(index.name):
        statement = f"DROP INDEX CONCURRENTLY {index.identity};"
        changes = "Writes no longer keep it up to date."
        return Fix(Stage.INDEX, (statement,), dropped(index), changes=changes)
    if index.is_unique:
        return None
    statement = f"REINDEX INDEX CONCURRENTLY {index.identity};"
    new = qualified(index.table.schema, clip(f"{index.name}_ccnew"))
    undo = f"DROP INDEX CONCURRENTLY IF EXISTS {new};"
    return Fix(Stage.INDEX, (statement,), dropped(index), otherwise={statement: (undo,)})


@INDEXES.warning(
    "index-duplicate",
    "Duplicate index",
    reason="Every write updates both indexes, but only one of them is read.",
    remedy="Drop the reported index. The other one does the same and more.",
    bad=f"{PLAYS}\nCREATE INDEX idx_plays_user_id ON plays (user_id);\n"
    "CREATE INDEX plays_user ON plays (user_id);",
    good=f"{PLAYS}\nCREATE INDEX idx_plays_user_id ON plays (user_id);",
    example="public.plays_user",
    fix="DROP INDEX CONCURRENTLY public.plays_user;",
)
def index_duplicate(catalog: Catalog) -> Iterator[Found]:
    """A UNIQUE constraint is reported too if another index has the same columns. A primary key,
    an exclusion constraint, and an index that replication, CLUSTER or a foreign key needs are never
    reported.
    """
    for table in catalog.all_tables:
        for index, other, is_exact in needless(table):
            if is_exact:
                message = f"{ident(index.name)} is the same as {ident(other.name)}"
                yield Found(table, index.identity, message, _drop(index, other))


@INDEXES.warning(
    "index-redundant",
    "Index that another index begins with",
    reason="A b-tree on (a, b) also serves queries by a, so the index on (a) only costs time and "
    "space.",
    remedy="Drop the shorter one, unless it is so much smaller that you have measured the gain.",
    bad=f"{PLAYS}\nCREATE INDEX idx_plays_user_id ON plays (user_id);\n"
    "CREATE INDEX idx_plays_user_id_track_id ON plays (user_id, track_id);",
    good=f"{PLAYS}\nCREATE INDEX idx_plays_user_id_track_id ON plays (user_id, track_id);",
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
    """Drop the index. No other fix in the same run may drop the index that replaces it."""
    statement = drop_index(index)
    if index.constraint:
        statement = alter_table(index.table, f"DROP CONSTRAINT {ident(index.constraint)}")
    return Fix(Stage.DROP_INDEX, (statement,), dropped(index), frozenset([presence(other)]))


def needless(table: Table) -> Iterator[tuple[Index, Index, bool]]:
    """Find each index that another one makes superfluous; True if they have the same columns."""
    usable = [index for index in table.indexes if index.is_usable and not index.is_exclusion]
    # If no two indexes begin with the same key, none is superfluous. The direction does not count,
    # because a b-tree can be read in both.
    if len({index.elements[0][:-1] for index in usable}) == len(usable):
        return
    for index in usable:
        if index.is_primary or index.is_bound or index.is_attached:
            continue
        others = [other for other in usable if other is not index and _includes(index, other)]
        if index.constraint:
            # Only another constraint can replace it: ON CONFLICT may name the constraint.
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
    """Whether `other` does everything that `index` does."""
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
    """Return the index's elements, read backwards: DESC for ASC, NULLS FIRST for LAST.

    A feed's own index is never read backwards, because the Standard says DESC.
    """
    if index.method != "btree" or index is feed_index(index.table):
        return index.elements
    return tuple(
        (*element[:-1], option ^ 3)
        for element, option in zip(index.elements, index.options, strict=True)
    )


def _keep(index: Index) -> tuple[int, ...]:
    """Rank an index: of two equal indexes, the one with the higher rank stays."""
    return (
        index.is_primary,
        index.constraint is not None,
        index.is_bound,
        index.is_attached,
        index.is_unique,
        not index.is_deferrable,
        len(index.included),
        is_well_named(index),
        -index.oid,
    )
