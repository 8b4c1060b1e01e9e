"""The exit status of commands whose 1 is an answer: 2 where they could not tell."""

import sys
import traceback

from django.core.management.base import BaseCommand

#: 1: the command found something. 2: it could not run, whatever the cause.
FINDINGS, COULD_NOT_RUN = 1, 2


class FindingsCommand(BaseCommand):
    """A command that exits with 2 when anything goes wrong, outside of `handle` too."""

    # It looks at no model.
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        """Run the command; an error is no finding."""
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
