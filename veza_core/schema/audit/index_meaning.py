"""What an index is for: the keys that it covers, and whether it leaves out soft-deleted rows."""

import re
from functools import lru_cache

from veza_core.schema.audit.objects import SOFT_DELETE, ForeignKey, Index, Table
from veza_core.schema.quoting import ident

#: A value for live rows, NULL for deleted ones: `CASE WHEN deleted_at IS NULL THEN email END`.
LIVE_VALUE = re.compile(
    r"CASE\s+WHEN \(?deleted_at IS NULL\)? THEN (.+?)\s+ELSE NULL::[\w ]+\s+END", re.DOTALL
)


_MOMENT_OF_DELETION = re.compile(r"COALESCE\(deleted_at, '[^']*'::timestamp[\w ()]*\)")


def leaves_out_deleted(index: Index) -> bool:
    """Whether soft-deleted rows are not in a unique index, or differ from all others there."""
    return "deleted_at IS NULL" in conjuncts(index.predicate) or any(
        index.keys[place] == SOFT_DELETE or _is_of_deletion(index.expressions[place])
        for place in range(len(index.keys))
    )


def _is_of_deletion(expression: str | None) -> bool:
    text = bare(expression or "")
    return bool(LIVE_VALUE.fullmatch(text) or _MOMENT_OF_DELETION.fullmatch(text))


def sets_live_apart(index: Index, place: int) -> bool:
    """Whether the key is the same for all live rows, so that the other keys make them unique.

    NULLs are equal only in an index that is NULLS NOT DISTINCT.
    """
    if index.keys[place] == SOFT_DELETE:
        return index.nulls_not_distinct
    text = bare(index.expressions[place] or "")
    value = LIVE_VALUE.fullmatch(text)
    # A constant, as in CASE WHEN deleted_at IS NULL THEN 1 END.
    constant = value is not None and re.fullmatch(r"true|\d+|'[^']*'::\w+", value[1]) is not None
    return constant or _MOMENT_OF_DELETION.fullmatch(text) is not None


def conjuncts(predicate: str | None) -> tuple[str, ...]:
    """Split an index's condition, as PostgreSQL writes it, at its outermost ANDs."""
    return () if predicate is None else split(predicate, "AND")


# Most partial indexes have the same condition.
@lru_cache(maxsize=512)
def split(condition: str, word: str) -> tuple[str, ...]:
    """Split a condition at its outermost ANDs or ORs."""
    text = bare(condition)
    depths = _depths(text)
    parts, start = [], 0
    for position in range(len(text)):
        if depths[position] == 0 and text.startswith(f" {word} ", position):
            parts.append(text[start:position])
            start = position + len(word) + 2
    return tuple(bare(part) for part in [*parts, text[start:]])


def bare(text: str) -> str:
    """Remove the parentheses around the whole text."""
    text = text.strip()
    while text.startswith("(") and text.endswith(")") and 0 not in _depths(text)[:-1]:
        text = text[1:-1].strip()
    return text


def _depths(text: str) -> list[int]:
    """How many parentheses are open after each character; quoted text counts as one more."""
    depths, depth, quote = [], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        else:
            depth += {"(": 1, ")": -1}.get(letter, 0)
        depths.append(depth + bool(quote))
    return depths


def covers(index: Index, columns: tuple[str, ...], key: ForeignKey | None = None) -> bool:
    """Whether the index finds all rows with given values in these columns, whatever their order.

    A partial index counts if its condition is true for all rows with values in these columns. With
    `key`, a foreign key on these columns, the index must have its operators and collations. Without
    a key, it must be a b-tree with the default operator classes.
    """
    if not index.is_usable or not _holds_for_values(index.predicate, columns):
        return False
    if index.method not in _SEARCHED_BY_KEYS:
        return False
    # A GIN index finds rows by any of its columns, an index of another method by the first ones.
    places = range(len(index.keys) if index.method == "gin" else len(columns))
    found = {index.keys[place]: place for place in places if place < len(index.keys)}
    if not found.keys() >= set(columns) or (index.method == "hash" and len(columns) > 1):
        return False
    if key is None:
        return index.method == "btree" and index.has_plain_operators
    for column, operator, collation in zip(columns, key.operators, key.collations, strict=True):
        place = found[column]
        # The period of a temporal key is not compared with `=`.
        is_period = key.is_temporal and column == columns[-1]
        if not is_period and operator not in index.classes[place].equalities:
            return False
        if index.collations[place] not in (0, collation):
            return False
    return True


#: Access methods that find rows by the value of a key. BRIN only knows where they may be.
_SEARCHED_BY_KEYS = frozenset(["btree", "hash", "gist", "spgist", "gin"])


def _holds_for_values(predicate: str | None, columns: tuple[str, ...]) -> bool:
    """Whether an index's condition is true for every row with values in all of the columns."""
    known = {f"{ident(name)} IS NOT NULL" for name in columns}
    return all(not known.isdisjoint(split(part, "OR")) for part in conjuncts(predicate))


def feed_index(table: Table) -> Index | None:
    """The usable index with `created_at DESC` after the columns that the feed is filtered by.

    Other columns may follow. If `created_at` is the first column, only `id` may follow: with it,
    pages have a fixed order of rows with the same time.
    """
    for index in table.indexes:
        if index.method != "btree" or not index.is_usable:
            continue
        for place, (name, options) in enumerate(zip(index.keys, index.options, strict=True)):
            # Bit 0 of pg_index.indoption is DESC.
            if name == "created_at" and options & 1 and (place or index.keys[1:] in ((), ("id",))):
                return index
    return None
