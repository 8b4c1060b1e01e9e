"""Starts, waits for and stops a PostgreSQL server on a Unix socket.

A lock shows whether one runs, not a process ID: the postmaster and all of its children hold it, and
the kernel releases it. So a stale postmaster.pid does no harm.
"""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from . import sockets
from .account import Account, StartError
from .directory import LOG, environment, open_file, reason
from .records import (
    PID,
    SERVER_LOCK,
    SOCKET_DIRECTORY,
    SOCKET_PORT,
    START,
    STATUS,
    machine,
    machine_of,
    postmaster,
    postmaster_file,
)

PORT = "5432"
#: As docs/operations.md recommends for a server.
TUNING: Sequence[str] = ("random_page_cost=1.1",)

#: For a fast shutdown, in seconds. PostgreSQL 18 never completes one that arrives during its
#: restart after the crash of a backend. It completes an immediate one, and recovers at the next
#: start.
LONGEST_SHUTDOWN = 10.0


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """A start of a server, which may fail."""

    server: "Server"
    log_size: int
    directory: Path
    #: The old contents of postmaster.pid, from a server that crashed or that others started.
    stale: list[str]

    def reason(self) -> str:
        message = reason(self.server.data / LOG, self.log_size)
        if "is still in use" in message:
            return f"{self.server.named()} already runs there: {message}"
        return message


