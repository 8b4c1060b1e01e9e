"""Measures how far counters are off, and adds the difference, while services run.

A row and its counter change in one transaction. So the difference between them, seen in one
snapshot, does not change while services count. It is measured without a lock, however long that
takes, and added to the counter's current value. There is one exception: if a counter is too low, a
service may leave it at 0 instead of subtracting. So corrected counters are measured again.
"""

import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import batched
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError, ProgrammingError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from veza_core.counted import counted
from veza_core.counters import Counter, Differences, add, declared_counters
from veza_core.db.fetch import fetch_all
from veza_core.db.inheritance import inherited_tables, named
from veza_core.db.locks import RECOUNT_LOCK_KEY
from veza_core.db.timeouts import set_lock_timeout
from veza_core.db.waits import explain

from .jobs import RECOUNT, job_lock
from .pace import Pace, obstacle
from .replicas import wait_for_replicas

NEXT = sql.SQL("SELECT id FROM {table} WHERE id > %s ORDER BY id LIMIT %s")
# Counted first, and then joined: Citus cannot join rows of other nodes with those of a table here.
MEASURE = sql.SQL("""
WITH {counts}
SELECT counted.id, {differences} FROM {table} counted {joins} WHERE counted.id = ANY(%(ids)s)
""")
REAL_COUNTS = sql.SQL("""{name} AS MATERIALIZED (
    SELECT {key} AS key, count(*) AS number FROM {rows} counting
    WHERE {key} = ANY(%(ids)s) AND {condition} GROUP BY {key}
)""")
DIFFERENCE = sql.SQL("coalesce({name}.number, 0) - counted.{column}")
JOIN = sql.SQL("LEFT JOIN {name} ON {name}.key = counted.id")
#: A service counts a play within an hour after it, in another transaction, and may purge it later.
OLDER = "counting.created_at < CURRENT_TIMESTAMP - interval '1 hour'"
COUNTING_IS_LIVE = "counting.deleted_at IS NULL"
SOFT = """
SELECT relname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'public'::regnamespace AND attname = 'deleted_at' AND NOT attisdropped
"""

#: The lowest UUID, which no row has.
FIRST = uuid.UUID(int=0)
#: The most rows that one transaction corrects: a service that counts a play waits only for these.
AT_ONCE = 100
#: How many times corrected counters are measured again.
ROUNDS = 3


@dataclass(slots=True)
class Off:
    """One counter: in how many rows it was wrong, and by how much in all.

    `left`: how many of these rows other sessions have locked, so that they are still wrong.
    """

    rows: int = 0
    too_low: int = 0
    too_high: int = 0
    left: int = 0


@dataclass(slots=True)
class Recounted:
    """What was wrong, by the counter's name, and how far the run has come."""

    counters: dict[str, Off] = field(default_factory=dict)
    rows: int = 0
    table: str = ""
    last: uuid.UUID = FIRST

    def total(self, name: str) -> int:
        """The sum of one figure of `Off` over all counters."""
        return sum(getattr(off, name) for off in self.counters.values())


def chosen(only: Sequence[str]) -> dict[str, list[Counter]]:
    """The counters to check, by table: `tracks.like_count` is one, `tracks` is all of a table.

    Raises `CommandError` for an unknown name.
    """
    every = declared_counters()
    names = [f"{table}.{counter.column}" for table in every for counter in every[table]]
    if unknown := sorted(set(only) - {*names, *every}):
        raise CommandError(
            f"--only: there is no counter {', '.join(unknown)}; choose from "
            f"{', '.join(sorted({*names, *every}))}",
            returncode=2,
        )
    found = {
        table: [
            counter
            for counter in every[table]
            if not only or table in only or f"{table}.{counter.column}" in only
        ]
        for table in sorted(every)
    }
    return {table: counters for table, counters in found.items() if counters}


