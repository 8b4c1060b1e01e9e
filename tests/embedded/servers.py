"""Embedded servers in separate directories, started by separate processes."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import OperationalError

from tests import forked
from tests.support import ROOT
from veza_core.db import embedded
from veza_core.db.embedded.account import Account
from veza_core.db.embedded.server import Server

BARE = [
    "shell",
    "--no-imports",
    "--command",
    "from django.db import connection; connection.connect()",
]
PROGRAMS = embedded.program("postgres").parent
PYTHONPATH = os.pathsep.join([str(ROOT), *filter(None, sys.path)])

#: Starts the server, prints the socket's directory, runs more code, and waits for the end.
SCRIPT = """
import os, sys
import psycopg
from veza_core.db import embedded

def ask(query="SELECT datcollate FROM pg_database WHERE datname = current_database()"):
    with psycopg.connect(host=host, port=5432, user="postgres", dbname="veza") as session:
        return session.execute(query).fetchone()[0]

host = embedded.start(sys.argv[1], "veza")
ask()
"""

#: The program of `running`.
USING = Path(__file__).with_name("using.py")


def environment(home: Path) -> dict[str, str]:
    return {"EMBEDDED_DIRECTORY": str(home), "DATABASE_URL": ""}


def command(home: Path | str, more: str = "print(host)") -> list[str]:
    return [sys.executable, "-c", SCRIPT + more, str(home)]


def run(home: Path | str, more: str = "print(host)", **variables: str) -> str:
    """Start the server in a separate process, which then ends; return its output."""
    done = subprocess.run(
        command(home, more),
        env={**os.environ, "PYTHONPATH": PYTHONPATH, **variables},
        cwd=variables.get("PWD", ROOT),
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.removesuffix("\n")


@contextmanager
def running(home: Path):
    """A process that uses the server and waits; it ends with the block, and stops the server."""
    with forked.piped(USING, (str(home),), dict(os.environ)) as process:
        try:
            process.host = process.stdout.readline().removesuffix("\n")
            yield process
        finally:
            if process.poll() is None and not process.stdin.closed:
                process.communicate()


def owner(home: Path) -> Account:
    return Account.owner_of(home)


def postmaster(home: Path) -> int:
    return int((home / "postmaster.pid").read_text().splitlines()[0])


def server_of(home: Path) -> Server:
    return Server(PROGRAMS, home, owner(home))


def is_stopped(home: Path) -> bool:
    return not (home / "postmaster.pid").exists() and not server_of(home).runs()


def refusal(home: Path) -> str:
    """The one-line reason why the server does not start."""
    with pytest.raises(OperationalError) as caught:
        embedded.start(str(home), "veza")
    # Now, and not at the end of the run, because other tests use the directory.
    embedded._stop(Path(os.path.realpath(home)))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def contents(directory: Path) -> dict[str, bytes]:
    return {str(f): f.read_bytes() for f in sorted(directory.rglob("*")) if f.is_file()}


def plain_user() -> Account:
    if os.geteuid():
        pytest.skip("needs root, to run programs as another user")
    return Account.of(65534, 65534)


def python_of(user: Account, home: Path, more: str = "print(host)"):
    """Start the server as a user; the user can run an interpreter in a directory of root."""
    identity = [f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups"]
    passing = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return subprocess.run(
        ["setpriv", *identity, *passing, *command(home, more)],
        env={"PYTHONPATH": PYTHONPATH, "PATH": os.environ["PATH"]},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
