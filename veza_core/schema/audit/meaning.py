"""How tables relate to each other: which rows belong to an account, junction tables, feeds.

Only foreign keys, unique indexes and names show this. The rules on soft deletion, search and feeds
use these definitions, and their pages explain them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from veza_core.schema.audit.index_meaning import conjuncts
from veza_core.schema.audit.objects import Column, Table

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
class Referral:
    """Columns that refer to a table, by a foreign key or only by their name."""

    columns: tuple[str, ...]
    target: Table


def plurals(word: str) -> tuple[str, ...]:
    """Return the possible names of the table whose rows `word` names, the likeliest first."""
    forms = [f"{word}s", f"{word}es", word]
    if word.endswith("y"):
        forms.insert(0, f"{word[:-1]}ies")
    return tuple(forms)


class Meaning:
    """How the tables of one catalog relate to each other."""

    def __init__(
        self,
        tables: Sequence[Table],
        by_oid: Mapping[int, Table],
        by_name: Mapping[tuple[str, str], Table],
    ) -> None:
        self.by_oid, self.by_name = by_oid, by_name
        self.links = {table.oid: self._links(table) for table in tables}
        #: Tables that owner columns of other tables refer to: the accounts.
        self.accounts = {link.target.oid for table in tables for link in self._owners(table)}

    def _links(self, table: Table) -> list[Referral]:
        links = [
            Referral(key.columns, self.by_oid[key.target_oid])
            for key in table.foreign_keys
            if key.target_oid in self.by_oid
        ]
        declared = set(chain.from_iterable(key.columns for key in table.foreign_keys))
        for name in table.columns:
            if name not in declared and (target := self.named_target(table, name)) is not None:
                links.append(Referral((name,), target))
        return links

    def _named(self, table: Table, column: str) -> tuple[Table, Column] | None:
        """The table of the same schema that `<something>_id` names, and its key column."""
        word = column.removesuffix("_id")
        for name in plurals(word) if word not in (column, "") else ():
            target = self.by_name.get((table.schema, name))
            if target is not None and target.primary_key is not None and not target.is_partition:
                match target.primary_key.keys:
                    case (str(key),):
                        return target, target.columns[key]
        return None

    def named_target(self, table: Table, column: str) -> Table | None:
        """The table that `<something>_id` names, if its key has the column's type."""
        match self._named(table, column):
            case (target, key) if key.base_type == table.columns[column].base_type:
                return target
        return None

    def other_key(self, table: Table, column: str) -> Column | None:
        """The key of another table that `<something>_id` names, of whatever type.

        None if there is a column `<something>_type`, which says to which table it refers.
        """
        match self._named(table, column):
            case (target, key) if target is not table:
                is_polymorphic = f"{column.removesuffix('_id')}_type" in table.columns
                return None if is_polymorphic else key
        return None

    def owner(self, table: Table) -> Referral | None:
        """The link to the account to which a row belongs; None if it belongs to none."""
        return next(self._owners(table), None)

    def _owners(self, table: Table) -> Iterator[Referral]:
        for link in self.links[table.oid]:
            if link.target is not table and OWNER_COLUMNS.issuperset(link.columns):
                yield link

    def is_resource(self, table: Table) -> bool:
        """Whether its rows belong to accounts and are not accounts themselves."""
        return table.oid not in self.accounts and self.owner(table) is not None

    def is_junction(self, table: Table) -> bool:
        """Whether its rows pair two other rows.

        Such a table has a unique index over two or more links, for all live rows. Or its name
        consists of the names of two tables that it refers to (`playlist_tracks`).
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
        """Whether people read its rows in the order of time: they are what accounts do or make.

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


def singular(word: str) -> str:
    """The singular of a table's name: `playlists` gives `playlist`."""
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word.removesuffix("s")


def is_activity(name: str) -> bool:
    """Whether a table of that name has one row for each event."""
    return name.rsplit("_", 1)[-1] in ACTIVITY_WORDS
