"""Which pg_dump and pg_restore run, how they connect and end, and what they say if they fail.

An older pg_dump refuses a newer server. A newer one works, but writes statements that an older
server does not know, such as `SET transaction_timeout` (`veza_core.operations.backup.script`
removes it).
"""

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db import embedded
from veza_core.db.libpq import parameters_of_another, program_arguments, program_environment

# The directories of Debian's and Red Hat's packages, by version.
PACKAGED = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin")
NAMES = ("pg_dump", "pg_restore")


def reaching(connection: BaseDatabaseWrapper) -> tuple[list[str], dict[str, str]]:
    """The arguments and the environment with which a program connects to this session's server.

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


def why_it_failed(command: list[str], returncode: int, messages: str) -> str:
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


@dataclass(frozen=True, slots=True)
class Tools:
    """A directory with pg_dump and pg_restore, both of this major version."""

    major: int
    directory: Path

    def path(self, name: str) -> str:
        return str(self.directory / name)


def find_tools(server_major: int, directory: str | None = None) -> list[Tools]:
    """All tools that fit a server of this major version, the best first.

    If `directory` is given, only this directory is searched. Raises `CommandError`, which says what
    to install, if there are none.
    """
    places = [Path(directory)] if directory else _places()
    found = [tools for place in places if (tools := _tools_in(place))]
    if fitting := nearest(found, server_major):
        return fitting
    seen = ", ".join(f"{tools.major} in {tools.directory}" for tools in found) or "none"
    raise CommandError(
        f"the server is PostgreSQL {server_major}, and no pg_dump and pg_restore of that version "
        f"or newer is here (found: {seen}): install the client package "
        f"(Debian: postgresql-client-{server_major}; Red Hat: postgresql{server_major})"
    )


def nearest(found: Iterable[Tools], server_major: int) -> list[Tools]:
    """The tools of the server's version or newer, the nearest version first."""
    fitting = [tools for tools in found if tools.major >= server_major]
    return sorted(fitting, key=lambda tools: tools.major)


def _places() -> Iterator[Path]:
    for place in os.environ.get("PATH", "").split(os.pathsep):
        if place:
            yield Path(place)
    for pattern in PACKAGED:
        yield from sorted(Path("/").glob(pattern))
    # Production does not have the embedded server.
    with suppress(ModuleNotFoundError):
        yield embedded.program("pg_dump").parent


def _tools_in(directory: Path) -> Tools | None:
    programs = [directory / name for name in NAMES]
    if not all(os.access(program, os.X_OK) for program in programs):
        return None
    # Debian's wrapper runs the version of this machine's own cluster, not of our server.
    if programs[0].resolve().name == "pg_wrapper":
        return None
    majors = {_major(program) for program in programs}
    major = majors.pop()
    return Tools(major, directory) if major and not majors else None


def _major(program: Path) -> int | None:
    """The major version that the program prints; None if it does not run."""
    try:
        output = subprocess.run(  # noqa: S603
            [program, "--version"],
            env=program_environment(),
            capture_output=True,
            text=True,
            check=False,
        ).stdout
    except OSError:
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", output)
    return int(version[1]) if version else None
