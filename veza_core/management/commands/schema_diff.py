"""`manage.py schema_diff`: what a release changes for the services."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from veza_core.management.arguments import add_database, some_text
from veza_core.management.exit_status import COULD_NOT_RUN, FINDINGS, FindingsCommand
from veza_core.schema.diff import DiffError
from veza_core.schema.diff.report import DiffReport
from veza_core.schema.diff.sources import read_schema


class Command(FindingsCommand):
    """Parses, compares, prints. Exit 0: nothing breaks. 1: something breaks. 2: could not run."""

    help = (
        "Shows what changed between two schemas, which changes break services that read or "
        "write, and which version the new one needs. Exit status: 0 nothing breaks, 1 something "
        "does, 2 could not run."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = (
            "A database (postgresql://…), a directory or file of schema/ (catalog.json or .sql), "
            "or a commit of this repository."
        )
        parser.add_argument("old", type=some_text, metavar="OLD", help=what)
        parser.add_argument(
            "new",
            type=some_text,
            metavar="NEW",
            nargs="?",
            default=str(settings.BASE_DIR / "schema"),
            help="The same (default: this project's schema/).",
        )
        parser.add_argument("--format", choices=("text", "markdown", "json"), default="text")
        parser.add_argument(
            "--fail-on",
            choices=("breaking", "version", "none"),
            default="breaking",
            help="What causes exit status 1: a breaking change, or a version of NEW that is too "
            "low for its changes (default: breaking).",
        )
        add_database(parser, "The database on whose server a throw-away database loads .sql files")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            old, new = (
                read_schema(options[name], options["database"], name.upper())
                for name in ("old", "new")
            )
        except DiffError as error:
            raise CommandError(str(error), returncode=COULD_NOT_RUN) from error
        report = DiffReport(old, new)
        self.stdout.write(report.render(options["format"]), ending="")
        failed = {"breaking": report.breaking, "version": report.too_low, "none": False}
        if failed[options["fail_on"]]:
            sys.exit(FINDINGS)
