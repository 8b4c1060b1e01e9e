"""A server that keeps running, on a TCP port of 127.0.0.1, for developers of the services.

Its data directory is separate. The owner of the directory and root connect through its socket. All
others need the password, from a file that only the owner can read.
"""

import errno
import fcntl
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from . import LONGEST_RECOVERY, USER, directory, program
from .account import Account, StartError
from .server import Server

ADDRESS = "127.0.0.1"
#: The role for developers of the services, and its database.
ROLE = DATABASE = "veza"
#: Above PostgreSQL's own port, and below those that the kernel gives to clients.
PORTS = range(5433, 5533)
#: In the data directory, from the first start on: the URL with the password.
URL = "url"
HBA = f"host all all {ADDRESS}/32 scram-sha-256\n"

#: What a service's developer needs: rows, roles to test grants with, and other databases.
PRIVILEGES = """
ALTER ROLE {role} LOGIN CREATEDB CREATEROLE PASSWORD {password};
ALTER DATABASE {database} OWNER TO {role};
GRANT ALL ON ALL TABLES IN SCHEMA public TO {role} WITH GRANT OPTION;
GRANT USAGE ON SCHEMA public TO {role} WITH GRANT OPTION
"""


@dataclass(frozen=True, slots=True)
class LastingServer:
    """The server in a directory, such as `.database`."""

    data: Path

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Create the directory, and keep other starts and stops of this server out of the block.

        Raises `StartError` if the directory cannot be used.
        """
        directory.make(self.data)
        descriptor = os.open(self.data, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def url(self) -> str | None:
        """Its URL if it runs, otherwise None.

        Raises `StartError` if it runs but does not answer.
        """
        if not self.data.is_dir() or not self._server().answers(LONGEST_RECOVERY):
            return None
        return self._recorded()

    def choose_port(self, wanted: int | None) -> int:
        """The wanted port, the last one, or a free one.

        Raises `StartError` if another program uses the wanted port.
        """
        if wanted is not None:
            if not _is_free(wanted):
                raise StartError(f"another program uses port {wanted}: choose another one")
            return wanted
        recorded = urlsplit(self._recorded() or "").port
        if recorded and _is_free(recorded):
            return recorded
        for port in PORTS:
            if _is_free(port):
                return port
        raise StartError(f"no port from {PORTS[0]} to {PORTS[-1]} is free: choose another one")

    def start(self, port: int) -> str:
        """Start it with a migrated database, and return its URL.

        Raises `StartError`, in one line, if the server does not start.
        """
        account = Account.owner_of(self.data)
        directory.allow_only_owner(self.data, account, HBA)
        settings = (f"listen_addresses={ADDRESS}", "password_encryption=scram-sha-256")
        host = self._server(settings, str(port)).start(LONGEST_RECOVERY)
        try:
            return self._open(host, port)
        except BaseException:
            # Nobody could connect to it.
            self._server().stop(LONGEST_RECOVERY)
            raise

    def stop(self) -> bool:
        """Stop it; return whether it ran. Raises `StartError` if it does not end."""
        if not self.url():
            return False
        self._server().stop(LONGEST_RECOVERY)
        if self._server().runs():
            raise StartError(self._server().silent("to a request to stop"))
        return True

    def _open(self, host: str, port: int) -> str:
        """Let the developers' role in, with the last password; return the URL."""
        password = urlsplit(self._recorded() or "").password or secrets.token_urlsafe(18)
        with psycopg.connect(
            host=host, port=port, user=USER, dbname=DATABASE, autocommit=True
        ) as session:
            _give_rights(session, password)
        url = f"postgresql://{ROLE}:{password}@{ADDRESS}:{port}/{DATABASE}"
        self._record(url)
        return url

    def _server(self, settings: tuple[str, ...] = (), port: str = "") -> Server:
        return Server(
            program("postgres").parent,
            self.data,
            Account.owner_of(self.data),
            settings,
            *([port] if port else []),
        )

    def _recorded(self) -> str | None:
        """The URL of the last start."""
        path = self.data / URL
        return path.read_text().strip() if path.exists() else None

    def _record(self, url: str) -> None:
        descriptor = os.open(self.data / URL, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(url + "\n")
        Account.owner_of(self.data).own(self.data / URL)


def _give_rights(session: psycopg.Connection, password: str) -> None:
    if not session.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
        session.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(ROLE)))
    # Hashed as libpq does, so that no log of the server contains it.
    hashed = session.pgconn.encrypt_password(password.encode(), ROLE.encode(), b"scram-sha-256")
    names = {"role": sql.Identifier(ROLE), "database": sql.Identifier(DATABASE)}
    session.execute(sql.SQL(PRIVILEGES).format(**names, password=sql.Literal(hashed.decode())))


def _is_free(port: int) -> bool:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((ADDRESS, port))
        except OSError as error:
            if error.errno == errno.EACCES:
                raise StartError(f"only root can use port {port}: choose 1024 or higher") from error
            return False
    return True
