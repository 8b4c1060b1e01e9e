"""The data directory: created, taken over and filled by initdb, without losing anything in it."""

import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from . import sockets
from .account import Account, StartError, account_for, system_account

LOG = "log"
#: Held by the process that starts or stops the server, and by an initdb that outlives it.
START_LOCK = "start.lock"
#: The directory in which initdb works, and its name when initdb has succeeded.
UNFINISHED, FINISHED = "initdb", "initdb.finished"
#: What a data directory contains before initdb has run.
OURS = {START_LOCK, "clients.lock", "server.lock", LOG, UNFINISHED}
#: Who may connect: the OS users in pg_ident.conf, as any role.
HBA = "local all all peer map=owner\nlocal replication all peer map=owner\n"
INHERITED = ("PATH", "TZ", "TZDIR")
#: Without what the machine lacks: glibc has C.UTF-8 since 2.35, and Debian had it before.
LOCALES = ("C.UTF-8", "C")


def make(data: Path) -> Account:
    """Create the directory and its parents if necessary, and return the user who must own it.

    Raises `StartError` if it is something else, belongs to another user, or contains other files.
    """
    account = account_for(data)
    if not os.path.lexists(data):
        _make_parents(data.parent)
        with suppress(FileExistsError):
            data.mkdir(mode=0o700)
            # A umask may take the owner's own permissions too.
            data.chmod(0o700)
    if not data.is_dir():
        raise StartError("it is not a directory")
    if os.geteuid() and data.stat().st_uid != account.uid:
        raise StartError(
            f"it belongs to user {Account.owner_of(data)}; EMBEDDED_DIRECTORY can name another "
            "directory"
        )
    entries = set(os.listdir(data))  # noqa: PTH208
    # With the lock's file, `adopt` checks it under the lock: another process may be filling it.
    if START_LOCK not in entries:
        _check(data, account, entries)
    return account


def _make_parents(directory: Path) -> None:
    """Create directories that belong to the owner of the directory above them."""
    if not directory.exists():
        _make_parents(directory.parent)
        directory.mkdir(exist_ok=True)
        Account.owner_of(directory.parent).own(directory)


def _check(data: Path, account: Account, entries: set[str]) -> None:
    """Raise `StartError` if the directory contains other files, or belongs to somebody else."""
    if not entries & {"PG_VERSION", FINISHED} and not entries <= OURS:
        raise StartError("it contains other files, and not PostgreSQL's data; nothing was changed")
    owner = Account.owner_of(data)
    if owner.uid != account.uid and not entries <= OURS:
        raise StartError(f"it belongs to user {owner}, and PostgreSQL does not run as this user")


def adopt(data: Path, account: Account) -> None:
    """Give an empty directory, or one with PostgreSQL's data, to the user, and close it to others.

    Raises `StartError` if it contains something else, or belongs to somebody else.
    """
    _check(data, account, set(os.listdir(data)))  # noqa: PTH208
    status = data.stat()
    if status.st_uid != account.uid:
        account.own(data)
    if stat.S_IMODE(status.st_mode) & 0o077:
        data.chmod(0o700)


