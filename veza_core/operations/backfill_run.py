"""One run of a backfill: it fills a table in batches, and does not block services.

It reads the table in the order of its pages (TID Range Scan, since PostgreSQL 14). Each batch is a
separate transaction.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.fetch import fetch_value
from veza_core.db.timeouts import extend_lock_timeout, is_obstacle
from veza_core.operations.replicas import wait_for_replicas

if TYPE_CHECKING:
    from veza_core.operations.backfill import Backfill

#: The most pages of a batch: 64 MB.
MOST_PAGES = 8192
#: How many times the table is read at most, because services may add unfilled rows.
WALKS = 10
LONGEST_PAUSE = 15.0

# The partitions of a partitioned table, or the table itself.
LEAVES = """
SELECT coalesce(
    (SELECT array_agg(relid::regclass::text ORDER BY relid) FROM pg_partition_tree(%(table)s)
     WHERE isleaf),
    ARRAY[%(table)s::regclass::text])
"""
PAGES = """
SELECT pg_relation_size(%s::regclass) / current_setting('block_size')::int
"""
# How many sessions wait for rows that this transaction has changed.
WAITED_FOR = """
SELECT count(*) FROM pg_locks
WHERE locktype = 'transactionid' AND NOT granted AND transactionid = pg_current_xact_id()::xid
"""


class FillReport:
    """Gets reports of a backfill's progress. Does nothing; commands override it."""

    def filled(self, table: str, share: float, rows: int) -> None:
        """`share` (0 to 1) of `table` has been read, and `rows` rows have been filled."""

    def resting(self, what: str, reason: str) -> None:
        """`what`, a table or a migration, waits or slows down; called once for each `reason`."""


