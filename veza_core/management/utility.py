"""Django's command line with errors of one line each, whatever names they contain."""

import sys
from collections.abc import Callable
from typing import Any

from django.core.management import ManagementUtility
from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper

from veza_core.visible import visible


class Utility(ManagementUtility):
    """Django's own, in which every command prints its errors in this way."""

    def fetch_command(self, subcommand: str) -> BaseCommand:
        """Django's. An error of the command, or of its arguments, stays on one line."""
        command = super().fetch_command(subcommand)
        errors = _Errors(sys.stderr)
        errors.style_func = command.stderr.style_func
        command.stderr = errors
        command.create_parser = _with_visible_errors(  # type: ignore[method-assign]
            command.create_parser
        )
        return command


def _with_visible_errors(create: Callable[..., CommandParser]) -> Callable[..., CommandParser]:
    """Wrap `create_parser`: the parser's messages show control characters in options escaped.

    argparse escapes values, but not unknown and ambiguous options.
    """

    def create_parser(*args: Any, **options: Any) -> CommandParser:
        parser = create(*args, **options)
        error = parser.error
        parser.error = lambda message: error(visible(message))  # type: ignore[method-assign]
        return parser

    return create_parser


class _Errors(OutputWrapper):
    """Standard error of a command."""

    #: `BaseCommand.run_from_argv` begins an error like this. Other output may have several lines.
    BEGINNING = f"{CommandError.__name__}: "

    def write(  # type: ignore[override]  # Django's own signature
        self, msg: str = "", style_func: Any = None, ending: str | None = None
    ) -> None:
        shown = visible(msg) if msg.startswith(self.BEGINNING) else msg
        super().write(shown, style_func, ending)
