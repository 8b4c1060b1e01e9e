"""`seed_demo`: demo data for all tables, on a development machine."""

import time
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.session import UNCHANGED
from veza_core.errors import one_line
from veza_core.management.arguments import add_database
from veza_core.management.base import DatabaseCommand
from veza_core.operations.progress import StatusLine
from veza_demo.counts import LEAST, SCALES, CountError, Counts, choose_counts

GOES_ON = "the loaded rows are kept: run the same command again to continue"


def _day(text: str) -> datetime:
    """Return the time of the option, in UTC unless it has an offset."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not a date or time like 2026-01-31") from error
    if not 1990 <= moment.year <= 2200:
        raise ArgumentTypeError(f"{text!r} is not between 1990 and 2200")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class FillProgress:
    """The progress of a run: a line for each table, and on a terminal one that is overwritten.

    It gets every chunk; `verbosity` 0 prints nothing.
    """

    def __init__(self, rows: int, output: Any, errors: Any, verbosity: int) -> None:
        self.total, self.output = rows, output
        self.shown = bool(verbosity)
        self.line = StatusLine(errors, shown=self.shown)
        self.table = ""
        self.rows = self.done = 0
        self.began = self.started = self.last = time.monotonic()

    def advance(self, table: str, rows: int) -> None:
        """Report that this many more rows of the table are loaded."""
        if table != self.table:
            self.finish_table()
            # The table's first chunk began when the last chunk of the previous table ended.
            self.table, self.rows, self.began = table, 0, self.last
        self.last = time.monotonic()
        self.rows += rows
        self.done += rows
        rate = self.done / max(time.monotonic() - self.started, 0.001)
        self.line.show(f"{table}: {self.done:,} of {self.total:,} rows, {rate:,.0f} a second")

    def finish_table(self) -> None:
        """Print the line of the last table."""
        self.line.clear()
        if self.table and self.shown:
            rate = self.rows / max(self.last - self.began, 0.001)
            self.output.write(f"  {self.table}: {self.rows:,} rows, {rate:,.0f} a second")
        self.table = ""


class Command(DatabaseCommand):
    """Fills all tables with rows that are consistent with each other: see `veza_demo`."""

    help = (
        "Inserts demo data: the same rows for the same options. For development only. "
        "Start an interrupted run again with the same options to continue it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--scale",
            choices=tuple(SCALES),
            default="small",
            help="The number of rows: 500, 20,000 or 1,000,000 users, and the others in "
            "proportion (default: %(default)s).",
        )
        for name in LEAST:
            parser.add_argument(
                f"--{name}", type=int, metavar="N", help=f"The number of {name}, at any scale."
            )
        parser.add_argument(
            "--seed",
            type=int,
            default=1,
            help="A different seed makes different rows (default: %(default)s).",
        )
        parser.add_argument(
            "--now",
            type=_day,
            metavar="DATE",
            help="The day, or time, at which the data ends (default: today, 0:00 UTC).",
        )
        parser.add_argument(
            "--append", action="store_true", help="Add another set to the existing rows."
        )
        add_database(parser, "The database to fill")

    def handle(self, *args: Any, **options: Any) -> None:
        """Fill the database. Raises `CommandError` in one line."""
        if not settings.DEBUG:
            raise CommandError("seed_demo is for development, and DEBUG is off: nothing changed")
        try:
            counts = choose_counts(options["scale"], **{name: options[name] for name in LEAST})
        except CountError as error:
            raise CommandError(str(error)) from error
        connection = connections[options["database"]]
        self.announce(connection).check_writable()
        running = "a migrate, reset_db or seed_demo is running"
        with self.migration_lock(connection, settings.MIGRATE_LOCK_TIMEOUT, running, UNCHANGED):
            self._fill(connection, counts, options)

    def _fill(
        self, connection: BaseDatabaseWrapper, counts: Counts, options: dict[str, Any]
    ) -> None:
        # Imported here, because numpy takes a tenth of a second.
        from veza_demo.load import load
        from veza_demo.service import make_plan
        from veza_demo.tables.accounts import PASSWORD

        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        now, seed = options["now"] or today, options["seed"]
        plan = make_plan(connection, seed, now, counts, append=options["append"])
        if options["verbosity"]:
            if found := plan.rows - plan.rows_missing:
                self.stdout.write(f"Found {found:,} of {plan.rows:,} rows of this set: continuing.")
            self.stdout.write(
                f"Demo data of seed {seed}, up to {now.isoformat()}: {counts.users:,} users, "
                f"{counts.tracks:,} tracks, {counts.plays:,} plays"
            )
        started = time.monotonic()
        progress = FillProgress(plan.rows_missing, self.stdout, self.stderr, options["verbosity"])
        with self._clear_errors():
            try:
                load(connection, plan.world, plan.missing, progress.advance)
            finally:
                progress.finish_table()
        if options["verbosity"]:
            seconds = time.monotonic() - started
            rate = plan.rows_missing / max(seconds, 0.001)
            self.stdout.write(
                f"{plan.rows_missing:,} rows in {seconds:.1f} s ({rate:,.0f} a second)\n"
                f"Sign in as {', '.join(plan.world.known_addresses)}; "
                f"the password of all: {PASSWORD}"
            )

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        """Print PostgreSQL's errors in one line, and how to continue an interrupted run."""
        try:
            yield
        except psycopg.errors.UniqueViolation as error:
            raise CommandError(
                f"a row of this set conflicts with an existing one: {error.diag.message_detail} "
                f"({GOES_ON}, after you delete that row)"
            ) from error
        except psycopg.Error as error:
            raise CommandError(f"{one_line(error)} ({GOES_ON})") from error
        except (KeyboardInterrupt, SystemExit):
            self.stderr.write(f"Interrupted: {GOES_ON}")
            raise
