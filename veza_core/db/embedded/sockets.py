"""The directory of a server's Unix socket, which only its owner can enter."""

import os
import re
import shutil
import socket
import stat
import struct
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .account import Account, StartError

#: The longest path: sockaddr_un without its last byte and without `/.s.PGSQL.5432`. It has 104
#: bytes on macOS and 108 on Linux.
MAX_PATH_BYTES = 103 - len("/.s.PGSQL.5432")

#: Characters with no special meaning in a host, a URL, a list of directories or a line.
PATH_WITHOUT_QUOTES = re.compile(r"[\w./+@~-]+", re.ASCII)

PREFIX = "veza-postgres-"

#: PostgreSQL's own limit, MAXPGPATH, is 1024 bytes for any file in the data directory.
LONGEST_DATA = 900


def choose(data: Path, account: Account, recorded: Sequence[str]) -> Path:
    """The data directory if its path is suitable, or otherwise a new temporary directory.

    `recorded` is the directory of a crashed server, from postmaster.pid: it is used again if it has
    not changed. Raises `StartError` if no directory can be created.
    """
    if _will_do(data):
        return data
    for directory in map(Path, recorded):
        if directory.name.startswith(PREFIX) and is_private(directory, account):
            return directory
    errors = []
    for base in dict.fromkeys(("/tmp", tempfile.gettempdir(), "/dev/shm")):  # noqa: S108
        if not _will_do(Path(base) / f"{PREFIX}12345678"):
            continue
        try:
            directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        except OSError as error:
            errors.append(str(error))
        else:
            account.own(directory)
            return directory
    raise StartError(f"cannot create a directory for its socket ({'; '.join(errors)})")


def _will_do(directory: Path) -> bool:
    return (
        bool(PATH_WITHOUT_QUOTES.fullmatch(str(directory)))
        and len(str(directory)) <= MAX_PATH_BYTES
    )


def needs_link(data: Path) -> bool:
    """Whether PostgreSQL does not accept the path of the data directory."""
    return not str(data).isprintable() or len(os.fsencode(data)) > LONGEST_DATA


def short(data: Path, directory: Path) -> Path:
    """A path of the data directory that PostgreSQL accepts: its own, or a link in `directory`."""
    if not needs_link(data):
        return data
    link = directory / "data"
    if not link.is_symlink():
        link.symlink_to(data)
    return link


def is_private(directory: Path, account: Account) -> bool:
    """Whether it is a directory of this user that nobody else can enter."""
    try:
        status = directory.lstat()
    except FileNotFoundError:
        return False
    mode = status.st_mode
    return stat.S_ISDIR(mode) and status.st_uid == account.uid and not mode & 0o077


def listener(directory: Path, port: str) -> int | None:
    """The process that listens on the socket in a directory; 0 if it is in another container."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(f"{directory}/.s.PGSQL.{port}")
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            return None
        if sys.platform == "linux":
            credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            return struct.unpack("3i", credentials)[0]
        # macOS: SOL_LOCAL, LOCAL_PEERPID
        return client.getsockopt(0, 2)


def quoted(directory: Path) -> str:
    """The directory as the only element of unix_socket_directories, which is a list."""
    return '"{}"'.format(str(directory).replace('"', '""'))


def remove(directory: Path, data: Path, account: Account) -> None:
    """Remove the directory of a stopped server, unless it is the data directory."""
    if directory != data and directory.name.startswith(PREFIX) and is_private(directory, account):
        shutil.rmtree(directory)
