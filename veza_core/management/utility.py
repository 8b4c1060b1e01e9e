"""Django's command line, whose errors are one line each, whatever names they repeat."""

import sys
from typing import Any

from django.core.management import ManagementUtility
from django.core.management.base import BaseCommand, CommandError, OutputWrapper

from veza_core.visible import visible


class Utility(ManagementUtility):
    """Django's own, where every command tells its errors in this way."""

    def fetch_command(self, subcommand: str) -> BaseCommand:
        """Django's; an error of the command cannot leave its line."""
        command = super().fetch_command(subcommand)
        errors = _Errors(sys.stderr)
        errors.style_func = command.stderr.style_func
        command.stderr = errors
        return command


class _Errors(OutputWrapper):
    """Standard error of a command."""

    #: As `BaseCommand.run_from_argv` begins to tell an error. What else is written may have lines.
    BEGINNING = f"{CommandError.__name__}: "

    def write(  # type: ignore[override]  # Django's own signature
        self, msg: str = "", style_func: Any = None, ending: str | None = None
    ) -> None:
        told = visible(msg) if msg.startswith(self.BEGINNING) else msg
        super().write(told, style_func, ending)
