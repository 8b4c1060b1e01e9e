"""The site as in production, in a checkout with a forgotten `.env` of a developer."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.roles.roles import site_roles
from tests.support import ROOT, production_environment

HOST = "admin.example.com"
#: The content type of forms.
FORM = "Content-Type: application/x-www-form-urlencoded"
#: Threads for requests: few, so that a test can occupy all of them.
THREADS = 2


@dataclass(frozen=True)
class Served:
    """The address of the server, and its output."""

    port: int
    log: Path

    def connect(self) -> socket.socket:
        """A connection like that of a client or of the proxy."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def send(self, request: bytes) -> tuple[int, str]:
        """Send these bytes; return the status, and the complete answer."""
        with self.connect() as connection:
            connection.sendall(request)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        return int(answer.split(b" ", 2)[1]), answer.decode("utf-8", "replace")

    def ask(
        self,
        line: str,
        *headers: str,
        body: bytes = b"",
        host: bool = True,
        scheme: str = "https",
    ) -> tuple[int, str]:
        """Send a request through the proxy; `host`: with the site's name."""
        given = (*([f"Host: {HOST}"] if host else []), f"X-Forwarded-Proto: {scheme}",
                 "X-Forwarded-For: 203.0.113.9", "Connection: close", *headers)  # fmt: skip
        return self.send("\r\n".join([f"{line} HTTP/1.1", *given, "", ""]).encode() + body)


def checkout(directory: Path) -> Path:
    """A copy of production's files, with a developer's `.env`."""
    for path in ROOT.glob("veza_*"):
        shutil.copytree(path, directory / path.name, ignore=shutil.ignore_patterns("tests"))
    for name in ("gunicorn.conf.py", "manage.py"):
        shutil.copy(ROOT / name, directory / name)
    (directory / ".env").write_text("DEBUG=1\nSECOND_FACTOR_REQUIRED=0\n")
    return directory


@contextmanager
def served(
    database: str, directory: Path, *, python: str = sys.executable, **changes: str
) -> Iterator[Served]:
    """Serve a database with this Python, using the two roles that `sync_roles` creates.

    `changes` are variables of the environment.
    """
    with (
        site_roles(database) as roles,
        _served(database, directory, python, roles | changes) as site,
    ):
        yield site


@contextmanager
def _served(
    database: str, directory: Path, python: str, changes: dict[str, str]
) -> Iterator[Served]:
    inherited = {name: value for name, value in os.environ.items() if name != "DEBUG"}
    # The port is opened here and inherited, so that no other run can take it.
    listener = socket.create_server(("127.0.0.1", 0))
    environment = {**production_environment(database), "ALLOWED_HOSTS": HOST,
                   "BEHIND_TLS_PROXY": "1", "WEB_THREADS": str(THREADS), **changes}  # fmt: skip
    del environment["DEBUG"]
    static = directory / "static"
    static.mkdir(exist_ok=True)
    log = directory / "log"
    command = [python, "-m", "gunicorn", f"--bind=fd://{listener.fileno()}", "--workers=1"]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            cwd=directory,
            env={**inherited, **environment, "STATIC_ROOT": str(static)},
            stdout=output,
            stderr=output,
            pass_fds=[listener.fileno()],
        ) as server,
    ):
        site = Served(listener.getsockname()[1], log)
        listener.close()
        try:
            site.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            yield site
        finally:
            server.terminate()
            deadline = time.monotonic() + 60
            while server.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
            server.kill()
