"""The embedded server: other users cannot connect, and no directory changes its owner."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.embedded.servers import (
    PROGRAMS,
    is_stopped,
    owner,
    plain_user,
    python_of,
    refusal,
    run,
    running,
    server_of,
)
from veza_core.db.embedded.account import SYSTEM_USER, Account, StartError
from veza_core.db.embedded.server import Server

#: Creates the system user in 16 processes at the same time.
TOGETHER = """
import multiprocessing
from veza_core.db.embedded.account import system_account

processes = multiprocessing.get_context("fork")
barrier, uids = processes.Barrier(16), processes.Queue()

def create():
    barrier.wait()
    uids.put(system_account().uid)

for _ in range(16):
    processes.Process(target=create).start()
for _ in range(16):
    print(uids.get(timeout=60))
"""


def modes(path: Path) -> dict[Path, tuple[int, int, int]]:
    return {
        directory: (status.st_mode, status.st_uid, status.st_gid)
        for directory in (path, *path.parents)
        if (status := directory.stat())
    }


@pytest.mark.parametrize("name", ["postgres", "long" * 30])
def test_directories_that_are_not_ours_stay_as_they_are(name, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    before = modes(closed), modes(PROGRAMS)
    run(closed / name)
    assert (modes(closed), modes(PROGRAMS)) == before


@pytest.mark.parametrize("name", ["postgres", "long" * 30])
def test_nobody_else_can_enter_the_directory_of_the_socket(name, tmp_path):
    home = tmp_path / name
    home.mkdir(mode=0o755)
    with running(home) as process:
        for directory in (home, Path(process.host)):
            status = directory.stat()
            assert stat.S_IMODE(status.st_mode) == 0o700
            assert status.st_uid == owner(home).uid
        assert stat.S_IMODE((Path(process.host) / ".s.PGSQL.5432").stat().st_mode) == 0o700
        with psycopg.connect(host=process.host, user="postgres") as session:
            assert session.execute("SHOW listen_addresses").fetchone() == ("",)


@pytest.mark.usefixtures("open_checkout")
def test_no_other_user_can_connect(passable):
    """Not even a user who can enter the directory, if pg_hba.conf is that of the wheel's Python."""
    other = plain_user()
    home = passable / "postgres"
    run(home)
    (home / "pg_hba.conf").write_text("local all all trust\n")
    with running(home) as process:
        for path in (home / ".s.PGSQL.5432", home):
            path.chmod(0o777)
        psql = PROGRAMS / "psql"
        done = other.run(
            [psql, "-h", process.host, "-U", "postgres", "-c", "SELECT 1"],
            [psql],
            capture_output=True,
        )
        assert "Peer authentication failed" in done.stderr


def test_processes_that_create_the_system_user_together_get_one(tmp_path):
    """The workers of `make test` do so on a new machine. Here they see a copy of /etc."""
    plain_user()
    etc = tmp_path / "etc"
    shutil.copytree("/etc", etc, symlinks=True)
    for name in ("passwd", "shadow", "group", "gshadow"):
        lines = (etc / name).read_text().splitlines(keepends=True)
        known = [line for line in lines if not line.startswith(f"{SYSTEM_USER}:")]
        (etc / name).write_text("".join(known))
    script = f'mount --bind {etc} /etc && exec "$0" -c "$1"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, sys.executable, TOGETHER],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.stderr.startswith("unshare:"):
        pytest.skip(f"needs a mount namespace: {done.stderr.strip()}")
    uids = done.stdout.split()
    assert len(uids) == 16, done
    [uid] = set(uids)
    assert f"\n{SYSTEM_USER}:x:{uid}:" in (etc / "passwd").read_text()


@pytest.mark.usefixtures("open_checkout")
def test_root_in_the_checkout_of_a_user(passable):
    """The server runs as the user, who is not locked out, and root can use the user's server."""
    user = plain_user()
    checkout = passable / "checkout"
    checkout.mkdir()
    user.own(checkout)
    home = checkout / "deep" / "postgres"
    run(home)
    owners = {path.lstat().st_uid for path in checkout.rglob("*")}
    assert owners == {user.uid}
    done = python_of(user, home, "print(ask('SELECT 1'))")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
    assert is_stopped(home)


@pytest.mark.usefixtures("open_checkout")
def test_root_in_the_checkout_of_a_user_without_a_name(passable):
    """As in a container that mounts a directory of the host."""
    plain_user()
    os.chown(passable, 54321, 54321)
    run(passable / "postgres")
    assert {path.lstat().st_uid for path in passable.rglob("*")} == {54321}


@pytest.mark.parametrize("uid", [65534, 54321], ids=["named", "nameless"])
@pytest.mark.parametrize("closed", ["data", "programs"])
def test_root_gives_no_other_user_its_right_to_pass_closed_directories(
    uid, closed, tmp_path, passable
):
    """Otherwise that user could read root's files with SQL."""
    plain_user()
    (tmp_path / "closed").mkdir(mode=0o700)
    checkout = (tmp_path / "closed" if closed == "data" else passable) / "checkout"
    checkout.mkdir()
    os.chown(checkout, uid, uid)
    programs = PROGRAMS
    if closed == "programs":
        shutil.copytree(
            PROGRAMS.parent, tmp_path / "closed/pginstall", ignore=lambda *_: ["include"]
        )
        programs = tmp_path / "closed/pginstall/bin"
    account = Account.of(uid, uid)
    with pytest.raises(StartError, match="cannot reach"):
        Server(programs, checkout, account).start(60)
    if closed == "data":
        assert "cannot reach" in refusal(checkout / "postgres")


def test_data_of_another_user_is_left_alone_and_named(passable):
    user = plain_user()
    home = passable / "postgres"
    with running(home):
        before = modes(home)
        done = python_of(user, home)
        assert done.returncode == 1
        assert f"belongs to user {owner(home)}" in done.stderr.splitlines()[-1]
        assert modes(home) == before
        assert server_of(home).ready()
