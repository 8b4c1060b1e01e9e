"""Keeps the files of a run in memory if there is enough space: servers, databases, temporary files.

A database with V1 has 700 files. To copy and drop one takes 0.03 s in memory, and 0.5 s on a disk.
A run removes its directory at its end. At its start, it removes those of killed runs.
"""

import fcntl
import os
import shutil
import tempfile
import time
from multiprocessing.util import Finalize
from pathlib import Path

from veza_core.db import embedded
from veza_core.db.embedded.account import Account
from veza_core.db.embedded.server import Server

#: Linux's file system in memory, and what a run may need of it, in bytes.
MEMORY = Path("/dev/shm")  # noqa: S108 - it is the machine's
ROOM = 4 * 2**30

PREFIX, NEW = "veza_tests_", "veza_new_"
#: Set by the process that starts the run; its workers inherit it.
VARIABLE = "VEZA_TEST_MEMORY"

#: How long the last process waits for the end of the server, in seconds.
LONGEST_STOP = 30


def begin() -> None:
    """Choose the run's directory for everything that it starts; do nothing if space is short.

    A server that DATABASE_URL or EMBEDDED_DIRECTORY names is used unchanged.
    """
    if VARIABLE in os.environ or not _has_room():
        return
    _remove_what_killed_runs_left()
    new = Path(tempfile.mkdtemp(prefix=NEW, dir=MEMORY))
    # Servers run as other users; the files in it have their own modes.
    new.chmod(0o711)
    lock = _lock_of(new)
    assert lock is not None
    # Others search for the lock under this name, so it must be held before.
    directory = new.rename(MEMORY / new.name.replace(NEW, PREFIX))
    os.environ[VARIABLE] = os.environ["TMPDIR"] = str(directory)
    # Python caches the directory that it chose before.
    tempfile.tempdir = None
    if not os.environ.get("DATABASE_URL"):
        os.environ.setdefault("EMBEDDED_DIRECTORY", str(directory / "postgres"))
    # After the end of the server, and after multiprocessing has removed its files there (at -100).
    Finalize(None, _remove, (directory, lock), exitpriority=-200)


def is_used() -> bool:
    """Whether the run's own server keeps its files in memory."""
    return os.environ.get("EMBEDDED_DIRECTORY", "").startswith(f"{MEMORY}/{PREFIX}")


def _has_room() -> bool:
    if not MEMORY.is_dir():
        return False
    state = os.statvfs(MEMORY)
    return state.f_bavail * state.f_frsize >= ROOM


def _lock_of(directory: Path) -> int | None:
    """Take the lock that a run holds while it lives; None if the run lives."""
    descriptor = os.open(directory / "run.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _remove_what_killed_runs_left() -> None:
    for directory in MEMORY.glob(f"{PREFIX}*"):
        try:
            lock = _lock_of(directory) if directory.stat().st_uid == os.getuid() else None
        except FileNotFoundError:
            # Another run has ended meanwhile, or has removed it.
            continue
        if lock is not None:
            _remove(directory, lock)


def _remove(directory: Path, lock: int) -> None:
    data = directory / "postgres"
    if (data / "PG_VERSION").exists():
        server = Server(embedded.program("postgres").parent, data, Account.owner_of(data))
        deadline = time.monotonic() + LONGEST_STOP
        while server.runs() and time.monotonic() < deadline:
            time.sleep(0.02)
    shutil.rmtree(directory, ignore_errors=True)
    os.close(lock)
