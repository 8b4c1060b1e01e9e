"""The relations between tables, as far as the catalog shows: owners, junction tables, feeds.

The rules on soft deletion, search and feeds use these definitions; each rule's page has its own.
They use only foreign keys, unique indexes and names.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from veza_core.schema.audit.catalog import SOFT_DELETE, Catalog, ForeignKey, Index, Table
from veza_core.schema.audit.quoting import ident

#: Columns that name the account to which a row belongs.
_OWNER_COLUMNS = """
    account_id author_id created_by created_by_id creator_id member_id owner_id
    uploaded_by uploaded_by_id uploader_id user_id
"""
OWNER_COLUMNS = frozenset(_OWNER_COLUMNS.split())

#: Endings of the names of tables with one row for each event.
_ACTIVITY_WORDS = """
    activities activity comments event events favorites favourites feed feeds follows history
    likes log logs messages notifications plays posts reactions shares views
"""
ACTIVITY_WORDS = frozenset(_ACTIVITY_WORDS.split())

#: Columns that every table has, and that say nothing about its purpose.
STANDARD_COLUMNS = frozenset(["id", "created_at", "updated_at", "deleted_at"])


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """Columns that refer to a table, by a foreign key or only by their name."""

    columns: tuple[str, ...]
    target: Table


def plurals(word: str) -> tuple[str, ...]:
    """Return the possible names of a table of such things, the likeliest first."""
    forms = [f"{word}s", f"{word}es", word]
    if word.endswith("y"):
        forms.insert(0, f"{word[:-1]}ies")
    return tuple(forms)


class Meaning:
    """The answers for one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.links = {table.oid: self._links(table) for table in catalog.tables}
        #: Tables that owner columns of other tables refer to: the accounts.
        self.accounts = {
            link.target.oid
            for table in catalog.tables
            for link in self.links[table.oid]
            if link.target is not table and OWNER_COLUMNS.issuperset(link.columns)
        }

    def _links(self, table: Table) -> list[Link]:
        links = [
            Link(key.columns, self.catalog.by_oid[key.target_oid])
            for key in table.foreign_keys
            if key.target_oid in self.catalog.by_oid
        ]
        declared = set(chain.from_iterable(key.columns for key in table.foreign_keys))
        for name in table.columns:
            if name not in declared and (target := self.named_target(table, name)) is not None:
                links.append(Link((name,), target))
        return links

    def table_named(self, table: Table, column: str) -> Table | None:
        """The table of the same schema that `<something>_id` names, with a one-column key."""
        word = column.removesuffix("_id")
        if word == column or not word:
            return None
        for name in plurals(word):
            target = self.catalog.by_name.get((table.schema, name))
            if target is None or target.primary_key is None or target.is_partition:
                continue
            if len(target.primary_key.keys) == 1:
                return target
        return None

    def named_target(self, table: Table, column: str) -> Table | None:
        """The table that `<something>_id` names, if its key has the column's type."""
        target = self.table_named(table, column)
        if target is None or target.primary_key is None:
            return None
        [key] = target.primary_key.keys
        same = key and target.columns[key].base_type == table.columns[column].base_type
        return target if same else None

    def owner(self, table: Table) -> Link | None:
        """The link to the account to which a row belongs; None if it belongs to none."""
        return next(
            (
                link
                for link in self.links[table.oid]
                if link.target is not table and OWNER_COLUMNS.issuperset(link.columns)
            ),
            None,
        )

    def is_resource(self, table: Table) -> bool:
        """Whether its rows belong to accounts and are not accounts themselves."""
        return table.oid not in self.accounts and self.owner(table) is not None

    def is_junction(self, table: Table) -> bool:
        """Whether its rows pair two other rows.

        A unique index or key over two links or more, for all live rows, shows this; without one, a
        name made of both tables' names (`playlist_tracks`).
        """
        linked = {
            link.columns[0]: link.target
            for link in self.links[table.oid]
            if len(link.columns) == 1 and link.target is not table
        }
        pairs = (
            index
            for index in table.indexes
            if index.is_unique
            and len(index.keys) > 1
            and all(key in linked for key in index.keys)
            and set(conjuncts(index.predicate)) <= {"deleted_at IS NULL"}
        )
        if any(pairs):
            return True
        targets = {target.name for target in linked.values()}
        return any(
            table.name == f"{word}_{second}"
            for first in targets
            for second in targets - {first}
            for word in (first, singular(first))
        )

    def is_pure(self, table: Table) -> bool:
        """Whether it has only its links and the standard columns."""
        linked = chain.from_iterable(link.columns for link in self.links[table.oid])
        return STANDARD_COLUMNS.union(linked).issuperset(table.columns)

    def is_feed(self, table: Table) -> bool:
        """Whether people read it in the order of time: what accounts do or make.

        Its rows belong to an account, many to each. They record an activity, by the table's name,
        or have soft deletion. Credentials, rows with a natural key, and pairs with more columns
        than the pair are not feeds.
        """
        owner = self.owner(table)
        if owner is None or "created_at" not in table.columns or self.is_credential(table):
            return False
        if any(index.is_unique and index.keys == owner.columns for index in table.indexes):
            return False
        if self.has_natural_key(table) or (self.is_junction(table) and not self.is_pure(table)):
            return False
        return table.is_soft or is_activity(table.name)

    def is_credential(self, table: Table) -> bool:
        """Whether a row is a token, or contains one."""
        return any(name.endswith(("token", "token_hash")) for name in table.columns)

    def has_natural_key(self, table: Table) -> bool:
        """Whether a unique index over NOT NULL columns, none of them a link, identifies the row."""
        linked = set(chain.from_iterable(link.columns for link in self.links[table.oid]))
        linked |= STANDARD_COLUMNS
        return any(
            index.is_unique
            and all(
                key is not None and key not in linked and table.columns[key].not_null
                for key in index.keys
            )
            for index in table.indexes
        )