def open_file(path: Path, account: Account) -> int:
    """Open a file in the data directory, created for the user only; return its descriptor."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    status = os.fstat(descriptor)
    if stat.S_IMODE(status.st_mode) & 0o600 != 0o600:
        os.fchmod(descriptor, 0o600)
    if status.st_uid != account.uid:
        account.own(descriptor)
    return descriptor


def allow_only_owner(data: Path, account: Account, more: str = "") -> None:
    """Write who may connect: the user that runs the server, and root.

    `more` are further lines of pg_hba.conf.
    """
    names = dict.fromkeys((account.name, Account.of(0, 0).name))
    ident = "".join(f'owner "{name}" all\n' for name in names if name)
    for name, text in (("pg_hba.conf", HBA + more), ("pg_ident.conf", ident)):
        path = data / name
        if path.read_text() != text:
            new = data / f"{name}.new"
            new.unlink(missing_ok=True)
            descriptor = open_file(new, account)
            with open(descriptor, "w") as file:  # noqa: PTH123
                file.write(text)
            new.replace(path)


def environment() -> dict[str, str]:
    """The environment of the programs: no settings of libpq and PostgreSQL, no language, no
    libraries.

    The user that runs the server can read it in /proc, so it must not contain root's secrets.
    """
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def reason(log: Path, start: int) -> str:
    """What a failed program wrote, from this place in the log on: the error and its detail."""
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    errors = [
        number
        for number, line in enumerate(lines)
        if re.search(r"\b(?:FATAL|PANIC|ERROR|error): ", line)
    ]
    found = errors[0] if errors else -1
    message = [
        re.sub(r".*?\b(?:FATAL|PANIC|ERROR|error): +", "", line) for line in lines[found:][:1]
    ]
    for line in lines[found + 1 :][:1] if errors else []:
        message += re.findall(r"(?:DETAIL|HINT|detail|hint): +(.*)", line)
    return f"{'. '.join(message).rstrip('.') or 'it reported no error'} (its log is {log})"


def fill(programs: Path, data: Path, account: Account, superuser: str, lock: int) -> None:
    """Let initdb create an empty database cluster, unless there is one.

    initdb writes the file that marks a complete cluster first, so it works in a separate directory,
    which is renamed after it has succeeded. `lock` is this process's descriptor of `START_LOCK`.
    initdb shares it, so that nobody removes its directory if we are killed. Raises `StartError`
    with initdb's own words.
    """
    if (data / "PG_VERSION").exists():
        return
    unfinished, finished = data / UNFINISHED, data / FINISHED
    if not finished.exists():
        if unfinished.exists():
            shutil.rmtree(unfinished)
        options = ["--username", superuser, "--auth=peer", "--encoding=UTF8"]
        with _short(data) as short:
            initdb(programs, short / UNFINISHED, account, data / LOG, *options, lock=lock)
        unfinished.rename(finished)
    names = sorted(os.listdir(finished), key="PG_VERSION".__eq__)  # noqa: PTH208
    for name in names:
        (finished / name).rename(data / name)
    finished.rmdir()


def initdb(
    programs: Path,
    data: Path,
    account: Account,
    log: Path,
    *options: str,
    lock: int | None = None,
) -> None:
    """Run initdb, which creates the directory `data`, with the machine's best locale.

    `log` is the file that its output is added to; `lock` is a descriptor that it shares. Raises
    `StartError` with initdb's own words.
    """
    # initdb needs its user's name.
    runner = account if account.name else system_account()
    runner.own(data.parent)
    with _plain(programs, runner) as plain, os.fdopen(open_file(log, account), "a") as output:
        for locale in LOCALES:
            start = log.stat().st_size
            done = runner.run(
                [plain / "initdb", "-D", str(data), f"--locale={locale}", *options],
                [plain / "initdb", plain / "postgres", data.parent],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment(),
                pass_fds=[] if lock is None else [lock],
            )
            if done.returncode == 0:
                break
            message = reason(log, start)
            if "locale name" not in message:
                raise StartError(message)
        else:
            raise StartError(message)
    if runner != account:
        account.own_tree(data)
        account.own(data.parent)


@contextmanager
def _short(data: Path) -> Iterator[Path]:
    """A path of the data directory that initdb accepts."""
    if not sockets.needs_link(data):
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="veza-initdb-") as temporary:
        # A link shows nothing but its target's name.
        Path(temporary).chmod(0o711)
        yield sockets.short(data, Path(temporary))


@contextmanager
def _plain(programs: Path, account: Account) -> Iterator[Path]:
    """A path of the programs without characters that a shell interprets within double quotes.

    initdb starts postgres with such a line, with all symbolic links resolved.
    """
    installation = programs.resolve().parent
    if not re.search(r'["$`\\\n]', str(installation)):
        yield programs
        return
    with tempfile.TemporaryDirectory(prefix="veza-initdb-") as temporary:
        # The wheel's libraries are next to its package.
        copies = [installation, *installation.parent.parent.glob("*.libs")]
        for directory in copies:
            shutil.copytree(
                directory, Path(temporary) / directory.relative_to(installation.parent.parent)
            )
        account.own_tree(Path(temporary))
        yield Path(temporary) / installation.relative_to(installation.parent.parent) / "bin"
