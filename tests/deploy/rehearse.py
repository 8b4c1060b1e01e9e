"""Runs `migrate` of a rehearsed release: `python -m … VERSION`; with `TEXT NUMBER` it is killed."""

import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from typing import Any

import django
from django.core.management import call_command
from django.db import connection
from psycopg.pq import TransactionStatus


def killed_within(text: str, number: int) -> Callable[..., Any]:
    """For `connection.execute_wrapper`: SIGKILL for this process within a transaction.

    This happens right after the `number`th run of a statement with this text.
    """
    numbers = count(1)

    def execute(execute: Callable[..., Any], sql: Any, *arguments: Any) -> Any:
        result = execute(sql, *arguments)
        if text in str(sql) and next(numbers) == number:
            status = connection.connection.info.transaction_status
            if status != TransactionStatus.INTRANS:
                sys.exit(f"in no transaction: {sql}")
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return execute


def rehearse(version: str, text: str = "", number: int = 0) -> None:
    """Migrate the database of DATABASE_URL to this version, as the command does."""
    from tests.deploy.later import on_disk
    from tests.deploy.releases import until

    with on_disk(until(version)), connection.execute_wrapper(killed_within(text, number)):
        call_command("migrate", "--no-audit")


if __name__ == "__main__":
    django.setup()
    rehearse(*sys.argv[1:3], *map(int, sys.argv[3:]))
