"""One batch: a transaction with limits for size and waits, and what exactly it changed."""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.counters import Differences, add
from veza_core.db.fetch import fetch_all
from veza_core.db.on_delete import CHANGED
from veza_core.db.timeouts import extend_lock_timeout, set_lock_timeout
from veza_core.operations.pace import Pace
from veza_core.operations.replicas import wait_for_replicas

from .catalog import LinkedTable, PurgeCatalog

# Statistics of this transaction, and of earlier ones that the session has not reported yet: only
# the difference within a transaction is meaningful (PostgreSQL, "Viewing Statistics", 27.2.2).
COUNTERS = """
SELECT oid, pg_stat_get_xact_tuples_deleted(oid), pg_stat_get_xact_tuples_updated(oid)
FROM unnest(%s::oid[]) oid
"""
# What triggers instead of foreign keys did in this transaction, such as {"plays CASCADE": 12}.
BY_TRIGGERS = f"SELECT coalesce(nullif(current_setting('{CHANGED}', true), ''), '{{}}')"


@dataclass(slots=True)
class PurgedRows:
    """Rows of one table: deleted in all, deleted by a cascade, and updated by ON DELETE SET NULL.

    A row that loses a reference and is then deleted counts twice. `recounted` are updates of
    counters, because rows that they counted were deleted.
    """

    deleted: int = 0
    by_cascade: int = 0
    updated: int = 0
    recounted: int = 0

    def __add__(self, other: "PurgedRows") -> "PurgedRows":
        return PurgedRows(
            self.deleted + other.deleted,
            self.by_cascade + other.by_cascade,
            self.updated + other.updated,
            self.recounted + other.recounted,
        )


@dataclass(slots=True)
class Batches:
    """Runs batches, and adds up what they changed: `counts`, by the table's name."""

    connection: BaseDatabaseWrapper
    catalog: PurgeCatalog
    pace: Pace
    #: The time of the run, which decides what is due.
    now: datetime
    #: Called after each batch.
    report: Callable[[], None] = lambda: None
    counts: dict[str, PurgedRows] = field(default_factory=lambda: defaultdict(PurgedRows))
    #: The same for the current batch.
    _batch: dict[str, PurgedRows] = field(default_factory=lambda: defaultdict(PurgedRows))

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Run the block as one transaction, and count its changes after the commit."""
        started = time.monotonic()
        self._batch.clear()
        with transaction.atomic(using=self.connection.alias):
            set_lock_timeout(self.connection, self.pace.lock_timeout, local=True)
            if not all(table.is_counted for table in self.catalog.tables.values()):
                extend_lock_timeout(self.connection)
            before = self._read_counts()
            yield
            after = self._read_counts()
            self._read_triggers()
        for name, (deleted, updated) in after.items():
            self._add(name, deleted - before[name][0], updated - before[name][1])
        for name, rows in self._batch.items():
            self.counts[name] += rows
        if self._batch:
            self.report()
            self.pace.rest(time.monotonic() - started)
            wait_for_replicas(self.connection)

    def execute(self, statement: Any, parameters: Sequence[Any] = ()) -> int:
        """Run a statement; return how many rows it changed."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return int(cursor.rowcount)

    def rows(self, query: Any, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return fetch_all(self.connection, query, parameters)

    def add_deleted(self, table: str, rows: int) -> None:
        """Add rows that the batch deleted directly, and not by a cascade."""
        if rows:
            # `_add` counts every deleted row as deleted by a cascade.
            self._batch[table].by_cascade -= rows

    def add_changed(self, table: LinkedTable, *, deleted: int = 0, updated: int = 0) -> None:
        """Add rows that the batch's statement changed, if only the statement knows how many."""
        if not table.is_counted:
            self._add(str(table), deleted, updated)

    def add_to_counters(self, differences: Differences) -> None:
        """Change counters: up to as many as the batch has rows."""
        inherited = [name for name, table in self.catalog.tables.items() if table.is_inherited_from]
        for table, rows in add(self.connection, differences, inherited).items():
            if rows:
                # Statistics count these updates too, as if a reference were set to NULL.
                again = rows if self.catalog.tables[table].is_counted else 0
                self._batch[table] += PurgedRows(recounted=rows, updated=-again)

    def _read_counts(self) -> dict[str, tuple[int, int]]:
        """Deleted and updated rows, by the table's name, with those of its partitions."""
        counts: dict[str, tuple[int, int]] = {}
        for oid, deleted, updated in self.rows(COUNTERS, [list(self.catalog.reached)]):
            name = self.catalog.reached[oid]
            before = counts.get(name, (0, 0))
            counts[name] = before[0] + deleted, before[1] + updated
        return counts

    def _read_triggers(self) -> None:
        spread = {name for name, table in self.catalog.tables.items() if table.is_spread}
        if not spread:
            return
        [(counts,)] = self.rows(BY_TRIGGERS)
        for what, rows in json.loads(counts).items():
            name, _, action = what.partition(" ")
            if name in spread:
                is_cascade = action == "CASCADE"
                self._add(name, rows if is_cascade else 0, 0 if is_cascade else rows)

    def _add(self, table: str, deleted: int, updated: int) -> None:
        if deleted or updated:
            self._batch[table] += PurgedRows(deleted, by_cascade=deleted, updated=updated)
