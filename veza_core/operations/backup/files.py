"""The backup's file: whole or not there at all, and readable by its owner alone."""

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management.base import CommandError

#: How many bytes of a file's name its neighbour has: most file systems allow 255 for the whole.
LONGEST_BEGINNING = 200


@contextmanager
def written_whole(path: Path, *, replace: bool) -> Iterator[Path]:
    """Give an empty file to write to; it appears under its name when the block succeeds.

    Until then it is a hidden neighbour, mode 0600 since it holds password hashes, which goes when
    the block fails. Raises `CommandError` when the file is there and not to be replaced, and for
    what the file system refuses.
    """
    _check_absent(path, replace=replace)
    try:
        # A name may be as long as the file system allows, and so is that of the neighbour.
        begin = os.fsdecode(os.fsencode(path.name)[:LONGEST_BEGINNING])
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{begin}.", suffix=".partial")
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
    """Only a file may be replaced: a device or a pipe is no place for a backup to lie in."""
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
    """Without it a crash of the machine may forget the new name."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
