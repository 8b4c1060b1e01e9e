"""A backup's file, read before anything is changed: is it whole, is it ours?"""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.core.management.base import CommandError

from veza_core.db.libpq import program_environment
from veza_core.db.schema_version import Version, version_in
from veza_core.operations.backup.origin import read_origin
from veza_core.operations.backup.programs import explain, running
from veza_core.operations.backup.toc import (
    CUSTOM,
    MAGIC,
    Contents,
    DamagedError,
    Entry,
    TooNewError,
    read_contents,
)
from veza_core.operations.backup.tools import Tools
from veza_core.operations.contents import OWN_SCHEMAS

# In the header, after the magic word, three numbers of the version, and two sizes.
FORMAT_AT = 10

#: What belongs to a server, and not to a backup: replicas of it.
REPLICATION = ("PUBLICATION", "SUBSCRIPTION")

#: What fills an object, by its kind, and the kind of the object.
CONTENTS = {"TABLE DATA": "TABLE", "SEQUENCE SET": "SEQUENCE"}

# Other files, by how they begin, and what reads them.
KNOWN = {
    b"\x1f\x8b": "is compressed by gzip: gunzip it first",
    b"\x28\xb5\x2f\xfd": "is compressed by zstd: unzstd it first",
    b"BZh": "is compressed by bzip2: bunzip2 it first",
    b"\xfd7zXZ": "is compressed by xz: unxz it first",
    b"PK\x03\x04": "is a zip file: unzip it first",
    b"--\n-- PostgreSQL database": "is SQL, which psql reads and restore_db does not",
    b"\\restrict ": "is SQL, which psql reads and restore_db does not",
}
TAR_AT, TAR = 257, b"ustar"
NOT_OURS = "is not an archive of backup_db (pg_dump --format=custom)"


@dataclass(frozen=True, slots=True)
class Archive:
    """A custom-format archive that pg_restore can read, of these tools."""

    path: Path
    tools: Tools
    contents: Contents

    @property
    def ours(self) -> list[Entry]:
        """What is to be restored.

        Not the rows of an extension's tables (`pg_extension_config_dump`): the extension stays as
        it is in the target, with them.
        """
        made = {(entry.kind, entry.schema, entry.name) for entry in self.contents.entries}
        return [
            entry
            for entry in self.contents.entries
            if is_ours(entry)
            and (
                entry.kind not in CONTENTS
                or (CONTENTS[entry.kind], entry.schema, entry.name) in made
            )
        ]

    def names(self, kind: str, schema: str) -> set[str]:
        """The names of all that the archive has of a kind in a schema."""
        return {
            entry.name
            for entry in self.contents.entries
            if (entry.kind, entry.schema) == (kind, schema)
        }

    def schema_version(self) -> Version | None:
        """The version of the schema that it holds, if it says so."""
        texts = (
            entry.definition
            for entry in self.contents.entries
            if (entry.kind, entry.name) == ("COMMENT", "SCHEMA public")
        )
        return version_in("".join(texts))

    def has_on(self, table: str, name: str) -> bool:
        """Whether it has a trigger, policy, rule or constraint of that name on the table."""
        return any(entry.name == f"{table} {name}" for entry in self.ours)

    @property
    def _argument(self) -> str:
        """The path for a program, which would take `--file=x` for an option."""
        return str(self.path.absolute())

    def check_whole(self) -> None:
        """Read all of it. Raises `CommandError` where it is cut short or damaged."""
        # Nothing but reading shows it: the list is at the head of the file.
        command = [self.tools.path("pg_restore"), "--file=/dev/null", self._argument]
        done = subprocess.run(  # noqa: S603
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env=program_environment(),
        )
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
        command = [
            self.tools.path("pg_restore"),
            "--file=-",
            # Through a pipe: there may be no folder for temporary files.
            "--use-list=/dev/stdin",
            *options,
            self._argument,
        ]
        pipe, told = subprocess.PIPE, _Told()
        with running(
            command, stdin=pipe, stdout=pipe, stderr=told.end, env=program_environment()
        ) as process:
            told.started()
            assert process.stdin is not None  # noqa: S101 - they are pipes
            assert process.stdout is not None  # noqa: S101
            # It reads the list to its end before it writes anything.
            with suppress(BrokenPipeError), process.stdin as chosen:
                chosen.writelines(b"%d;\n" % entry.number for entry in entries)
            yield process.stdout
            if process.wait() != 0:
                raise CommandError(explain(command, process.returncode, told.text()))


