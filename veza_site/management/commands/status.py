"""`status`: reports the state of the database, read-only, in one second."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError, connections

from veza_core.errors import clear_line, one_line
from veza_core.management.arguments import add_database, add_json
from veza_core.visible import visible
from veza_site.status.questions import QUESTIONS
from veza_site.status.report import read_report
from veza_site.status.text import lines

ATTENTION, CANNOT_TELL = 1, 2


class Command(BaseCommand):
    """Reads and prints the report. Exit 0: fine. 1: something needs attention. 2: unknown."""

    help = (
        "Shows the state of the database: schema, jobs, queue, vacuum, replicas. Read-only, in "
        "about a second at any size. Exit status: 0 fine, 1 something needs attention, 2 unknown."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_json(parser)
        parser.add_argument(
            "--ignore",
            action="append",
            default=[],
            choices=tuple(QUESTIONS),
            metavar="QUESTION",
            help=f"Skip this part; may be repeated: {', '.join(QUESTIONS)}.",
        )
        add_database(parser, "The database to look at")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the report. Raises `CommandError` with the exit status."""
        try:
            report = read_report(connections[options["database"]], options["ignore"])
        except (DatabaseError, InterfaceError) as error:
            line = clear_line(error) or one_line(error)
            raise CommandError(line, returncode=CANNOT_TELL) from error
        if options["as_json"]:
            self.stdout.write(json.dumps(report.as_dict()))
        else:
            self.stdout.write("\n".join(lines(report)))
        for concern in report.concerns if not options["as_json"] else ():
            self.stderr.write(visible(f"Attention: {concern.message}"), self.style.WARNING)
        if report.concerns:
            raise SystemExit(ATTENTION)
        if report.unanswered:
            raise SystemExit(CANNOT_TELL)
