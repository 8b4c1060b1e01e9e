"""The embedded server: crashes, and servers and processes that are not its own."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.embedded.servers import (
    BARE,
    PROGRAMS,
    contents,
    environment,
    is_stopped,
    owner,
    postmaster,
    refusal,
    run,
    running,
    server_of,
)
from tests.support import running_manage
from veza_core.db.embedded import sockets


def test_a_stale_pid_that_another_process_has_now(copy):
    """The process gets no signal, and does not prevent the start of the server."""
    with running(copy):
        lines = (copy / "postmaster.pid").read_text().splitlines()
        (lock,) = copy.glob(".s.PGSQL.*.lock")
        lock_lines = lock.read_text().splitlines()
    run(copy)
    identity = {"user": owner(copy).uid} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "1000"], cwd="/", **identity) as innocent:
        for path, text in ((copy / "postmaster.pid", lines), (lock, lock_lines)):
            path.write_text("\n".join([str(innocent.pid), *text[1:]]) + "\n")
        try:
            run(copy)
            assert innocent.poll() is None
        finally:
            innocent.kill()
    assert is_stopped(copy)


@pytest.mark.parametrize(
    "text",
    ["", "\n", "garbage\n", "0\n", "12", "\0" * 100, "99999999999999\n", "x\n/\n1\n5432\n/\n"],
    ids=["empty", "a line", "text", "zero", "cut short", "zeros", "too long", "no number"],
)
def test_a_lock_file_that_a_crash_of_the_machine_spoilt(text, copy):
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        (copy / name).write_text(text)
    run(copy)
    assert is_stopped(copy)


@pytest.mark.parametrize("name", ["postgres", "long" * 30])
def test_a_server_that_was_killed(name, tmp_path):
    """The directory of its socket is used again, or created again if it is missing."""
    home = tmp_path / name
    for forget in (False, True):
        with running(home) as process:
            os.kill(postmaster(home), signal.SIGKILL)
            while server_of(home).runs():
                time.sleep(0.01)
            if forget and Path(process.host) != home:
                shutil.rmtree(process.host)
            process.kill()
        host = run(home)
        assert name == "postgres" or (host == process.host) is not forget
        assert "recovery" in (home / "log").read_text()


def test_a_process_that_lives_on_starts_it_again(copy):
    more = (
        "import signal\n"
        "with psycopg.connect(host=host, port=5432, user='postgres', autocommit=True) as session:\n"
        "    os.kill(int(open(sys.argv[1] + '/postmaster.pid').readline()), signal.SIGKILL)\n"
        "    try:\n"
        "        while True:\n"
        "            session.execute('SELECT pg_sleep(0.01)')\n"
        "    except psycopg.OperationalError:\n"
        "        pass\n"
        "host = embedded.start(sys.argv[1], 'veza')\nprint(ask())"
    )
    assert run(copy, more) == "C.UTF-8"
    assert is_stopped(copy)


def test_a_long_recovery_is_waited_for(copy):
    """The recovery is from an archive. Its restore_command waits once, and then finds nothing."""
    (copy / "recovery.signal").touch()
    with (copy / "postgresql.auto.conf").open("a") as settings:
        settings.write(
            "restore_command = 'touch slow; until [ -e go ]; do sleep 0.1; done; false'\n"
        )
    with running_manage(*BARE, **environment(copy)) as first:
        while not (copy / "slow").exists():
            assert first.poll() is None
            time.sleep(0.1)
        with running_manage(*BARE, **environment(copy)) as second:
            (copy / "go").touch()
            assert second.communicate(timeout=60) == ("", "")
        assert first.communicate(timeout=60) == ("", "")
    assert (first.returncode, second.returncode) == (0, 0)
    assert is_stopped(copy)


def test_a_shutdown_that_does_not_end_becomes_an_immediate_one(copy, monkeypatch):
    """As if PostgreSQL 18 had lost its startup process: here the checkpointer does not respond."""
    server = server_of(copy)
    server.start(60)
    with psycopg.connect(host=str(copy), user="postgres") as session:
        query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"
        os.kill(session.execute(query).fetchone()[0], signal.SIGSTOP)
    monkeypatch.setattr("veza_core.db.embedded.server.LONGEST_SHUTDOWN", 0.3)
    server.stop(30)
    assert is_stopped(copy)
    assert run(copy, "print(ask())") == "C.UTF-8"


@pytest.mark.parametrize("crashed", [False, True])
def test_a_start_that_fails_leaves_no_directory_of_a_socket(crashed, tmp_path, monkeypatch):
    home = tmp_path / ("long" * 30)
    if crashed:
        with running(home):
            os.kill(postmaster(home), signal.SIGKILL)
            while server_of(home).runs():
                time.sleep(0.01)
    else:
        run(home)
    made_directories = []
    choose = sockets.choose

    def noted(*arguments):
        made_directories.append(choose(*arguments))
        return made_directories[-1]

    monkeypatch.setattr(sockets, "choose", noted)
    (home / "PG_VERSION").write_text("14\n")
    assert "version 14" in refusal(home)
    assert [directory.exists() for directory in made_directories] == [False]


@pytest.mark.parametrize("port", ["5432", "5433"])
@pytest.mark.parametrize("container", [False, True])
def test_a_server_started_by_hand_is_left_alone_and_named(port, container, copy):
    account = owner(copy)
    pg_ctl = [PROGRAMS / "pg_ctl", "-D", copy, "-w", "-l", "/dev/null"]
    reaching = [PROGRAMS / "pg_ctl", copy]
    options = {"stdout": subprocess.DEVNULL}
    options_of_server = ["-o", f"-c listen_addresses='' -k {copy} -p {port}", "start"]
    account.run([*pg_ctl, *options_of_server], reaching, **options)
    try:
        lines = (copy / "postmaster.pid").read_text().splitlines()
        if container:
            # PostgreSQL does not see the shared memory of another container.
            there = [*lines[:6], "", *lines[7:]]
            (copy / "postmaster.pid").write_text("\n".join(there) + "\n")
        assert f"process {lines[0]}" in refusal(copy)
        os.kill(int(lines[0]), 0)
    finally:
        account.run([*pg_ctl, "stop"], reaching, **options)


@pytest.mark.parametrize("machine", ["", "elsewhere"])
def test_a_server_that_cannot_be_reached_is_left_alone_and_named(machine, copy):
    with running(copy):
        pid = postmaster(copy)
        (socket,) = copy.glob(".s.PGSQL.5432")
        socket.rename(copy / "aside")
        if machine:
            (copy / "server.lock").write_text(machine)
        message = refusal(copy)
        assert f"process {pid}" in message
        assert machine in message
        (copy / "aside").rename(socket)
        os.kill(pid, 0)


def test_a_server_of_another_machine_whose_lock_does_not_reach_us(copy):
    """server.lock has the name and the boot ID of the machine. If both differ from ours, the server
    may still run there. A new container has the same boot ID; after a reboot, the name is the same.
    """
    with running(copy):
        lines = (copy / "postmaster.pid").read_text()
    own = (copy / "server.lock").read_text().split()
    assert len(own) == (2 if sys.platform == "linux" else 1)
    (copy / "server.lock").write_text("elsewhere another-boot")
    (copy / "postmaster.pid").write_text(lines)
    before = contents(copy / "global")
    assert "of machine elsewhere" in refusal(copy)
    assert (copy / "postmaster.pid").read_text() == lines
    assert (copy / "server.lock").read_text() == "elsewhere another-boot"
    assert contents(copy / "global") == before
    for machine in ("elsewhere " + own[-1], own[0] + " another-boot", ""):
        (copy / "server.lock").write_text(machine)
        (copy / "postmaster.pid").write_text(lines)
        run(copy)
        assert is_stopped(copy)
    (copy / "server.lock").write_text("elsewhere another-boot")
    run(copy)
