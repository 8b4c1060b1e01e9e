"""Runs pg_dump: how it connects, how it ends, and what it says if it fails."""

import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.libpq import parameters_of_another, program_arguments, program_environment


def reaching(connection: BaseDatabaseWrapper) -> tuple[list[str], dict[str, str]]:
    """The arguments and the environment with which a program reaches this session's server.

    Raises `CommandError` for a secret that cannot be passed.
    """
    connection.ensure_connection()
    try:
        arguments, variables = program_arguments(parameters_of_another(connection))
    except ValueError as error:
        raise CommandError(str(error)) from error
    return arguments, {**program_environment(), **variables}


@contextmanager
def running(command: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program, and make sure that it has ended when the block ends."""
    with subprocess.Popen(command, **options) as process:  # noqa: S603
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()


def explain(command: list[str], returncode: int, messages: str) -> str:
    """One line about why a program failed, from its standard error."""
    name = command[0].rsplit("/", 1)[-1]
    if returncode < 0:
        return f"{name} was ended by {signal.Signals(-returncode).name}"
    lines = re.findall(r"^\S+: (?:error|detail|hint|fatal): (.*(?:\n(?!\S+: ).*)*)", messages, re.M)
    # The failed statement may be pages long, and does not help operators.
    lines = [line for line in lines if not line.startswith(("Query was: ", "Command was: "))]
    text = " ".join(" ".join(lines).split()) or " ".join(messages.split())
    if "invalid connection option" in text:
        text += (
            ", which DATABASE_URL or a PG* variable sets: use newer client programs, or unset it"
        )
    return f"{name}: {text or f'exit status {returncode} of {shlex.join(command)}'}"


def server_major(connection: BaseDatabaseWrapper) -> int:
    """The server's major version, such as 15."""
    connection.ensure_connection()
    return int(connection.connection.info.server_version) // 10000
