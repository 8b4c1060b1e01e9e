"""Deletes due rows, and what cascades delete with them, in limited batches.

The database's own cascade deletes a row if it and all that is deleted or changed with it fit into
one batch. A larger one, such as an account with 100,000 plays, is emptied first, bottom up, in
batches of rows that refer to it. Each batch checks again whether the row is still due. So a row
that is restored meanwhile stays, with the rows that still refer to it.
"""

from collections.abc import Sequence
from typing import Any

from django.db import DatabaseError
from psycopg import sql

from veza_core.operations.pace import LOCKED, obstacle

from .batches import Batches
from .catalog import CASCADE, LinkedTable, Reference
from .counting import Counting
from .policy import Due

# The time as text, because Python has no -infinity. In ORDER BY, the bare name would be that text.
SELECT_DUE = sql.SQL("""
SELECT {key}, {column}::text FROM {table} due
WHERE {due} AND {column} >= %s AND {key} <> ALL(%s)
ORDER BY due.{column} LIMIT %s {locking}
""")
STILL_DUE = sql.SQL("""
SELECT 1 FROM {table} WHERE {key} = %s AND {due} {locking}
""")
SELECT_CHILDREN = sql.SQL("""
SELECT {key} FROM {table} WHERE {column} = %s AND {key} <> ALL(%s)
LIMIT %s {locking}
""")
SELECT_REFERRING = sql.SQL("SELECT {key} FROM {table} WHERE {column} = %s LIMIT %s {locking}")
CLEAR = sql.SQL("UPDATE {table} SET {column} = NULL WHERE {key} = ANY(%s)")
REFERRING = sql.SQL("SELECT {key} FROM {table} WHERE {column} = ANY(%s) LIMIT %s")
REFERS = sql.SQL("SELECT 1 FROM {table} WHERE {column} = %s LIMIT 1")
LEFT = sql.SQL("SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {due} LIMIT %s) rows")

#: At most so many remaining rows are counted: after days without a purge there may be millions.
MOST_LEFT = 10_000
LOCK_TIMEOUTS_IN_A_ROW = 3


#: A table, and a key in it.
type Row = tuple[LinkedTable, Any]


class NotDueError(Exception):
    """The row was restored, or somebody has locked it: leave it for another run."""


