"""Names of indexes (Standard, rule 4)."""

import re
from collections.abc import Callable, Iterator
from itertools import permutations

from veza_core.db.url import MAX_NAME_BYTES
from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.fixes import index_name, relation
from veza_core.schema.audit.objects import Index
from veza_core.schema.audit.rule import INDEXES, Fix, Found, Stage
from veza_core.schema.quoting import ident, snake

PLAYS = "CREATE TABLE plays (user_id uuid, track_id uuid, title text);"
_MORE = "_[a-z0-9_]+"


@INDEXES.warning(
    "index-name",
    "Index not named by the convention",
    reason="In plans and error messages, `idx_<table>_<column>[_<column>…]` shows which columns "
    "the index has. The name may continue after the columns, for an expression, an operator "
    "class, a condition, INCLUDE or another method. For an expression or an operator class it "
    "must.",
    remedy="Rename it; the lock is short.",
    bad=f"{PLAYS}\nCREATE INDEX plays_user_id_8a7c21f0 ON plays (user_id);",
    good=f"{PLAYS}\nCREATE INDEX idx_plays_user_id ON plays (user_id);\n"
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
            if index.is_primary or index.is_exclusion or is_well_named(index):
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


def is_well_named(index: Index) -> bool:
    """Whether the index has a name that the convention allows."""
    if index.name == suggested_name(index):
        return True
    columns = [key for key in index.keys if key is not None]
    length = len("_".join(["idx", index.table.name, *columns]).encode())
    if length > MAX_NAME_BYTES or len(index.name.encode()) == MAX_NAME_BYTES:
        # A person, or PostgreSQL, had to shorten the name.
        return index.name.startswith("idx_")
    return any(
        re.fullmatch(pattern, index.name) for convert in (str, snake)
        for pattern in _patterns(index, convert)
    )  # fmt: skip


def _patterns(index: Index, convert: Callable[[str], str]) -> Iterator[str]:
    """Return patterns of the allowed names. `convert` is applied to each part.

    The part for an expression is at the expression's place or, as in V1, at the end.
    """
    table = f"idx_{re.escape(convert(index.table.name))}"
    keys = [
        re.escape(convert(key)) if key is not None else _expression(index, place, convert)
        for place, key in enumerate(index.keys)
    ]
    if None in index.keys or not index.has_plain_operators:
        yield "_".join([table, *keys]) + _MORE
    if None in index.keys:
        if not index.expression_columns:
            # An expression without a column can have any name.
            yield "_".join([table, *keys])
        yield "_".join(
            [table, *(f"{key}{_MORE}" if index.keys[place] is None else key for place, key in
                      enumerate(keys))]
        )  # fmt: skip
    elif index.has_plain_operators:
        may_have_more = (
            index.predicate is not None
            or index.included
            or index.method != "btree"
            or index.nulls_not_distinct
        )
        yield "_".join([table, *keys]) + (f"(?:{_MORE})?" if may_have_more else "")


def _expression(index: Index, place: int, convert: Callable[[str], str]) -> str:
    """Return a pattern of an expression's columns, in any order.

    It matches anything if the expression has no columns, or very many.
    """
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
        operators = index.classes[place].name
        parts += index.columns_at(place)
        called = re.match(r"\w+(?=\()", index.expressions[place] or "")
        if key is None and called:
            ends.append(called[0])
        if operators.endswith("_trgm_ops"):
            ends = ["trgm"]
        elif not index.has_plain_operators:
            ends.append(operators.removesuffix("_ops"))
    if None in index.keys and not ends:
        ends = ["expression"]
    return index_name(index.table, (*parts, *ends))
