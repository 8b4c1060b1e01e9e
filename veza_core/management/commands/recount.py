"""`recount`: finds counters that differ from the number of rows, and repairs them."""

import argparse
import json
import time
import uuid
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser
from django.db import connections

from veza_core.counted import counted
from veza_core.db.session import UNCHANGED
from veza_core.management.arguments import add_database, add_json, add_pace, pace_of, some_text
from veza_core.management.base import DatabaseCommand
from veza_core.operations.deploy.pooler import check_direct
from veza_core.operations.ending import interrupt_first
from veza_core.operations.jobs import RECOUNT
from veza_core.operations.progress import StatusLine
from veza_core.operations.recount import Recount, Recounted, chosen


def a_place(text: str) -> tuple[str, uuid.UUID]:
    """A table and an id, as an interrupted run prints them."""
    table, _, id_ = text.partition(":")
    try:
        return table, uuid.UUID(id_)
    except ValueError as error:
        raise argparse.ArgumentTypeError("a table and an id are needed, TABLE:ID") from error


class Command(DatabaseCommand):
    """Reads in batches and updates only wrong counters; can be killed and run again."""

    help = (
        "Compares counter columns with the rows that they count, reports the differences, and "
        "repairs them, in small batches while services run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="Report what is wrong, and change nothing."
        )
        parser.add_argument(
            "--only",
            type=some_text,
            action="append",
            default=[],
            metavar="TABLE[.COLUMN]",
            help="Check only this counter, or those of this table; may be repeated.",
        )
        parser.add_argument(
            "--after",
            type=a_place,
            metavar="TABLE:ID",
            help="Continue after this row, where an earlier run ended.",
        )
        add_pace(parser, "The number of rows whose counters one statement checks")
        add_json(parser)
        add_database(parser, "The database to count in")

    def handle(self, *args: Any, **options: Any) -> None:
        """Recount. Raises `CommandError` in one line."""
        started = time.monotonic()
        counters = chosen(options["only"])
        connection = connections[options["database"]]
        check_direct(connection)
        self.session = self.announce(connection)
        if not options["dry_run"]:
            self.session.check_writable()
        progress = StatusLine(self.stderr, shown=options["verbosity"] >= 1)
        outcome = Recounted()
        recount = Recount(
            connection,
            pace_of(options),
            outcome,
            lambda: progress.show(
                f"{outcome.table}: {counted(outcome.rows, 'row')} checked, "
                f"{outcome.total('rows'):,} wrong"
            ),
            dry_run=options["dry_run"],
        )
        try:
            with interrupt_first(), progress:
                recount.run(counters, options["after"])
        except KeyboardInterrupt:
            done = UNCHANGED if options["dry_run"] else "Ended: repaired counters stay repaired."
            place = f"--after {outcome.table}:{outcome.last} continues."
            self.stderr.write(f"{done} {place}" if outcome.table else UNCHANGED)
            raise
        self._summarize(outcome, options, time.monotonic() - started)
        if not (options["dry_run"] or options["only"] or options["after"]):
            details = {name: outcome.total(name) for name in ("rows", "left")}
            seconds = time.monotonic() - started
            self.record(connection, RECOUNT, seconds, **details)

    def _summarize(self, outcome: Recounted, options: dict[str, Any], seconds: float) -> None:
        if options["as_json"]:
            figures = {
                "dry_run": options["dry_run"],
                "connection": self.session.as_dict(),
                "rows": outcome.rows,
                "counters": {name: asdict(off) for name, off in outcome.counters.items()},
                "seconds": round(seconds, 3),
            }
            self.stdout.write(json.dumps(figures))
        elif options["verbosity"]:
            self._print(outcome, options, seconds)
        if options["verbosity"] and (left := outcome.total("left")):
            self.stderr.write(
                f"{counted(left, 'counter is', 'counters are')} left for the next recount: "
                "locked by other sessions"
            )

    def _print(self, outcome: Recounted, options: dict[str, Any], seconds: float) -> None:
        for name, off in outcome.counters.items():
            if off.rows:
                self.stdout.write(
                    f"  {name}: {counted(off.rows, 'row')}, {off.too_low:,} too few and "
                    f"{off.too_high:,} too many"
                )
        wrong, left = outcome.total("rows"), outcome.total("left")
        found = f"wrong counters: {wrong:,}"
        if not options["dry_run"]:
            found = f"repaired counters: {wrong - left:,}"
        self.stdout.write(f"rows checked: {outcome.rows:,}, {found}, {seconds:.2f} s")
