"""The OS user that a server runs as. PostgreSQL refuses to run as root."""

import fcntl
import os
import pwd
import subprocess
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

#: Root's own servers run as this system user, which root creates and nobody else uses.
SYSTEM_USER = "embedded_postgres"

#: Capabilities with which that user passes directories that it cannot enter, such as /root; the
#: smaller one first. Docker gives its containers only the second one. No other user gets them,
#: because every client of the server can read and write files with them.
CAPABILITIES = ("dac_read_search", "dac_override")


class StartError(Exception):
    """Why a server does not start, in one line."""


@dataclass(frozen=True, slots=True)
class Account:
    """An OS user. `name` is None if the machine knows only the number."""

    uid: int
    gid: int
    name: str | None

    @classmethod
    def of(cls, uid: int, gid: int) -> "Account":
        """The user with this number. If the machine does not know the user, the group counts."""
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            return cls(uid, gid, None)
        return cls(uid, entry.pw_gid, entry.pw_name)

    @classmethod
    def owner_of(cls, path: Path) -> "Account":
        status = path.stat()
        return cls.of(status.st_uid, status.st_gid)

    def __str__(self) -> str:
        return self.name or str(self.uid)

    def own(self, path: int | Path) -> None:
        """Give a file to the user. Only root needs to do this, and can."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)

    def own_tree(self, top: Path) -> None:
        self.own(top)
        for directory, directories, files in os.walk(top):
            for name in (*directories, *files):
                os.chown(Path(directory) / name, self.uid, self.gid, follow_symlinks=False)

    def run(
        self, command: Sequence[str | Path], reaching: Iterable[Path], **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as the user, who must be able to execute the programs in `reaching`, and to
        enter the directories in it.

        Raises `StartError` if the user cannot.
        """
        options = {"text": True, "check": False, "cwd": "/", **options}
        if os.geteuid() == self.uid:
            return subprocess.run(command, **options)  # noqa: S603
        prefix, identity = self._way(tuple(reaching))
        return subprocess.run([*prefix, *command], **identity, **options)  # noqa: S603

    def _way(self, reaching: tuple[Path, ...]) -> tuple[list[str], dict[str, Any]]:
        """How root becomes the user: a beginning of the command, and options of `subprocess`."""
        groups = os.getgrouplist(self.name, self.gid) if self.name else [self.gid]
        numbers = ",".join(map(str, groups))
        identity = {"user": self.uid, "group": self.gid, "extra_groups": groups}
        ways: list[tuple[list[str], dict[str, Any]]] = [([], identity)]
        for capability in CAPABILITIES if self.name == SYSTEM_USER else ():
            command = ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}"]
            command += [f"--groups={numbers}", f"--inh-caps=+{capability}"]
            # Without it, access(2) ignores the capabilities, and postgres checks them itself.
            command += ["--securebits=+no_setuid_fixup"]
            ways.append(([*command, f"--ambient-caps=+{capability}", "--"], {}))
        script = 'for path; do test -x "$path" || exit 1; done'
        errors = []
        for prefix, options in ways:
            command = [*prefix, "/bin/sh", "-c", script, "sh", *map(str, reaching)]
            try:
                tried = subprocess.run(  # noqa: S603
                    command, **options, cwd="/", capture_output=True, text=True, check=False
                )
            except OSError as error:
                errors.append(str(error))
            else:
                if tried.returncode == 0:
                    return prefix, options
                errors.append(tried.stderr.strip())
        message = "; ".join(dict.fromkeys(filter(None, errors)))
        raise StartError(
            f"PostgreSQL refuses to run as root, and user {self} cannot reach "
            f"{' or '.join(map(str, reaching))}" + (f" ({message})" if message else "")
        )


def account_for(path: Path) -> Account:
    """The user that a server with its data in `path` runs as.

    For root, it is the owner of the nearest existing directory, so that they are not locked out.
    If the owner is root, it is the system user. Raises `StartError` if there is none and it cannot
    be created.
    """
    uid = os.geteuid()
    if uid != 0:
        return Account.of(uid, os.getegid())
    while not path.exists():
        path = path.parent
    owner = Account.owner_of(path)
    return owner if owner.uid else system_account()


def _create_system_user() -> str:
    """Let useradd create it unless another process has; return useradd's error, or "".

    Of two useradds at the same time, the second one gives the user another number.
    """
    command = ["useradd", "--system", "--no-create-home", "--user-group"]
    command += ["--shell", "/usr/sbin/nologin", SYSTEM_USER]
    directory = os.open("/etc", os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        with suppress(KeyError):
            pwd.getpwnam(SYSTEM_USER)
            return ""
        made = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        return made.stderr.strip()
    finally:
        os.close(directory)


@cache
def system_account() -> Account:
    """The system user, created at its first use.

    Raises `StartError` if the machine has no useradd, or does not let root use it.
    """
    message = ""
    for _ in range(50):
        with suppress(KeyError):
            entry = pwd.getpwnam(SYSTEM_USER)
            return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)
        try:
            message = _create_system_user()
        except OSError as error:
            message = str(error)
        # Another program may hold useradd's own lock.
        time.sleep(0.1 if "lock" in message else 0)
    raise StartError(
        f"PostgreSQL refuses to run as root, and there is no user {SYSTEM_USER} ({message})"
    )