@dataclass(frozen=True, slots=True)
class Server:
    """The server of a data directory. `programs` is the directory with postgres."""

    programs: Path
    data: Path
    account: Account
    settings: Sequence[str] = ()
    port: str = PORT

    def start(self, longest: float) -> str:
        """Start it, or wait for the running one; return the directory of its socket.

        The running one may be stopping, or recovering from a crash. Raises `StartError` if it does
        not start within so many seconds.
        """
        deadline = time.monotonic() + longest
        while True:
            started = self._try()
            while self.runs():
                host = self.ready(started.stale if started else ())
                if host and self._ping() == Ping.OK:
                    return host
                if time.monotonic() > deadline:
                    raise StartError(self.silent(f"after {longest:.0f} s"))
                time.sleep(0.005)
            if started:
                sockets.remove(started.directory, self.data, self.account)
                raise StartError(started.reason())

    def _try(self) -> StartAttempt | None:
        """Start it in the background; None if it runs already, or may run."""
        lock = open_file(self.data / SERVER_LOCK, self.account)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        else:
            self._leave_alone()
            os.ftruncate(lock, 0)
            os.write(lock, " ".join(machine()).encode())
            return self._spawn(lock)
        finally:
            os.close(lock)

    def _leave_alone(self) -> None:
        """Raise `StartError` if a server runs, or may run, that does not hold our lock.

        Others have started it, or machines that do not share locks share the directory. A recreated
        container has a new name, but the same boot.
        """
        recorded = machine_of(self.data)
        if recorded and not {*recorded} & {*machine()} and postmaster_file(self.data):
            raise StartError(
                f"{self.named()} may run there, and its lock does not reach this machine: "
                f"stop it, or remove {self.data / 'postmaster.pid'} if that machine is gone"
            )
        # A killed server may listen for a moment after its lock is free.
        for _ in range(50):
            lines = postmaster_file(self.data)
            # The kernel reports 0 for a process in another container.
            if not lines or postmaster(self.data) not in (int(lines[PID]), 0):
                return
            time.sleep(0.01)
        raise StartError(
            f"{self.named()} already runs there, and this project did not start it: stop it first"
        )

    def _spawn(self, lock: int) -> StartAttempt:
        stale = postmaster_file(self.data)
        directory = sockets.choose(self.data, self.account, stale[SOCKET_DIRECTORY:][:1])
        if not stale:
            # PostgreSQL refuses to start if a crash of the machine has left them empty.
            (self.data / "postmaster.pid").unlink(missing_ok=True)
        if sockets.listener(directory, self.port) is None:
            (directory / f".s.PGSQL.{self.port}.lock").unlink(missing_ok=True)
        settings = [
            "listen_addresses=",
            f"port={self.port}",
            f"unix_socket_directories={sockets.quoted(directory)}",
            "unix_socket_permissions=0700",
            "lc_messages=C",
            "logging_collector=off",
            *TUNING,
            *self.settings,
        ]
        postgres = self.programs / "postgres"
        command = [
            str(postgres),
            "-D",
            str(sockets.short(self.data, directory)),
            *(f"--{setting}" for setting in settings),
        ]
        variables = environment()
        if any(stale[SOCKET_DIRECTORY:][:1]):
            # Nobody holds the lock or listens, so the process with this number is a different one.
            # postgres would refuse to start because of it, unless it is named as pg_ctl's.
            variables["PG_GRANDPARENT_PID"] = stale[PID]
        log = open_file(self.data / LOG, self.account)
        try:
            attempt = StartAttempt(self, os.fstat(log).st_size, directory, stale)
            # Started by a shell that ends at once, so that it is not our child process.
            self.account.run(
                ["/bin/sh", "-c", '"$@" &', "sh", *command],
                [postgres, self.data],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=variables,
                pass_fds=[lock],
                start_new_session=True,
            )
        finally:
            os.close(log)
        return attempt

    def runs(self) -> bool:
        """Whether a server runs in the data directory, even on another machine."""
        try:
            lock = os.open(self.data / SERVER_LOCK, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(lock)

    def answers(self, longest: float) -> bool:
        """Whether it runs and accepts connections; waits while it starts, ends or recovers.

        Raises `StartError` if it does neither within so many seconds.
        """
        deadline = time.monotonic() + longest
        while self.runs():
            if self._ping() == Ping.OK:
                return True
            if time.monotonic() > deadline:
                raise StartError(self.silent(f"after {longest:.0f} s"))
            time.sleep(0.005)
        return False

    def ready(self, stale: Sequence[str] = ()) -> str | None:
        """The directory of its socket; None while it starts, recovers or stops.

        `stale` are the lines of postmaster.pid from another server. Raises `StartError` if it can
        never be reached.
        """
        lines = postmaster_file(self.data)
        # With the start time: in a container, process IDs are soon reused.
        if lines[: START + 1] == list(stale[: START + 1]):
            return None
        if len(lines) <= STATUS or lines[STATUS].strip() != "ready":
            return None
        directory = lines[SOCKET_DIRECTORY]
        if postmaster(self.data) is not None:
            if not sockets.is_private(Path(directory), self.account):
                raise StartError(f"others can enter its socket's directory, {directory}")
            return directory
        elsewhere = machine_of(self.data)[:1] != machine()[:1]
        removed = not (Path(directory) / f".s.PGSQL.{lines[SOCKET_PORT].strip()}").exists()
        if (elsewhere or removed) and self.runs() and postmaster_file(self.data) == lines:
            raise StartError(self.silent("from here"))
        return None

    def named(self) -> str:
        """The running server, described so that its owner finds it."""
        lines = postmaster_file(self.data)
        process = f" (process {lines[PID]})" if lines else ""
        host = "".join(f" of machine {name}" for name in machine_of(self.data)[:1])
        return f"a server{process}{host}"

    def silent(self, when: str) -> str:
        return f"{self.named()} runs there, and does not answer {when}: stop it first"

    def stop(self, longest: float, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it if it runs, and wait at most so many seconds for its end.

        SIGINT is a fast shutdown, SIGQUIT an immediate one.
        """
        lines = postmaster_file(self.data)
        pid = postmaster(self.data)
        if pid is None:
            # It runs elsewhere, has crashed, or has just been started.
            longest = min(longest, 2)
        elif pid != int(lines[PID]):
            # It runs in a container, and we cannot signal its processes.
            return
        now = asked = begun = time.monotonic()
        deadline = now + longest
        while self.runs() and now < deadline:
            # A server that recovers from a crash may miss the signal, or may not have noticed the
            # crash.
            if now >= asked:
                late = now - begun > LONGEST_SHUTDOWN
                self._signal(signal.SIGQUIT if late else how)
                asked = now + 0.2
            time.sleep(0.005)
            now = time.monotonic()
        if lines[SOCKET_DIRECTORY:] and not self.runs():
            sockets.remove(Path(lines[SOCKET_DIRECTORY]), self.data, self.account)

    def _signal(self, how: signal.Signals) -> None:
        """Send a signal to the server; all but SIGQUIT only if it accepts connections."""
        lines = postmaster_file(self.data)
        pid = postmaster(self.data)
        if not lines or pid != int(lines[PID]):
            return
        if how == signal.SIGQUIT or self._ping() == Ping.OK:
            with suppress(ProcessLookupError):
                os.kill(pid, how)

    def _ping(self) -> Ping:
        """The result of libpq's PQping, for which any role and database will do."""
        lines = postmaster_file(self.data)
        if len(lines) <= SOCKET_DIRECTORY:
            return Ping.NO_RESPONSE
        where = make_conninfo(
            host=lines[SOCKET_DIRECTORY], port=lines[SOCKET_PORT].strip(), user="postgres"
        )
        return Ping(PGconn.ping(where.encode()))
