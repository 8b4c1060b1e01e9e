"""The site as production serves it: gunicorn, whitenoise and TLS, with DEBUG off."""

import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPSConnection
from pathlib import Path

from tests.browser.certificate import authority, certificate
from tests.roles.roles import site_roles
from tests.support import ROOT, database_environment, manage, manage_process, production_environment

#: The day on which the demo data ends.
NOW = "2026-03-31"


def fill(name: str, now: str | None = NOW) -> None:
    """Create the demo data in a migrated database; `now`: None for data up to today."""
    until = (f"--now={now}",) if now else ()
    # A process: Django's ORM does not work in the browser's event loop.
    done = manage_process("seed_demo", *until, "--verbosity=0", **database_environment(name))
    assert done.returncode == 0, done.stderr


@contextmanager
def serving(name: str, directory: Path) -> Iterator[str]:
    """Serve a database with the roles of `sync_roles`; its files are written to `directory`.

    Yields the URL. A traceback in the server's log raises an AssertionError at the end.
    """
    with site_roles(name) as roles, _serving(name, directory, roles) as address:
        yield address


@contextmanager
def _serving(name: str, directory: Path, roles: dict[str, str]) -> Iterator[str]:
    environment = {
        **os.environ,
        **production_environment(name),
        **roles,
        "SECRET_KEY": "for the tests in a browser: " + "x" * 50,
        "ALLOWED_HOSTS": "localhost",
        "STATIC_ROOT": str(directory / "static"),
    }
    collect = manage("collectstatic", "--noinput", "--verbosity=0", **environment)
    assert collect.returncode == 0, collect.stderr
    certificate().private_key_and_cert_chain_pem.write_to_path(directory / "server.pem")
    log = directory / "server.log"
    # The port is opened here and inherited, so that no other run can take it.
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    # All else is as gunicorn.conf.py says.
    command = [
        *(sys.executable, "-m", "gunicorn", f"--bind=fd://{listener.fileno()}", "--workers=1"),
        *(f"--certfile={directory / 'server.pem'}", f"--keyfile={directory / 'server.pem'}"),
    ]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
            pass_fds=[listener.fileno()],
        ) as server,
    ):
        listener.close()
        try:
            trust = ssl.create_default_context()
            authority().configure_trust(trust)
            probe = HTTPSConnection("localhost", port, timeout=60, context=trust)
            with closing(probe):
                probe.request("GET", "/healthz")
                assert probe.getresponse().status == 200
            yield f"https://localhost:{port}"
        finally:
            # At once; otherwise it would wait for the browser's open connections.
            server.send_signal(signal.SIGQUIT)
    assert "Traceback" not in log.read_text(), log.read_text()