class _Told:
    """What a program writes to standard error, read beside its output, so that neither blocks."""

    def __init__(self) -> None:
        # Not subprocess's own pipe: to close that waits for whoever reads it.
        reading, self.end = os.pipe()
        self.lines: list[bytes] = []
        self.reader = threading.Thread(target=self._read, args=[reading], daemon=True)
        self.reader.start()

    def _read(self, reading: int) -> None:
        with os.fdopen(reading, "rb") as stream:
            self.lines.extend(stream)

    def started(self) -> None:
        """Leave the pipe to the program alone, so that it ends when the program does."""
        os.close(self.end)

    def text(self) -> str:
        """All of it, once the program has ended."""
        self.reader.join()
        return b"".join(self.lines).decode(errors="replace")


def is_ours(entry: Entry) -> bool:
    """Whether an entry is to be restored.

    Schema public itself is not: it stays as it is in the target, with its owner, grants and
    default privileges. Nor is anything of other schemas, or of publications.
    """
    if entry.kind.startswith(REPLICATION):
        return False
    if not entry.schema:
        # The schema, its comment, its grants.
        return entry.name == ("django" if entry.kind == "SCHEMA" else "SCHEMA django")
    if entry.kind == "DEFAULT ACL":
        return entry.schema == "django"
    return entry.schema in OWN_SCHEMAS


def is_grant(entry: Entry) -> bool:
    """Whether an entry grants something."""
    return entry.kind in ("ACL", "DEFAULT ACL")


def open_archive(path: Path, fitting: list[Tools]) -> Archive:
    """Read what is in the archive; with the first of the tools, which are the best, it is read on.

    Raises `CommandError` for a file that is not there or not a custom-format archive, and for one
    that needs newer tools.
    """
    _check_format(path)
    try:
        contents = read_contents(path)
    except TooNewError as error:
        raise CommandError(
            f"a newer pg_dump than this release knows wrote {path} ({error}): restore it with "
            "the release that wrote it"
        ) from error
    except (DamagedError, UnicodeError) as error:
        raise CommandError(f"{path} is cut short or damaged: {error}") from error
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error
    for tools in fitting:
        if tools.major >= contents.tools_major:
            return Archive(path, tools, contents)
    raise CommandError(
        f"a newer pg_dump than the tools here wrote {path}, {contents.tools_major} at least: "
        f"install its client package (Debian: postgresql-client-{contents.tools_major})"
    )


def _check_format(path: Path) -> None:
    if (path / "toc.dat").exists():
        raise CommandError(f"{path} is an archive of pg_dump's directory format: {NOT_OURS}")
    try:
        if not (path.is_file() or path.is_dir()) and path.exists():
            # It is read more than once, which a pipe is not.
            raise CommandError(
                f"{path} is a device, a pipe or a socket: write it to a file, and restore that"
            )
        with path.open("rb") as file:
            head = file.read(TAR_AT + len(TAR))
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error
    if not head:
        raise CommandError(f"{path} is empty")
    if head[TAR_AT:] == TAR:
        raise CommandError(f"{path} is a tar file, and {NOT_OURS.removeprefix('is ')}")
    for start, told in KNOWN.items():
        if head.startswith(start):
            raise CommandError(f"{path} {told}")
    if not head.startswith(MAGIC):
        raise CommandError(f"{path} {NOT_OURS}")
    if len(head) > FORMAT_AT and head[FORMAT_AT] != CUSTOM:
        raise CommandError(f"{path} is an archive of pg_dump, but not of its custom format")