@dataclass(slots=True)
class Recount:
    """A run. Each batch adds to `outcome`, which is also right after an interrupt."""

    connection: BaseDatabaseWrapper
    pace: Pace
    outcome: Recounted
    #: Called after each batch.
    report: Callable[[], None] = lambda: None
    dry_run: bool = False

    def run(
        self, counters: Mapping[str, Sequence[Counter]], after: tuple[str, uuid.UUID] | None = None
    ) -> None:
        """Check every row of these tables, or those after a place: a table and an id.

        Raises `CommandError` in one line: another run is active, or the database refused something.
        Corrected counters stay corrected.
        """
        if after and after[0] not in counters:
            raise CommandError(
                f"--after: this run does not check table {after[0] or 'nothing'}, only "
                f"{', '.join(counters)}",
                returncode=2,
            )
        try:
            lock = job_lock(self.connection, RECOUNT_LOCK_KEY, RECOUNT)
            with nullcontext() if self.dry_run else lock:
                self._run(counters, after)
        except ProgrammingError as error:
            raise CommandError(
                f"{explain(error)}: the role must also be allowed to update {', '.join(counters)}"
            ) from error
        except DatabaseError as error:
            rows = counted(self.outcome.rows, "row was", "rows were")
            raise CommandError(f"{rows} checked before: {explain(error)}") from error

    def _run(
        self, counters: Mapping[str, Sequence[Counter]], after: tuple[str, uuid.UUID] | None
    ) -> None:
        for table, those in counters.items():
            for counter in those:
                self.outcome.counters[f"{table}.{counter.column}"] = Off()
        soft = {name for (name,) in fetch_all(self.connection, SOFT)}
        inherited = inherited_tables(self.connection)
        for table, those in counters.items():
            if after and table < after[0]:
                continue
            self.outcome.table = table
            self.outcome.last = after[1] if after and table == after[0] else FIRST
            self._look_at(table, Measure(table, those, soft, inherited))

    def _look_at(self, table: str, measure: "Measure") -> None:
        statement = NEXT.format(table=measure.own(table))
        while True:
            started = time.monotonic()
            found = fetch_all(self.connection, statement, [self.outcome.last, self.pace.batch_size])
            if not found:
                return
            ids = [id_ for (id_,) in found]
            differences = self._differences(measure, ids)
            self._note(differences)
            if not self.dry_run:
                self._correct(measure, differences)
            self.outcome.rows += len(ids)
            self.outcome.last = ids[-1]
            self.report()
            self.pace.rest(time.monotonic() - started)
            if not self.dry_run:
                wait_for_replicas(self.connection)

    def _differences(self, measure: "Measure", ids: Sequence[Any]) -> Differences:
        """What to add to which counter of these rows. One statement, so one snapshot."""
        found: dict[tuple[str, str], dict[Any, int]] = defaultdict(dict)
        for id_, *numbers in fetch_all(self.connection, measure.statement, {"ids": list(ids)}):
            for counter, number in zip(measure.counters, numbers, strict=True):
                if number > 0 or (number < 0 and not counter.only_grows):
                    found[measure.table, counter.column][id_] = number
        return found

    def _note(self, differences: Differences) -> None:
        for (table, column), changes in differences.items():
            off = self.outcome.counters[f"{table}.{column}"]
            off.rows += len(changes)
            off.too_low += sum(number for number in changes.values() if number > 0)
            off.too_high -= sum(number for number in changes.values() if number < 0)

    def _correct(self, measure: "Measure", differences: Differences) -> None:
        for _ in range(ROUNDS):
            ids = sorted({id_ for changes in differences.values() for id_ in changes})
            if not ids:
                return
            for some in batched(ids, AT_ONCE):
                self._add(measure, differences, some)
            differences = self._differences(measure, ids)
        for (table, column), changes in differences.items():
            self.outcome.counters[f"{table}.{column}"].left += len(changes)

    def _add(self, measure: "Measure", differences: Differences, ids: Sequence[Any]) -> None:
        """Add to the counters of these rows in a transaction; leave rows that stay locked."""
        try:
            with transaction.atomic(using=self.connection.alias):
                set_lock_timeout(self.connection, self.pace.lock_timeout, local=True)
                add(self.connection, dict(_of(differences, ids)), measure.inherited)
        except DatabaseError as error:
            if obstacle(error) is None:
                raise
            for half in (ids[: len(ids) // 2], ids[len(ids) // 2 :]) if len(ids) > 1 else ():
                self._add(measure, differences, half)


def _of(
    differences: Differences, ids: Sequence[Any]
) -> Iterator[tuple[tuple[str, str], dict[Any, int]]]:
    for counter, changes in differences.items():
        if some := {id_: changes[id_] for id_ in ids if id_ in changes}:
            yield counter, some


class Measure:
    """How the counters of a table are measured."""

    def __init__(
        self, table: str, counters: Sequence[Counter], soft: set[str], inherited: set[str]
    ) -> None:
        self.table = table
        self.inherited = inherited
        self.counters = counters
        names = [sql.Identifier(f"count_{number}") for number in range(len(counters))]
        self.statement = MEASURE.format(
            table=self.own(table),
            counts=sql.SQL(", ").join(
                _count(name, counter, self.own(counter.rows), soft)
                for name, counter in zip(names, counters, strict=True)
            ),
            differences=sql.SQL(", ").join(
                DIFFERENCE.format(name=name, column=sql.Identifier(counter.column))
                for name, counter in zip(names, counters, strict=True)
            ),
            joins=sql.SQL(" ").join(JOIN.format(name=name) for name in names),
        )

    def own(self, table: str) -> sql.Composable:
        """A table for a statement, without inheriting tables."""
        return named("public", table, is_inherited_from=table in self.inherited)


def _count(
    name: sql.Identifier, counter: Counter, rows: sql.Composable, soft: set[str]
) -> sql.Composable:
    conditions = [OLDER] * counter.only_grows + [COUNTING_IS_LIVE] * (counter.rows in soft) or [
        "true"
    ]
    return REAL_COUNTS.format(
        name=name,
        rows=rows,
        key=sql.Identifier("counting", counter.key),
        condition=sql.SQL(" AND ").join(map(sql.SQL, conditions)),
    )
