"""Keeps the counters of remaining rows right when rows that they count are deleted."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from veza_core.counters import Counter, counting

from .batches import Batches
from .catalog import CASCADE, LinkedTable, Reference

DELETE = sql.SQL("DELETE FROM {table} WHERE {key} = ANY(%s)")
CHILDREN = sql.SQL("SELECT {key} FROM {table} WHERE {column} = ANY(%s) {locking}")
COUNT_CHILDREN = sql.SQL(
    "SELECT {counted}, count(*) FROM {table} WHERE {key} = ANY(%s){live} GROUP BY 1"
)
AND_LIVE = sql.SQL(" AND deleted_at IS NULL")

#: Keys of rows, by their table.
type Reached = defaultdict[LinkedTable, set[Any]]


class Counting:
    """Deletes rows, and subtracts them and their cascades from the counters."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches
        self.references = batches.catalog.references
        self.counters: dict[LinkedTable, list[tuple[str, Counter]]] = {
            table: counting(str(table)) for table in batches.catalog.tables.values()
        }
        #: Whether foreign keys change rows that the server does not count (layout A of Citus).
        self._elsewhere = any(table.is_copied for table in batches.catalog.tables.values())
        #: The cascades that reach rows which counters of other rows count, by the deleted table.
        self.ways: dict[LinkedTable, list[Reference]] = {
            table: [each for each in references if self._leads_on(each, {table})]
            for table, references in self.references.items()
        }

    def delete(self, table: LinkedTable, keys: list[Any]) -> int:
        """Delete rows that are locked FOR UPDATE, in a batch; return how many there were."""
        counted, _ = self._reached(table, keys, self.ways, "FOR UPDATE")
        lowered = self._count(counted)
        statement = DELETE.format(table=table.identifier, key=sql.Identifier(table.key))
        gone, cleared = self._reached(table, keys, self.references if self._elsewhere else {})
        gone[table] -= set(keys)
        deleted = self.batches.execute(statement, [keys])
        for child in gone.keys() | cleared.keys():
            self.batches.add_changed(child, deleted=len(gone[child]), updated=len(cleared[child]))
        self.batches.add_changed(table, deleted=deleted)
        # Last, so that services wait for their counters as briefly as possible.
        self.batches.add_to_counters(lowered)
        return deleted

    def _leads_on(self, reference: Reference, above: set[LinkedTable]) -> bool:
        if reference.action != CASCADE:
            return False
        child = reference.table
        # A counter of the deleted row itself is deleted with it.
        if any(counter.key != reference.column for _, counter in self.counters.get(child, ())):
            return True
        return child not in above and any(
            self._leads_on(below, above | {child}) for below in self.references[child]
        )

    def _reached(
        self,
        table: LinkedTable,
        keys: Sequence[Any],
        references: Mapping[LinkedTable, Sequence[Reference]],
        locking: str = "",
    ) -> tuple[Reached, Reached]:
        """The rows and those that `references` delete with them, and those that they set to NULL.

        With FOR UPDATE, parents are locked first. No new row can refer to a row that is locked like
        this, so no other row appears before the deletion.
        """
        gone: Reached = defaultdict(set, {table: set(keys)})
        cleared: Reached = defaultdict(set)
        waiting: list[tuple[LinkedTable, Sequence[Any]]] = [(table, keys)]
        while waiting:
            parent, parents = waiting.pop()
            for reference in references.get(parent, ()):
                child = reference.table
                statement = CHILDREN.format(**reference.names, locking=child.locking(locking))
                rows = {row[0] for row in self.batches.rows(statement, [list(parents)])}
                if reference.action != CASCADE:
                    cleared[child] |= rows
                elif new := rows - gone[child]:
                    gone[child] |= new
                    waiting.append((child, [*new]))
        return gone, cleared

    def _count(self, gone: dict[LinkedTable, set[Any]]) -> dict[tuple[str, str], dict[Any, int]]:
        """By how much counters of other rows must become lower."""
        lowered = {}
        tables = {str(table): keys for table, keys in gone.items()}
        for rows, keys in gone.items():
            for table, counter in self.counters.get(rows, ()):
                statement = COUNT_CHILDREN.format(
                    counted=sql.Identifier(counter.key),
                    table=rows.identifier,
                    key=sql.Identifier(rows.key),
                    live=AND_LIVE if rows.is_soft else sql.SQL(""),
                )
                counted = self.batches.rows(statement, [[*keys]])
                gone_too = tables.get(table, set())
                changes = {key: -number for key, number in counted if key not in gone_too}
                if changes:
                    lowered[table, counter.column] = changes
        return lowered
