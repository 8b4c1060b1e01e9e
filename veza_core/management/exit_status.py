"""The exit status of commands for which 1 is a result: 2 if they could not run."""

import sys
import traceback

from django.core.management.base import BaseCommand

from veza_core.errors import clear_line

#: 1: the command found something. 2: it could not run, for any reason.
FINDINGS, COULD_NOT_RUN = 1, 2


class FindingsCommand(BaseCommand):
    """A command that exits with 2 for any error, also outside of `handle`."""

    # It uses no model.
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        """Run the command; an error is not a finding."""
        try:
            super().run_from_argv(argv)
        except Exception as error:
            line = clear_line(error)
            if line is None or "--traceback" in argv:
                traceback.print_exc(file=sys.stderr)
            else:
                self.stderr.write(f"manage.py: {line}")
            sys.exit(COULD_NOT_RUN)
