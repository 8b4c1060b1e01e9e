"""A backup's file, read with pg_restore before anything is changed: is it whole, is it ours?"""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.core.management.base import CommandError

from veza_core.backup.origin import read_origin
from veza_core.backup.programs import explain, running
from veza_core.backup.tools import Tools
from veza_core.db.libpq import program_environment
from veza_core.deploy.dependents import OWN_SCHEMAS

MAGIC = b"PGDMP"
# In the header, after the magic word, three numbers of the version, and two sizes.
FORMAT_AT, CUSTOM = 10, 1

ENTRY = re.compile(r"\d+; \d+ \d+ (?P<kind>[A-Z]+(?: [A-Z]+)*) (?P<schema>\S+) (?P<rest>.*)")
MADE_FROM = re.compile(r";\s+Dumped from database version: (\d+)(\S*)")


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the archive's list: what `pg_restore --list` prints, and its parts."""

    line: str
    kind: str
    schema: str
    #: The object's name and its owner.
    rest: str

    @property
    def is_ours(self) -> bool:
        """Whether it is to be restored.

        Schema public itself is not: it stays as it is in the target, with its owner, grants and
        default privileges. Nor is anything of other schemas, if the file has such.
        """
        if self.schema == "-":
            named = self.rest if self.kind == "SCHEMA" else self.rest.removeprefix("SCHEMA ")
            return named.split(" ")[0] == "django" and (
                self.kind == "SCHEMA" or self.rest.startswith("SCHEMA ")
            )
        if self.kind == "DEFAULT ACL":
            return self.schema == "django"
        return self.schema in OWN_SCHEMAS

    @property
    def is_grant(self) -> bool:
        """Whether it grants something."""
        return self.kind in ("ACL", "DEFAULT ACL")

    @property
    def owner(self) -> str | None:
        """The role that owns the object; None where none is told."""
        # A name with a space in it comes out wrong: PostgreSQL itself then says what it misses.
        return self.rest.rsplit(" ", 1)[-1] or None


@dataclass(frozen=True, slots=True)
class Archive:
    """A custom-format archive that pg_restore can read, of these tools."""

    path: Path
    tools: Tools
    #: The version of the PostgreSQL that it was made from.
    server_major: int
    server_version: str
    entries: list[Entry]

    def names(self, kind: str, schema: str) -> set[str]:
        """The names of all that the archive has of a kind in a schema."""
        return {
            entry.rest.rsplit(" ", 1)[0]
            for entry in self.entries
            if (entry.kind, entry.schema) == (kind, schema)
        }

    def check_whole(self) -> None:
        """Read all of it. Raises `CommandError` where it is cut short or damaged."""
        # Nothing but reading shows it: the list is at the head of the file.
        command = [self.tools.path("pg_restore"), "--file=/dev/null", str(self.path)]
        done = _run(command)
        if done.returncode != 0:
            told = explain(command, done.returncode, done.stderr)
            raise CommandError(f"{self.path} is cut short or damaged: {told}")
        self.origin()

    def origin(self) -> str | None:
        """One line on where it was taken, if it says so. Raises `CommandError` if it is damaged."""
        try:
            return read_origin(self.path)
        except (OSError, ValueError) as error:
            raise CommandError(f"{self.path} is cut short or damaged: {error}") from error

    @contextmanager
    def script(self, entries: list[Entry], *options: str) -> Iterator[IO[bytes]]:
        """Give the SQL of the entries as pg_restore writes it.

        Raises `CommandError` at the end when pg_restore failed.
        """
        with (
            tempfile.NamedTemporaryFile("w", suffix=".list") as chosen,
            tempfile.TemporaryFile() as told,
        ):
            chosen.writelines(f"{entry.line}\n" for entry in entries)
            chosen.flush()
            command = [
                self.tools.path("pg_restore"),
                "--file=-",
                f"--use-list={chosen.name}",
                *options,
                str(self.path),
            ]
            with running(
                command, env=program_environment(), stdout=subprocess.PIPE, stderr=told
            ) as process:
                assert process.stdout is not None  # noqa: S101 - it is a pipe
                yield process.stdout
                if process.wait() != 0:
                    told.seek(0)
                    raise CommandError(
                        explain(command, process.returncode, told.read().decode(errors="replace"))
                    )


def open_archive(path: Path, fitting: list[Tools]) -> Archive:
    """Read the archive's list, with the first of the tools that knows its format.

    Raises `CommandError` for a file that is not there or not a custom-format archive, and for one
    that needs newer tools.
    """
    _check_format(path)
    for tools in fitting:
        command = [tools.path("pg_restore"), "--list", str(path)]
        done = _run(command)
        if done.returncode == 0:
            return _parse(path, tools, done.stdout)
    told = explain(command, done.returncode, done.stderr)
    if "unsupported version" in told:
        raise CommandError(f"{path} was made by a newer pg_dump than the tools here: {told}")
    raise CommandError(f"{path} is cut short or damaged: {told}")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        command, env=program_environment(), capture_output=True, text=True, check=False
    )


def _check_format(path: Path) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(FORMAT_AT + 1)
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error
    if not head:
        raise CommandError(f"{path} is empty")
    if not head.startswith(MAGIC):
        raise CommandError(f"{path} is not an archive of backup_db (pg_dump --format=custom)")
    if len(head) > FORMAT_AT and head[FORMAT_AT] != CUSTOM:
        raise CommandError(f"{path} is an archive of pg_dump, but not of its custom format")


def _parse(path: Path, tools: Tools, listing: str) -> Archive:
    made_from = MADE_FROM.search(listing)
    if made_from is None:
        raise CommandError(f"{path} does not say which PostgreSQL it was made from")
    entries = [
        Entry(found[0], found["kind"], found["schema"], found["rest"])
        for line in listing.splitlines()
        if (found := ENTRY.fullmatch(line))
    ]
    version = made_from[1] + made_from[2]
    return Archive(path, tools, int(made_from[1]), version, entries)
