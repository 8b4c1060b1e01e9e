"""`manage.py schema_diff`: what a release changes for the services."""

import sys
import traceback
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, connections

from veza_core.management.arguments import some_text

FINDINGS, COULD_NOT_RUN = 1, 2


class Command(BaseCommand):
    """Parses, compares, prints. Exit 0: nothing breaks. 1: something does. 2: could not run."""

    help = (
        "Shows what changed from one schema to another, what of it breaks services that read or "
        "write, and which version it needs. Exit status: 0 nothing breaks, 1 something does, "
        "2 could not run."
    )
    # It looks at no model.
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        """Run the command; what went wrong outside of `handle` is no finding either."""
        from veza_core.errors import clear_line

        try:
            super().run_from_argv(argv)
        except Exception as error:
            line = clear_line(error)
            if line is None or "--traceback" in argv:
                traceback.print_exc(file=sys.stderr)
            else:
                self.stderr.write(f"manage.py: {line}")
            sys.exit(COULD_NOT_RUN)

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = (
            "a database (postgresql://…), a folder or file of schema/ (catalog.json or .sql), "
            "or a commit of this repository"
        )
        parser.add_argument("old", type=some_text, metavar="OLD", help=what)
        parser.add_argument(
            "new",
            type=some_text,
            metavar="NEW",
            nargs="?",
            default=str(settings.BASE_DIR / "schema"),
            help="the same; default: schema/ as it is here",
        )
        parser.add_argument("--format", choices=("text", "markdown", "json"), default="text")
        parser.add_argument(
            "--fail-on",
            choices=("breaking", "version", "none"),
            default="breaking",
            help="what makes exit status 1: a change that breaks something, or a version of NEW "
            "that is too low for what changed; default: breaking",
        )
        parser.add_argument(
            "--database",
            default=DEFAULT_DB_ALIAS,
            choices=tuple(connections),
            help="on whose server .sql files are loaded into a throw-away database",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # Imported late: --help, and every other command, do without.
        from veza_core.schema.diff import DiffError
        from veza_core.schema.diff.report import Report
        from veza_core.schema.diff.sources import read_schema

        try:
            old, new = (
                read_schema(options[name], options["database"], name.upper())
                for name in ("old", "new")
            )
        except DiffError as error:
            raise CommandError(str(error), returncode=COULD_NOT_RUN) from error
        report = Report(old, new)
        self._print(report.render(options["format"]))
        failed = {"breaking": report.breaking, "version": report.too_low, "none": False}
        if failed[options["fail_on"]]:
            sys.exit(FINDINGS)

    def _print(self, text: str) -> None:
        """Print; what the terminal cannot show is escaped, and is no error."""
        encoding = getattr(self.stdout, "encoding", None) or "utf-8"
        self.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding), ending="")
