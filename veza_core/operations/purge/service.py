"""A complete run: one at a time, each kind of row in turn, with a report of what was deleted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.counted import counted
from veza_core.db.fetch import fetch_value
from veza_core.db.locks import PURGE_LOCK_KEY
from veza_core.db.waits import explain
from veza_core.operations.jobs import PURGE, job_lock
from veza_core.operations.pace import LOCKED, Pace

from .batches import Batches, PurgedRows
from .catalog import read_catalog
from .forecast import forecast
from .policy import Due, read_policy
from .removal import Removal


@dataclass(slots=True)
class Purged:
    """What was deleted, or would be, by the table's name, and what was left, with the reasons."""

    counts: Mapping[str, PurgedRows] = field(default_factory=dict)
    left: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def deleted(self) -> int:
        return sum(count.deleted for count in self.counts.values())

    def as_dict(self) -> dict[str, Any]:
        return {
            "deleted": self.deleted,
            "tables": {name: asdict(count) for name, count in sorted(self.counts.items())},
            "left": {name: {"rows": rows, "why": why} for name, (rows, why) in self.left.items()},
        }


def foresee(
    connection: BaseDatabaseWrapper, days: Mapping[str, int | None], only: Sequence[str]
) -> Purged:
    """Count what a run would delete now. Raises `CommandError` as `read_policy` does."""
    catalog = read_catalog(connection)
    dues = read_policy(catalog, days, only)
    return Purged(forecast(connection, catalog, dues, _now(connection)))


def purge(
    connection: BaseDatabaseWrapper,
    days: Mapping[str, int | None],
    only: Sequence[str],
    pace: Pace,
    outcome: Purged,
    report: Callable[[Due, Purged], None],
) -> None:
    """Delete what is due. Each batch adds to `outcome`, which is also right after an interrupt.

    `report` is called after each batch. Raises `CommandError` in one line: another run is active,
    or the database refused something. What was deleted before stays deleted, and the next run
    continues from there.
    """
    with job_lock(connection, PURGE_LOCK_KEY, PURGE):
        catalog = read_catalog(connection)
        dues = read_policy(catalog, days, only)
        _check_counting(connection)
        batches = Batches(connection, catalog, pace, _now(connection))
        outcome.counts = batches.counts
        for due in dues:
            batches.report = partial(report, due, outcome)
            _remove(batches, due, outcome)


def _remove(batches: Batches, due: Due, outcome: Purged) -> None:
    removal = Removal(batches, due)
    try:
        removal.run()
        if rows := removal.count_left():
            why = "; ".join(sorted(removal.reasons)) or LOCKED
            outcome.left[f"{due.table}.{due.column}"] = rows, why
    except DatabaseError as error:
        raise CommandError(
            f"{counted(outcome.deleted, 'row was', 'rows were')} deleted, "
            "and the next purge continues from there: "
            f"{due.table}: {explain(error)}"
        ) from error


def _now(connection: BaseDatabaseWrapper) -> datetime:
    now: datetime = fetch_value(connection, "SELECT now()")
    return now


def _check_counting(connection: BaseDatabaseWrapper) -> None:
    if fetch_value(connection, "SHOW track_counts") != "on":
        raise CommandError(
            "track_counts is off on this server, but purge counts deleted rows with it "
            "(autovacuum needs it too): set it to on"
        )
