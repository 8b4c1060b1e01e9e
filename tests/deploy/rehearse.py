"""`migrate` of a release that nobody gets, killed on its way: `python -m … VERSION STATEMENTS`."""

import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from typing import Any

import django
from django.core.management import call_command
from django.db import connection


def killed_after(statements: int) -> Callable[..., Any]:
    """For `connection.execute_wrapper`: SIGKILL for this process, in whatever transaction it is."""
    numbers = count(1)

    def execute(execute: Callable[..., Any], *arguments: Any) -> Any:
        result = execute(*arguments)
        if next(numbers) == statements:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return execute


def rehearse(version: str, statements: int) -> None:
    """Migrate the database of DATABASE_URL to this version, as the command does."""
    from tests.deploy.later import on_disk
    from tests.deploy.releases import until

    with on_disk(until(version)), connection.execute_wrapper(killed_after(statements)):
        call_command("migrate", "--no-audit")


if __name__ == "__main__":
    django.setup()
    rehearse(sys.argv[1], int(sys.argv[2]))
