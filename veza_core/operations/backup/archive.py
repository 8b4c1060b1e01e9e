"""Reads a backup's file before anything is changed: is it complete, and is it ours?"""

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
from veza_core.operations.backup.programs import Tools, running, why_it_failed
from veza_core.operations.backup.toc import (
    CUSTOM,
    MAGIC,
    Contents,
    DamagedError,
    Entry,
    TooNewError,
    read_contents,
)
from veza_core.operations.contents import OWN_SCHEMAS

# In the header, the format follows the magic word, three bytes of the version, and two of sizes.
FORMAT_AT = 10

#: Objects of the server's replication, which are not part of a backup.
REPLICATION = ("PUBLICATION", "SUBSCRIPTION")

#: Entries with contents, and the kinds of their objects.
CONTENTS = {"TABLE DATA": "TABLE", "SEQUENCE SET": "SEQUENCE"}

# Other files, by their first bytes, and the program that reads them.
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
    """A custom-format archive that pg_restore can read, with these tools."""

    path: Path
    tools: Tools
    contents: Contents

    @property
    def ours(self) -> list[Entry]:
        """The entries to restore.

        Rows of an extension's tables (`pg_extension_config_dump`) are left out: the extension in
        the target does not change.
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
        return {
            entry.name
            for entry in self.contents.entries
            if (entry.kind, entry.schema) == (kind, schema)
        }

    def schema_version(self) -> Version | None:
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
        """The path for a program, which would read `--file=x` as an option."""
        return str(self.path.absolute())

    def check_whole(self) -> None:
        """Read all of it. Raises `CommandError` if it is cut short or damaged."""
        # Only a full read shows this, because the table of contents is at the file's beginning.
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
            reason = why_it_failed(command, done.returncode, done.stderr)
            raise CommandError(f"{self.path} is cut short or damaged: {reason}")
        self.origin()

    def origin(self) -> str | None:
        """One line about where the backup was taken, if it says so.

        Raises `CommandError` if it is damaged.
        """
        try:
            return read_origin(self.path)
        except (OSError, ValueError) as error:
            raise CommandError(f"{self.path} is cut short or damaged: {error}") from error

    @contextmanager
    def script(self, entries: list[Entry], *options: str) -> Iterator[IO[bytes]]:
        """Yield the SQL of the entries as pg_restore writes it.

        Raises `CommandError` at the end if pg_restore failed.
        """
        command = [
            self.tools.path("pg_restore"),
            "--file=-",
            # Through a pipe, because there may be no directory for temporary files.
            "--use-list=/dev/stdin",
            *options,
            self._argument,
        ]
        pipe, error_output = subprocess.PIPE, _ErrorOutput()
        with running(
            command, stdin=pipe, stdout=pipe, stderr=error_output.end, env=program_environment()
        ) as process:
            error_output.started()
            assert process.stdin is not None  # noqa: S101 - they are pipes
            assert process.stdout is not None  # noqa: S101
            # pg_restore reads the complete list before it writes anything.
            with suppress(BrokenPipeError), process.stdin as chosen:
                chosen.writelines(b"%d;\n" % entry.number for entry in entries)
            yield process.stdout
            if process.wait() != 0:
                raise CommandError(why_it_failed(command, process.returncode, error_output.text()))


class _ErrorOutput:
    """A program's standard error, read at the same time as its output, so that neither blocks."""

    def __init__(self) -> None:
        # Not subprocess's own pipe: closing that waits for its reader.
        reading, self.end = os.pipe()
        self.lines: list[bytes] = []
        self.reader = threading.Thread(target=self._read, args=[reading], daemon=True)
        self.reader.start()

    def _read(self, reading: int) -> None:
        with os.fdopen(reading, "rb") as stream:
            self.lines.extend(stream)

    def started(self) -> None:
        """Close our end of the pipe, so that it ends with the program."""
        os.close(self.end)

    def text(self) -> str:
        """The complete text, after the program has ended."""
        self.reader.join()
        return b"".join(self.lines).decode(errors="replace")


def is_ours(entry: Entry) -> bool:
    """Whether an entry is restored.

    Schema public itself is not: it keeps its owner, grants and default privileges in the target.
    Nor are objects of other schemas, or publications.
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
    """Read the table of contents, and choose the first tools that can read the archive.

    `fitting`: the tools, the best first. Raises `CommandError` if the file does not exist, is not a
    custom-format archive, or needs newer tools.
    """
    _check_format(path)
    try:
        contents = read_contents(path)
    except TooNewError as error:
        raise CommandError(
            f"{path} has a format of pg_dump that this release does not know ({error}): restore it "
            "with the release that wrote it"
        ) from error
    except (DamagedError, UnicodeError) as error:
        raise CommandError(f"{path} is cut short or damaged: {error}") from error
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error
    for tools in fitting:
        if tools.major >= contents.tools_major:
            return Archive(path, tools, contents)
    raise CommandError(
        f"{path} was written by pg_dump {contents.tools_major} or newer, and the programs here are "
        f"older: install the client package (Debian: postgresql-client-{contents.tools_major})"
    )


def _check_format(path: Path) -> None:
    if (path / "toc.dat").exists():
        raise CommandError(f"{path} is an archive of pg_dump's directory format: {NOT_OURS}")
    try:
        if not (path.is_file() or path.is_dir()) and path.exists():
            # It is read more than once, and a pipe cannot be.
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
    for start, what in KNOWN.items():
        if head.startswith(start):
            raise CommandError(f"{path} {what}")
    if not head.startswith(MAGIC):
        raise CommandError(f"{path} {NOT_OURS}")
    if len(head) > FORMAT_AT and head[FORMAT_AT] != CUSTOM:
        raise CommandError(f"{path} is an archive of pg_dump, but not of its custom format")