class Removal:
    """Removes the rows of one `Due`; `left` says why rows were left, and how many."""

    def __init__(self, batches: Batches, due: Due) -> None:
        self.batches = batches
        self.due = due
        self.references = batches.catalog.references
        self.counting = Counting(batches)
        self.reasons: set[str] = set()
        #: Keys of rows that cannot be deleted in this run.
        self._kept: list[Any] = []
        self._keys: list[Any] = []
        self._passed_over: list[Row] = []

    def run(self) -> None:
        """Remove all that is due, oldest first."""
        limit = self._first_limit(self.due.table)
        since: Any = "-infinity"
        lost = 0
        while True:
            self._keys = []
            try:
                with self.batches.batch():
                    found = self._select_due(since, limit)
                    self._keys = [key for key, _ in found]
                    fitting, next_limit = self._fitting(self.due.table, self._keys)
                    if fitting:
                        deleted = self.counting.delete(self.due.table, fitting)
                        self.batches.add_deleted(str(self.due.table), deleted)
            except DatabaseError as error:
                lost = 0 if self._keys else lost + 1
                self._handle(error, lost)
                limit = max(1, len(self._keys) // 2)
                continue
            if not found:
                return
            if fitting:
                since = found[len(fitting) - 1][1]
            else:
                self._remove_large(self._keys[0])
            limit = next_limit

    def count_left(self) -> int:
        """How many rows are still due, at most `MOST_LEFT`."""
        statement = LEFT.format(**self._names())
        return int(self.batches.rows(statement, [MOST_LEFT])[0][0])

    def _handle(self, error: DatabaseError, lost: int) -> None:
        """Leave a single row that is blocked; with several rows, try fewer next.

        Raises the error if it is a different one, or if the table itself is locked for long.
        """
        reason = obstacle(error)
        if reason is None or lost >= LOCK_TIMEOUTS_IN_A_ROW:
            raise error
        if len(self._keys) == 1:
            self.reasons.add(reason)
            self._kept.append(self._keys[0])

    def _select_due(self, since: Any, limit: int) -> list[tuple[Any, ...]]:
        # From where the last batch ended. Before that are dead rows, which each batch would read
        # again until a vacuum removes them.
        locking = self.due.table.locking("FOR UPDATE SKIP LOCKED")
        statement = SELECT_DUE.format(**self._names(), locking=locking)
        return self.batches.rows(statement, [since, self._kept, limit])

    def _names(self) -> dict[str, sql.Composable]:
        table = self.due.table
        return {
            "table": table.identifier,
            "key": sql.Identifier(table.key),
            "column": sql.Identifier(self.due.column),
            "due": self.due.condition(self.batches.now),
        }

    # One batch ------------------------------------------------------------------------------

    def _first_limit(self, table: LinkedTable) -> int:
        # With the rows that refer to them, even a few may be too many. Checking takes time while
        # locks are held.
        return 10 if self.references[table] else self.batches.pace.batch_size

    def _fitting(self, table: LinkedTable, keys: list[Any]) -> tuple[list[Any], int]:
        """The first keys that fit into one batch, and how many to look for next.

        There are no keys if the first one does not fit. The next rows are expected to be similar.
        """
        most = self.batches.pace.batch_size
        if not self.references[table]:
            return keys, most
        while keys and (size := self._size(table, keys)) > most:
            keys = keys[: len(keys) // 2]
        return keys, max(1, min(most, 2 * len(keys), len(keys) * most // size) if keys else 1)

    def _size(self, table: LinkedTable, keys: list[Any]) -> int:
        """How many rows would be deleted or changed; counting stops soon after the batch size."""
        most = self.batches.pace.batch_size
        seen = {table: set(keys)}
        total, waiting = len(keys), [(table, keys)]
        while waiting:
            parent, parents = waiting.pop()
            for reference in self.references[parent]:
                if total > most:
                    return total
                statement = REFERRING.format(**reference.names)
                rows = [row[0] for row in self.batches.rows(statement, [parents, most + 1])]
                total += len(rows)
                if reference.action == CASCADE:
                    known = seen.setdefault(reference.table, set())
                    new = [row for row in rows if row not in known]
                    # If there are more rows than requested, known ones may hide new ones.
                    total -= len(rows) - len(new) if len(rows) <= most else 0
                    known.update(new)
                    if new:
                        waiting.append((reference.table, new))
        return total

    # A row that is too large for one batch ---------------------------------------------------

    def _remove_large(self, key: Any) -> None:
        """Empty the row until it fits, or leave it for another run."""
        reason = self._blocker(key)
        try:
            if reason is None and self._empty(key):
                return
        except NotDueError:
            # It is locked, or it was restored: then it is not due, and no longer counted.
            reason = LOCKED
        except DatabaseError as error:
            reason = obstacle(error)
            if reason is None:
                raise
        self.reasons.add(reason or "rows that refer to them are locked, or do not fit into a batch")
        self._kept.append(key)

    def _blocker(self, key: Any) -> str | None:
        """What prevents the deletion of the row, which would otherwise be emptied for nothing."""
        for reference in self.batches.catalog.blockers[self.due.table]:
            if self.batches.rows(REFERS.format(**reference.names), [key]):
                return f"{reference.table} refers to them"
        return None

    def _empty(self, key: Any) -> bool:
        """Remove what refers to the row; return whether anything was removed or set to NULL."""
        before = sum(count.deleted + count.updated for count in self.batches.counts.values())
        # Without recursion, because threads of comments may be deeper than Python's stack.
        path = [(self.due.table, key)]
        emptied: set[Row] = set()
        self._passed_over.clear()
        while path:
            child = self._empty_one(path)
            if child is None:
                emptied.add(path.pop())
            elif child in emptied or child in path:
                # Locked rows, or a circle of comments, keep it too large for now.
                self._passed_over.append(child)
            else:
                path.append(child)
        after = sum(count.deleted + count.updated for count in self.batches.counts.values())
        return after > before

    def _empty_one(self, path: Sequence[Row]) -> Row | None:
        """Remove what refers to the last row; return a child that is too large itself."""
        for reference in self.references[path[-1][0]]:
            take = self._take_children if reference.action == CASCADE else self._clear_children
            if child := take(reference, path):
                return child
        return None

    def _take_children(self, reference: Reference, path: Sequence[Row]) -> Row | None:
        limit = self._first_limit(reference.table)
        locking = reference.table.locking("FOR UPDATE SKIP LOCKED")
        statement = SELECT_CHILDREN.format(**reference.names, locking=locking)
        while True:
            with self.batches.batch():
                self._check_due(path)
                passed_over = [key for table, key in self._passed_over if table == reference.table]
                rows = self.batches.rows(statement, [path[-1][1], passed_over, limit])
                keys = [row[0] for row in rows]
                fitting, limit = self._fitting(reference.table, keys)
                if fitting:
                    # Not counted as deleted directly: the cascade would have deleted them.
                    self.counting.delete(reference.table, fitting)
            if not keys:
                return None
            if not fitting:
                return reference.table, keys[0]

    def _clear_children(self, reference: Reference, path: Sequence[Row]) -> None:
        table = reference.table
        locking = table.locking("FOR NO KEY UPDATE SKIP LOCKED")
        select = SELECT_REFERRING.format(**reference.names, locking=locking)
        clear = CLEAR.format(**reference.names)
        cleared = -1
        while cleared:
            with self.batches.batch():
                self._check_due(path)
                rows = self.batches.rows(select, [path[-1][1], self.batches.pace.batch_size])
                cleared = self.batches.execute(clear, [[row[0] for row in rows]])
                self.batches.add_changed(table, updated=cleared)

    def _check_due(self, path: Sequence[Row]) -> None:
        """Check that nobody has restored the row that is being emptied, and lock it."""
        locking = self.due.table.locking("FOR NO KEY UPDATE SKIP LOCKED")
        statement = STILL_DUE.format(**self._names(), locking=locking)
        if not self.batches.rows(statement, [path[0][1]]):
            raise NotDueError
