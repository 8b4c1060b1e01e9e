"""Which pg_dump and pg_restore to use: the server's own version, or the nearest newer one.

An older pg_dump refuses a newer server. A newer one works, but writes statements that an older
server does not know, such as `SET transaction_timeout` (`veza_core.operations.backup.script`
removes it).
"""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.core.management.base import CommandError

from veza_core.db import embedded
from veza_core.db.libpq import program_environment

# The directories of Debian's and Red Hat's packages, by version.
PACKAGED = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin")
NAMES = ("pg_dump", "pg_restore")


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
    """Those of the server's version or newer, the nearest first; the first found of equal ones."""
    fitting = [tools for tools in found if tools.major >= server_major]
    return sorted(fitting, key=lambda tools: tools.major)


def _places() -> Iterator[Path]:
    for place in os.environ.get("PATH", "").split(os.pathsep):
        if place:
            yield Path(place)
    for pattern in PACKAGED:
        yield from sorted(Path("/").glob(pattern))
    # A production does not have it.
    with suppress(ModuleNotFoundError):
        yield embedded.program("pg_dump").parent


def _tools_in(directory: Path) -> Tools | None:
    programs = [directory / name for name in NAMES]
    if not all(os.access(program, os.X_OK) for program in programs):
        return None
    # Debian's wrapper runs the version of the machine's own cluster, whatever the server's version
    # is.
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
