"""`purge`: permanently deletes rows that the policy in the settings does not keep."""

import json
import time
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.db import connections

from veza_core.counted import counted
from veza_core.management.arguments import add_database, add_json, add_pace, pace_of, some_text
from veza_core.management.base import DatabaseCommand
from veza_core.operations.deploy.pooler import check_direct
from veza_core.operations.ending import interrupt_first
from veza_core.operations.jobs import PURGE
from veza_core.operations.progress import StatusLine
from veza_core.operations.purge.policy import Due
from veza_core.operations.purge.service import Purged, foresee, purge
from veza_core.visible import visible


class Command(DatabaseCommand):
    """Small batches with pauses, while services run; can be killed and run again."""

    help = (
        "Deletes expired tokens and sessions, rows that were soft-deleted long ago, and old "
        "logs, in small batches while services run. The PURGE_… settings say when."
    )

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
            help="Delete only what is due in this table; may be repeated.",
        )
        add_pace(
            parser,
            "The most rows that one transaction deletes, or in which it sets a reference to NULL; "
            "cascades included",
        )
        add_json(parser)
        add_database(parser, "The database to purge")

    def handle(self, *args: Any, **options: Any) -> None:
        """Purge, or count. Raises `CommandError` in one line."""
        self.started = time.monotonic()
        connection = connections[options["database"]]
        self.session = self.announce(connection)
        days, only = settings.PURGE_AFTER_DAYS, options["only"]
        if options["dry_run"]:
            self._summarize(foresee(connection, days, only), options)
            return
        check_direct(connection)
        self.session.check_writable()
        pace = pace_of(options)
        outcome = Purged()
        progress = StatusLine(self.stderr, shown=options["verbosity"] >= 1)
        try:
            with interrupt_first(), progress as self.progress:
                purge(connection, days, only, pace, outcome, self._show)
        except KeyboardInterrupt:
            self.stderr.write(
                f"Ended: {counted(outcome.deleted, 'row was', 'rows were')} deleted. "
                "The next purge continues from there."
            )
            raise
        self._summarize(outcome, options)
        if not only:
            seconds = time.monotonic() - self.started
            left = sum(rows for rows, _ in outcome.left.values())
            self.record(connection, PURGE, seconds, deleted=outcome.deleted, left=left)

    def _show(self, due: Due, outcome: Purged) -> None:
        rate = outcome.deleted / (time.monotonic() - self.started)
        deleted = counted(outcome.deleted, "row")
        self.progress.show(f"{due.table}.{due.column}: {deleted} deleted, {rate:,.0f} a second")

    def _summarize(self, outcome: Purged, options: dict[str, Any]) -> None:
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
                left = counted(rows, "row is", "rows are")
                self.stderr.write(visible(f"{name}: {left} left for the next purge: {why}"))

    def _print(self, outcome: Purged, *, dry_run: bool, seconds: float) -> None:
        rows = ("row would be", "rows would be") if dry_run else ("row was", "rows were")
        for name, count in sorted(outcome.counts.items()):
            notes = []
            if count.by_cascade:
                notes.append(f"{count.by_cascade:,} of them by cascade")
            if count.updated:
                notes.append(f"{count.updated:,} lost a reference")
            if count.recounted:
                notes.append(counted(count.recounted, "has lower counters", "have lower counters"))
            note = f" ({', '.join(notes)})" if notes else ""
            self.stdout.write(f"  {name}: {count.deleted:,}{note}")
        self.stdout.write(f"{counted(outcome.deleted, *rows)} deleted, {seconds:.2f} s")