class BackfillRun:
    """A run of a backfill over one connection."""

    #: Stands before the table's name, because its partitions are read one by one.
    only = "ONLY "

    def __init__(self, operation: "Backfill", connection: BaseDatabaseWrapper) -> None:
        self.operation, self.connection = operation, connection
        self.report = operation.report
        self.size = settings.BACKFILL_BATCH_SIZE
        self.pages = max(1, self.size // 50)
        self.rows = 0
        self._reported: set[str] = set()
        self.quote: Callable[[str], str] = connection.ops.quote_name

    def walk_until_done(self) -> None:
        for walk in range(WALKS):
            # The first pass skips rows that others have locked; later passes wait for them.
            table = self.quote(self.operation.table)
            tables = fetch_value(self.connection, LEAVES, {"table": table})
            wait = walk > 0
            found = sum([self._walk(table, wait=wait) for table in tables])
            # A service may move a row from a later page to a page that was already read.
            if wait and not found and not any(self._is_left(table) for table in tables):
                return
        raise CommandError(
            f"{self.operation.describe()}: read the table {WALKS} times, and found rows to fill "
            f"each time. A service still writes rows with this condition: "
            f"{self.operation.where}. Deploy its release that does not, and run migrate again."
        )

    def _is_left(self, table: str) -> bool:
        """Whether a snapshot of the whole table has an unfilled row."""
        name, where = self.quote(self.operation.table), self.operation.where
        query = f"SELECT EXISTS (SELECT true FROM {self.only}{table} AS {name} WHERE {where})"
        return bool(fetch_value(self.connection, query))

    def _walk(self, table: str, *, wait: bool) -> int:
        found, first = 0, 0
        end = fetch_value(self.connection, PAGES, [table])
        while first < end:
            wait_for_replicas(self.connection, self._report_once)
            last = first + self.pages
            started = time.monotonic()
            rows, limit = self._patiently(partial(self._batch, table, first, last, wait))
            found += rows
            if rows:
                # As long as the batch took, so that the backfill works at most half of the time.
                time.sleep(time.monotonic() - started)
            if rows < limit:
                first = last
                self.pages = min(self.pages * 2, MOST_PAGES) if not rows else self.pages
            else:
                self.pages = max(self.pages // 2, 1)
            self.report.filled(self.operation.table, min(first / end, 1.0), self.rows)
        return found

    def _patiently[T](self, batch: Callable[[], T]) -> T:
        """Run a batch, and repeat it until nothing blocks it; return its result."""
        attempts = settings.MIGRATE_LOCK_ATTEMPTS
        for attempt in range(1, attempts + 1):
            try:
                return batch()
            except DatabaseError as error:
                if not is_obstacle(error) or attempt == attempts:
                    raise
                self._slow_down("a row or a table is locked: smaller batches")
                time.sleep(min(0.5 * 2**attempt, LONGEST_PAUSE))
        raise AssertionError("there is at least one attempt")

    def _batch(self, table: str, first: int, last: int, wait: bool) -> tuple[int, int]:
        limit = self.size
        with transaction.atomic(using=self.connection.alias), self.connection.cursor() as cursor:
            rows = self._choose(cursor, table, (first, last), limit, " SKIP LOCKED")
            if not rows and wait:
                # One row only: with several locked rows, waiting may cause a deadlock.
                limit = 1
                rows = self._choose(cursor, table, (first, last), limit, "")
            if rows:
                array = f"ARRAY[{', '.join(f"'{place}'" for place in rows)}]::tid[]"
                places = f"{self.quote(self.operation.table)}.ctid = ANY({array})"
                self._change(cursor, f"{self.only}{table}", places, len(rows))
        return len(rows), limit

    def _choose(
        self, cursor: Any, table: str, pages: tuple[int, int], limit: int, locked: str
    ) -> list[str]:
        """Lock unfilled rows, and return their positions."""
        name, where = self.quote(self.operation.table), self.operation.where
        cursor.execute(
            f"SELECT {name}.ctid::text FROM ONLY {table} AS {name} "
            f"WHERE {name}.ctid >= '({pages[0]},0)' AND {name}.ctid < '({pages[1]},0)' "
            f"AND ({where}) LIMIT {limit} FOR NO KEY UPDATE OF {name}{locked}"
        )
        return [place for (place,) in cursor.fetchall()]

    def _change(self, cursor: Any, source: str, places: str, count: int) -> None:
        cursor.execute(self.operation.statement(self.quote, source, places))
        if left := self.operation.left(self.quote, source, places):
            cursor.execute(left)
        if any(holds for (holds,) in cursor.fetchall()):
            raise CommandError(
                f"{self.operation.describe()}: the condition is still true for filled rows, so "
                f"this would never end: {self.operation.where}"
            )
        self.rows += count
        cursor.execute(WAITED_FOR)
        if cursor.fetchone()[0]:
            self._slow_down("others wait for its rows: smaller batches")
        else:
            self.size = min(self.size + self.size // 10 + 1, settings.BACKFILL_BATCH_SIZE)

    def _slow_down(self, reason: str) -> None:
        self.size = max(self.size // 2, 1)
        self._report_once(reason)

    def _report_once(self, reason: str) -> None:
        if reason not in self._reported:
            self._reported.add(reason)
            self.report.resting(self.operation.table, reason)


class SpreadRun(BackfillRun):
    """A run over a table that Citus has distributed or copied; it is read by key.

    Rows on other nodes cannot be locked in advance, and locked ones cannot be skipped. A batch
    waits at most `lock_timeout` for rows that others have locked. Then a smaller one is tried.
    """

    # Citus refuses ONLY.
    only = ""

    def __init__(self, operation: "Backfill", connection: BaseDatabaseWrapper, key: str) -> None:
        super().__init__(operation, connection)
        self.key = f"{self.quote(operation.table)}.{self.quote(key)}"

    def _walk(self, table: str, *, wait: bool) -> int:
        found, after = 0, ""
        total = fetch_value(self.connection, f"SELECT count(*) FROM {table}")
        while True:
            wait_for_replicas(self.connection, self._report_once)
            started = time.monotonic()
            rows = self._patiently(partial(self._next, table, after))
            if not rows:
                return found
            found, after = found + len(rows), rows[-1]
            time.sleep(time.monotonic() - started)
            self.report.filled(self.operation.table, min(self.rows / total, 1.0), self.rows)

    def _next(self, table: str, after: str) -> list[str]:
        """Fill the next rows; return their keys."""
        name, where = self.quote(self.operation.table), self.operation.where
        beyond = f"{self.key} > '{after}' AND" if after else ""
        with transaction.atomic(using=self.connection.alias), self.connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {self.key} FROM {table} AS {name} WHERE {beyond} ({where}) "
                f"ORDER BY {self.key} LIMIT {self.size}"
            )
            if rows := [str(key) for (key,) in cursor.fetchall()]:
                extend_lock_timeout(self.connection)
                keys = f"{self.key} = ANY('{{{','.join(rows)}}}')"
                self._change(cursor, table, f"{keys} AND ({where})", len(rows))
        return rows
