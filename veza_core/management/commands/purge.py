"""`purge`: hard deletes what the policy in the settings no longer keeps."""

import argparse
import json
import re
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.session import announce
from veza_core.management.arguments import some_text
from veza_core.operations.deploy.pooler import check_direct
from veza_core.operations.jobs import PURGE, record_success
from veza_core.operations.progress import StatusLine
from veza_core.operations.purge.batches import Pace
from veza_core.operations.purge.policy import Due
from veza_core.operations.purge.service import Outcome, foresee, purge


def a_batch_size(text: str) -> int:
    """Rows in a batch, 1 to 100,000."""
    if not re.fullmatch(r"[1-9]\d{0,4}|100000", text):
        raise argparse.ArgumentTypeError("a number of rows is needed, from 1 to 100000")
    return int(text)


def a_pause(text: str) -> tuple[float, float]:
    """`0.5`, in seconds, or `200%` of the time that a batch took: (seconds, share)."""
    match = re.fullmatch(r"(\d{1,5}(?:\.\d+)?)(%?)", text)
    if not match:
        raise argparse.ArgumentTypeError("seconds are needed (0.5), or a share (100%)")
    number = float(match[1])
    return (0.0, number / 100) if match[2] else (number, 0.0)


def a_lock_timeout(text: str) -> float:
    """Seconds, 0.001 at least: PostgreSQL takes 0 for "no limit"."""
    if not re.fullmatch(r"\d{1,5}(\.\d+)?", text) or float(text) < 0.001:
        raise argparse.ArgumentTypeError("seconds are needed, 0.001 at least")
    return float(text)


class Command(BaseCommand):
    """Small batches with pauses, beside running services; safe to kill and to run again."""

    help = (
        "Deletes expired tokens and sessions, rows that were soft deleted long ago, and old logs, "
        "as the PURGE_… settings say: in small batches, beside running services."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Count what would be deleted, and change nothing.",
        )
        parser.add_argument(
            "--only",
            type=some_text,
            action="append",
            default=[],
            metavar="TABLE",
            help="Look for what is due in this table only; may be given several times.",
        )
        parser.add_argument(
            "--batch-size",
            type=a_batch_size,
            default=1000,
            metavar="ROWS",
            help="Rows that one transaction deletes or takes a reference from at most, cascades "
            "included (default: 1000).",
        )
        parser.add_argument(
            "--pause",
            type=a_pause,
            default="100%",
            metavar="PAUSE",
            help="Rest after each batch: seconds, such as 0.5, or a share of the time that the "
            "batch took, such as 300%% (default: 100%%, so half of the time is rest).",
        )
        parser.add_argument(
            "--lock-timeout",
            type=a_lock_timeout,
            default=0.5,
            metavar="SECONDS",
            help="How long a statement waits for a lock before its batch is rolled back "
            "(default: 0.5, less than deadlock_timeout: a service is never the victim).",
        )
        parser.add_argument(
            "--json",
            action="store_true",
            dest="as_json",
            help="Print the outcome as one JSON object, for pipelines.",
        )
        parser.add_argument(
            "--database",
            default=DEFAULT_DB_ALIAS,
            choices=tuple(connections),
            help='The database to purge. Defaults to the "default" database.',
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Purge, or count. Raises `CommandError` in one line."""
        self.started = time.monotonic()
        connection = connections[options["database"]]
        self.session = announce(connection, self._teller(options))
        days, only = settings.PURGE_AFTER_DAYS, options["only"]
        if options["dry_run"]:
            self._summarize(foresee(connection, days, only), options)
            return
        check_direct(connection)
        self.session.check_writable()
        seconds, share = options["pause"]
        pace = Pace(options["batch_size"], options["lock_timeout"], seconds, share)
        self.progress = StatusLine(self.stderr, shown=options["verbosity"] >= 1)
        outcome = Outcome()
        try:
            purge(connection, days, only, pace, outcome, self._show)
        except KeyboardInterrupt:
            self.progress.clear()
            self.stderr.write(
                f"Ended: {outcome.deleted:,} rows were deleted. "
                "The next purge continues from there."
            )
            raise
        finally:
            self.progress.clear()
        self._summarize(outcome, options)
        if not only:
            self._record(connection, outcome)

    def _record(self, connection: BaseDatabaseWrapper, outcome: Outcome) -> None:
        seconds = time.monotonic() - self.started
        left = sum(rows for rows, _ in outcome.left.values())
        if problem := record_success(
            connection, PURGE, seconds, deleted=outcome.deleted, left=left
        ):
            self.stderr.write(problem)

    def _teller(self, options: dict[str, Any]) -> Callable[[str], object]:
        """Where to say things that are no part of the outcome."""
        if not options["verbosity"]:
            return lambda line: None
        stream = self.stderr if options["as_json"] else self.stdout
        return stream.write

    def _show(self, due: Due, outcome: Outcome) -> None:
        rate = outcome.deleted / (time.monotonic() - self.started)
        self.progress.show(
            f"{due.table}.{due.column}: {outcome.deleted:,} rows deleted, {rate:,.0f} a second"
        )

    def _summarize(self, outcome: Outcome, options: dict[str, Any]) -> None:
        seconds = time.monotonic() - self.started
        if options["as_json"]:
            self.stdout.write(
                json.dumps(
                    {
                        "dry_run": options["dry_run"],
                        "connection": self.session.as_dict(),
                        **outcome.as_dict(),
                        "seconds": round(seconds, 3),
                    }
                )
            )
        elif options["verbosity"] >= 1:
            self._print(outcome, dry_run=options["dry_run"], seconds=seconds)
        if options["verbosity"] >= 1:
            for name, (rows, why) in outcome.left.items():
                self.stderr.write(f"{name}: {rows:,} rows are left for the next purge: {why}")

    def _print(self, outcome: Outcome, *, dry_run: bool, seconds: float) -> None:
        verb = "would be deleted" if dry_run else "were deleted"
        for name, count in sorted(outcome.counts.items()):
            notes = []
            if count.by_cascade:
                notes.append(f"{count.by_cascade:,} of them by cascade")
            if count.updated:
                notes.append(f"{count.updated:,} lost a reference")
            if count.recounted:
                notes.append(f"{count.recounted:,} have lower counters")
            note = f" ({', '.join(notes)})" if notes else ""
            self.stdout.write(f"  {name}: {count.deleted:,}{note}")
        self.stdout.write(f"{outcome.deleted:,} rows {verb}, {seconds:.2f} s")
