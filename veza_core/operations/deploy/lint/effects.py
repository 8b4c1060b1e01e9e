"""Finds what a statement did: compares the catalog before and after it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from veza_core.schema.audit.rules.trigger_functions import FUNCTION_NAME

from . import headings
from .snapshot import CatalogState, ColumnState, ConstraintState, TableState
from .triggers import strange_writes

#: Types that a service reads and writes in the same way (pg_type.oid of text and varchar).
TEXTS = {25, 1043}


class Harm(NamedTuple):
    """A problem, and the heading of docs/changing.md that says what to do instead."""

    heading: str
    message: str


def _switched(was: TableState, now: TableState) -> Iterator[str]:
    """Changes of row security, triggers and replica identity that harm services."""
    if now.row_security and not was.row_security:
        yield f"enables row level security on {now.name}: services see no rows without a policy"
    if now.disabled_triggers > was.disabled_triggers:
        yield f"disables triggers of {now.name}, which keep its rows correct"
    if now.replica_identity != was.replica_identity and now.replica_identity == "n":
        yield f"removes the replica identity of {now.name}: where it is published, UPDATE fails"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement between two snapshots.

    `start` is the catalog before its migration: tables that are not in it have no rows of services.
    `concurrently`: PostgreSQL runs it outside a transaction, because it blocks nobody.
    """

    start: CatalogState
    before: CatalogState
    after: CatalogState
    tag: str
    concurrently: bool
    #: Whether its migration runs outside a transaction.
    in_no_transaction: bool = False

    def effects(self) -> Iterator[Harm]:
        yield from self._tables()
        yield from self._columns()
        yield from self._constraints()
        yield from self._indexes()
        yield from self._values()
        yield from self._triggers()

    def _tables(self) -> Iterator[Harm]:
        for oid, was in self.before.tables.items():
            now = self.after.tables.get(oid)
            if now is None or oid not in self.start.tables:
                continue
            if now.name != was.name:
                yield Harm(headings.RENAME, f"renames table {was.name} to {now.name}")
            if now.file != was.file and self.tag == "TRUNCATE TABLE":
                yield Harm(headings.DROP_TABLE, f"empties {was.name}")
            elif now.file != was.file:
                yield Harm(self._why_rewritten(oid), f"rewrites {was.name} while it is locked")
            yield from (Harm(headings.ELSE, message) for message in _switched(was, now))

    def _why_rewritten(self, table: int) -> str:
        keys = [key for key in self.after.columns if key[0] == table]
        if any(key not in self.before.columns for key in keys):
            return headings.DEFAULT
        return headings.TYPE if self._changes_a_type(table) else headings.ELSE

    def _changes_a_type(self, table: int) -> bool:
        """Whether a column changes its type, which rebuilds the table's checks and indexes."""
        return any(
            key[0] == table
            and key in self.after.columns
            and self.after.columns[key].type != was.type
            for key, was in self.before.columns.items()
        )

    def _columns(self) -> Iterator[Harm]:
        for key, was in self.before.columns.items():
            now = self.after.columns.get(key)
            if now is None or now == was or key[0] not in self.start.tables:
                continue
            name = self.before.name_of(key)
            if now.name != was.name:
                yield Harm(headings.RENAME, f"renames column {name} to {now.name}")
            if now.kind != was.kind and not {now.kind, was.kind} <= TEXTS:
                yield Harm(headings.TYPE, f"changes {name} from {was.type} to {now.type}")
            if now.not_null and not was.not_null and not self._is_checked(key, was):
                message = f"reads all rows to check {name}, while the table is locked"
                yield Harm(headings.SET_NOT_NULL, message)
            if was.not_null and not now.not_null:
                yield Harm(
                    headings.DROP_NOT_NULL, f"allows NULL in {name}, which readers may not expect"
                )
            # A constraint that this migration has added is judged at its end.
            loses = was.has_default and now.not_null and not now.has_default
            if loses and key in self.start.columns:
                yield Harm(headings.DROP_NOT_NULL, f"{name} loses its default")

    def _is_checked(self, key: tuple[int, int], column: ColumnState) -> bool:
        """Whether a valid check already guarantees it, so that no scan is needed."""
        wanted = {f"CHECK (({name} IS NOT NULL))" for name in (column.name, f'"{column.name}"')}
        return any(
            constraint.table == key[0] and constraint.valid and constraint.definition in wanted
            for constraint in self.before.constraints.values()
        )

    def _constraints(self) -> Iterator[Harm]:
        for oid, now in self.after.constraints.items():
            was = self.before.constraints.get(oid)
            if now.table not in self.start.tables:
                continue
            table = self.start.tables[now.table].name
            if was is not None and was.name != now.name:
                yield Harm(headings.RENAME, f"renames constraint {was.name} of {table}")
            if not now.valid or (was and was.valid):
                continue
            heading = headings.FOREIGN_KEY if now.kind == "f" else headings.CHECK
            heading = headings.TYPE if self._changes_a_type(now.table) else heading
            if was is None and not self._is_free(now):
                yield Harm(heading, f"{now.name} is checked at once, while {table} is locked")
            elif was and oid not in self.start.constraints and not self.in_no_transaction:
                yield Harm(heading, f"{now.name} is validated in the transaction that adds it")

    def _is_free(self, constraint: ConstraintState) -> bool:
        """Whether PostgreSQL adds it without reading rows."""
        if constraint.kind in "up":
            return constraint.index_oid in self.before.indexes
        if constraint.kind != "f":
            return False
        # PostgreSQL knows that a new column without a default is NULL in every row.
        keys = [(constraint.table, number) for number in constraint.columns]
        return all(
            key not in self.before.columns and not self.after.columns[key].has_default
            for key in keys
        )

    def _indexes(self) -> Iterator[Harm]:
        of_constraints = {constraint.index_oid for constraint in self.after.constraints.values()}
        for oid, now in self.after.indexes.items():
            was = self.before.indexes.get(oid)
            if now.table not in self.start.tables or self.concurrently:
                continue
            table = self.start.tables[now.table].name
            is_rewritten = self.before.tables[now.table].file != self.after.tables[now.table].file
            again = was is not None and was.file != now.file and not is_rewritten
            if again or (was is None and oid not in of_constraints):
                retyped = self._changes_a_type(now.table)
                heading = headings.TYPE if retyped else headings.INDEX
                yield Harm(heading, f"builds {now.name} while nobody can write to {table}")
        yield from self._dropped_indexes()

    def _dropped_indexes(self) -> Iterator[Harm]:
        # REINDEX CONCURRENTLY replaces an index by another one with its name.
        names = {index.name for index in self.after.indexes.values()}
        for gone in self.before.indexes.values():
            is_old = gone.table in self.start.tables and gone.table in self.after.tables
            if gone.name in names or not is_old or self._lost_a_column(gone.table):
                continue
            if gone.unique:
                yield Harm(headings.CHECK, f"drops {gone.name}, which ON CONFLICT may need")
            elif not self.concurrently and not self._lost_a_constraint(gone.table):
                yield Harm(headings.DROP_INDEX, f"drops {gone.name} while its table is locked")

    def _lost_a_constraint(self, table: int) -> bool:
        return any(
            constraint.table == table and oid not in self.after.constraints
            for oid, constraint in self.before.constraints.items()
        )

    def _lost_a_column(self, table: int) -> bool:
        return any(key[0] == table and key not in self.after.columns for key in self.before.columns)

    def _values(self) -> Iterator[Harm]:
        types = {kind for kind, _ in self.start.values.values()}
        for oid, (kind, value) in self.before.values.items():
            if self.after.values.get(oid) != (kind, value) and kind in types:
                yield Harm(headings.RETIRE_VALUE, f"removes the value {value} from type {kind}")

    def _triggers(self) -> Iterator[Harm]:
        """What triggers and rules now do when services write rows."""
        old = {table.name for table in self.start.tables.values()}
        for oid, now in self.after.triggers.items():
            was = self.before.triggers.get(oid)
            if was == now and self.before.functions == self.after.functions:
                continue
            known = {*strange_writes(was, self.before, old)} if was else set()
            for write in strange_writes(now, self.after, old):
                if write in known:
                    continue
                yield Harm(
                    headings.FILL,
                    f"trigger {now.name} of {now.table} writes rows that are unrelated to the "
                    f"row that fires it ({write})",
                )
        names = {table.name for oid, table in self.after.tables.items() if oid in self.start.tables}
        covered = {
            now.table for now in self.after.triggers.values() if now.function == FUNCTION_NAME
        }
        for was in self.before.triggers.values():
            if was.function == FUNCTION_NAME and was.table in names - covered:
                yield Harm(headings.ELSE, f"no trigger updates updated_at of {was.table} any more")
        for oid, (name, table) in self.after.rewrites.items():
            if oid not in self.before.rewrites and table in old:
                yield Harm(headings.ELSE, f"rule {name} changes what statements on {table} do")
