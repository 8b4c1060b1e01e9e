"""`count_weekly_plays`: counts the most played tracks of the last 7 days."""

import time
from typing import Any

from django.core.management.base import CommandParser
from django.db import connections

from veza_core.counted import counted
from veza_core.management.arguments import a_number_of, add_database
from veza_core.management.base import DatabaseCommand
from veza_core.operations.deploy.pooler import check_direct
from veza_streaming.weekly_plays import WEEKLY_PLAYS, WeeklyCount, count_weekly_plays


class Command(DatabaseCommand):
    """Counts once, and updates a few rows at a time while services run.

    It can be killed and run again.
    """

    help = (
        "Counts the plays of the last 7 days, and writes those of the most played tracks to "
        "tracks.weekly_play_count. For cron, for example every five minutes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--tracks",
            type=a_number_of("tracks", 100_000),
            default=1000,
            metavar="N",
            help="The number of tracks with a count; all others have 0 (default: 1000).",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Print how many counts would change, and change nothing.",
        )
        add_database(parser, "The database to count in")

    def handle(self, *args: Any, **options: Any) -> None:
        """Count. Raises `CommandError` in one line."""
        started = time.monotonic()
        connection = connections[options["database"]]
        check_direct(connection)
        session = self.announce(connection)
        if not options["dry_run"]:
            session.check_writable()
        outcome = WeeklyCount()
        count_weekly_plays(connection, options["tracks"], outcome, dry_run=options["dry_run"])
        seconds = time.monotonic() - started
        if not options["dry_run"]:
            # Remaining rows are locked, and left to the next count: the job has still succeeded.
            details = {"updated": outcome.updated, "left": outcome.left}
            self.record(connection, WEEKLY_PLAYS, seconds, **details)
        if not options["verbosity"]:
            return
        if options["dry_run"]:
            self.stdout.write(f"{counted(outcome.due, 'count')} would change, {seconds:.2f} s")
            return
        self.stdout.write(f"{counted(outcome.updated, 'count')} changed, {seconds:.2f} s")
        if outcome.left:
            left = counted(outcome.left, "track is", "tracks are")
            self.stderr.write(
                f"{left} left for the next count: locked by other sessions, or deleted just now"
            )