def is_polymorphic(table: Table, column: str) -> bool:
    """Whether another column, `<something>_type`, says which table `<something>_id` refers to."""
    return f"{column.removesuffix('_id')}_type" in table.columns


def singular(word: str) -> str:
    """The singular of a table's name: `playlists` gives `playlist`."""
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word.removesuffix("s")


def is_activity(name: str) -> bool:
    """Whether a table of that name has one row for each event."""
    return name.rsplit("_", 1)[-1] in ACTIVITY_WORDS


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
    """Whether the index finds all rows by these columns, in any order.

    A condition that is true for all rows with values in these columns excludes no wanted row. With
    `key`, a foreign key on these columns, its operators and collations must be the index's;
    without, the columns' defaults.
    """
    if not index.is_usable or not _holds_for_values(index.predicate, columns):
        return False
    if index.method not in _SEARCHED_BY_KEYS:
        return False
    # A GIN index finds rows by any of its columns, others by the first.
    places = range(len(index.keys) if index.method == "gin" else len(columns))
    found = {index.keys[place]: place for place in places if place < len(index.keys)}
    if not found.keys() >= set(columns) or (index.method == "hash" and len(columns) > 1):
        return False
    if key is None:
        return index.method == "btree" and index.plain_operators
    for column, operator, collation in zip(columns, key.operators, key.collations, strict=True):
        place = found[column]
        # The period of a temporal key is not compared with `=`.
        is_period = key.is_temporal and column == columns[-1]
        if not is_period and operator not in index.equalities[place]:
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

    Later columns do not matter. If no column comes before, only `id` may follow: it makes the order
    of rows with the same time unique, for paging.
    """
    for index in table.indexes:
        if index.method != "btree" or not index.is_usable:
            continue
        for place, (name, options) in enumerate(zip(index.keys, index.options, strict=True)):
            # Bit 0 of pg_index.indoption is DESC.
            if name == "created_at" and options & 1 and (place or index.keys[1:] in ((), ("id",))):
                return index
    return None
