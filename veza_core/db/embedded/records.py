"""What a data directory says about its server: `postmaster.pid`, and the lock's contents."""

import re
import socket
from pathlib import Path

from . import sockets

#: A running server holds it. It contains the machine and its boot ID.
SERVER_LOCK = "server.lock"

# The lines of postmaster.pid, counted from 0 (PostgreSQL, src/include/utils/pidfile.h).
PID, START, SOCKET_PORT, SOCKET_DIRECTORY, STATUS = 0, 2, 3, 4, 7


def postmaster_file(data: Path) -> list[str]:
    """The lines of postmaster.pid; empty if a crash of the machine has damaged it."""
    try:
        text = (data / "postmaster.pid").read_text(errors="surrogateescape")
    except FileNotFoundError:
        return []
    # A negative number is a backend's in single-user mode.
    whole = re.match(r"-?[1-9]\d{0,9}\n", text) and "\0" not in text
    return text.splitlines() if whole else []


def postmaster(data: Path) -> int | None:
    """The process that listens on the recorded socket, from the kernel."""
    lines = postmaster_file(data)
    if len(lines) <= SOCKET_DIRECTORY:
        return None
    return sockets.listener(Path(lines[SOCKET_DIRECTORY]), lines[SOCKET_PORT].strip())


def machine_of(data: Path) -> list[str]:
    """The machine on which the server was started; empty if that is not recorded."""
    try:
        return (data / SERVER_LOCK).read_text(errors="replace").split()
    except FileNotFoundError:
        return []


def machine() -> list[str]:
    """The name of the machine that we run on, and its boot ID if the kernel has one."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return [socket.gethostname(), *(boot.read_text().split() if boot.exists() else [])]
