"""`database_server`: a database for developers of the services that keeps running."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from veza_core.db.embedded.account import StartError
from veza_core.db.embedded.lasting import LastingServer
from veza_core.errors import one_line
from veza_core.management.arguments import some_path, some_text

#: This file is in the directory when all demo rows are there.
FILLED = "filled"


def _port(text: str | None) -> int | None:
    """A TCP port that a plain user may use. Raises `CommandError` for any other text."""
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not 1024 <= int(text) <= 65535:
        raise CommandError(f"{text!r} is not a port from 1024 to 65535", returncode=2)
    return int(text)


class Command(BaseCommand):
    """Starts and stops the server: see `veza_core.db.embedded.lasting`."""

    help = (
        "Starts PostgreSQL on 127.0.0.1 with V1 and demo data, and leaves it running; or stops it. "
        "For development only."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=("start", "stop"))
        parser.add_argument(
            "--port",
            type=some_text,
            metavar="N",
            help="Its port (default: the last one, or a free one).",
        )
        parser.add_argument(
            "--directory",
            type=some_path,
            default=settings.BASE_DIR / ".database",
            help="The data directory (default: %(default)s).",
        )

    def handle(
        self, *args: Any, what: str, port: str | None, directory: Path, **options: Any
    ) -> None:
        if not settings.DEBUG:
            raise CommandError("DEBUG is off: this server is only for development machines")
        server = LastingServer(Path(os.path.realpath(directory.expanduser())))
        with _one_line(directory):
            if what == "stop":
                self._stop(server)
            else:
                self._start(server, _port(port))

    def _start(self, server: LastingServer, port: int | None) -> None:
        with server.alone():
            if url := server.url():
                if port not in (None, urlsplit(url).port):
                    raise CommandError(
                        f"it is already running on port {urlsplit(url).port}: stop it first "
                        "(make database-stop)"
                    )
                self.stdout.write("It is already running.")
            else:
                port = server.choose_port(port)
                self._prepare(server.data)
                url = server.start(port)
        self.stdout.write(
            f"DATABASE_URL={url}\n\n"
            "It keeps running. `make database-stop` stops it and keeps its rows.\n"
            "`make database` starts it again, and brings its tables up to date.\n"
            f"To begin with new demo rows, stop it and remove {server.data}."
        )

    def _stop(self, server: LastingServer) -> None:
        stopped = server.stop()
        self.stdout.write("Stopped. The rows are kept." if stopped else "It is not running.")

    def _prepare(self, data: Path) -> None:
        """Migrate and add missing rows, over the server's socket, before the port is open."""
        self.stdout.write("Creating the tables ...")
        _manage(data, "migrate", "--noinput", "--no-audit")
        if not (data / FILLED).exists():
            self.stdout.write("Filling in demo rows ...")
            _manage(data, "seed_demo")
            (data / FILLED).touch()


def _manage(data: Path, *arguments: str) -> None:
    """Run manage.py on the directory's database. Raises `CommandError` with its last line."""
    # An empty DATABASE_URL, so that neither the environment nor .env can name another server.
    environment = {
        **os.environ,
        "DATABASE_URL": "",
        "DEBUG": "1",
        "EMBEDDED_DIRECTORY": str(data),
        "EMBEDDED_DATABASE": "veza",
    }
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, settings.BASE_DIR / "manage.py", *arguments, "--verbosity", "0"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"{arguments[0]} failed"]
        raise CommandError(lines[-1].removeprefix("CommandError: "))


@contextmanager
def _one_line(directory: Path) -> Iterator[None]:
    """An error of the server or the directory, as a line with what to do."""
    try:
        yield
    except (StartError, OSError, psycopg.Error) as error:
        raise CommandError(f"no database server in {directory}: {one_line(error)}") from error
