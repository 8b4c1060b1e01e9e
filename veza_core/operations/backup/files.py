"""A file that a command saves: complete or absent, and readable only for its owner."""

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management.base import CommandError

#: How many bytes of a file's name the temporary file uses: most file systems allow 255 in all.
LONGEST_BEGINNING = 200


@contextmanager
def written_whole(path: Path, *, replace: bool, ending: str = "") -> Iterator[Path]:
    """Yield an empty file; it gets its name if the block succeeds.

    Until then it is a hidden file next to it, whose name has this ending, with mode 0600 because it
    contains password hashes. It is deleted if the block fails. Raises `CommandError` if the file
    exists and may not be replaced, and for errors of the file system.
    """
    _check_absent(path, replace=replace)
    try:
        # The name may already be as long as the file system allows, and this makes it longer.
        begin = os.fsdecode(os.fsencode(path.name)[:LONGEST_BEGINNING])
        descriptor, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{begin}.", suffix=f".partial{ending}"
        )
        # A umask may remove the owner's permissions, too. Then pg_dump could not write the file.
        os.fchmod(descriptor, 0o600)
    except OSError as error:
        raise CommandError(_refused(path, error)) from error
    partial = Path(name)
    try:
        yield partial
        os.fsync(descriptor)
        _check_absent(path, replace=replace)
        partial.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        raise CommandError(_refused(path, error)) from error
    finally:
        os.close(descriptor)
        partial.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """The file's checksum, as sha256sum prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_absent(path: Path, *, replace: bool) -> None:
    """Only a file may be replaced: a device or a pipe cannot store a backup."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise CommandError(_refused(path, error)) from error
    if stat.S_ISDIR(mode):
        raise CommandError(f"{path} is a directory: give the name of a file")
    if stat.S_ISLNK(mode):
        raise CommandError(f"{path} is a symbolic link: give the name of the file itself")
    if not stat.S_ISREG(mode):
        raise CommandError(f"{path} is a device, a pipe or a socket: give the name of a file")
    if not replace:
        raise CommandError(f"{path} already exists: give another name, or --force")


def _refused(path: Path, error: OSError) -> str:
    return f"cannot write {path}: {error.strerror}"


def _sync_directory(directory: Path) -> None:
    """Write the directory to the disk. Otherwise a crash of the machine may lose the new name."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
