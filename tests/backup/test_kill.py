"""A kill at any moment of a restore: the database is as it was, and the next restore works.

A pg_restore that stops half way makes the moment the same on every machine.
"""

import signal
import subprocess
import time
from contextlib import suppress

import psutil
import pytest
from django.db import connection

from tests.backup.state import connect, differences, state_of
from tests.support import database_environment, manage, running_manage, scratch_database
from veza_core.operations.backup.programs import find_tools

pytestmark = pytest.mark.django_db

PATIENCE = 60.0


@pytest.fixture(scope="module")
def old(filled, django_db_blocker):
    """A database that differs from the backup, and its state."""
    with django_db_blocker.unblock(), scratch_database(f"TEMPLATE {filled}") as name:
        with connect(name) as session:
            session.execute("UPDATE users SET is_banned = true; DROP TABLE track_likes, rooms")
        yield name, state_of(name)


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not (result := condition()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)
    return result


# Writes the first half of the real output for that section, reports it, and waits.
HALTING = """#!/bin/sh
case "$*" in
*--section={section}*) {real} "$@" | {{ head -c {size}; touch {halted}; exec sleep 600; }} ;;
*) exec {real} "$@" ;;
esac
"""


@pytest.fixture
def halting_tools(tmp_path, archive):
    """Create a directory of tools for a section; return it, and the file that reports the halt."""

    def make(section):
        tools = find_tools(connection.pg_version // 10000)[0]
        (tmp_path / "pg_dump").symlink_to(tools.path("pg_dump"))
        real, halted = tools.path("pg_restore"), tmp_path / "halted"
        arguments = [real, "--file=-", f"--section={section}", archive]
        size = len(subprocess.run(arguments, check=True, capture_output=True).stdout) // 2
        script = tmp_path / "pg_restore"
        script.write_text(HALTING.format(section=section, real=real, size=size, halted=halted))
        script.chmod(0o755)
        return tmp_path, halted

    return make


def sessions(name):
    with connect("postgres") as server:
        return server.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = %s", [name]
        ).fetchall()


def kill_command(command, children, name):
    command.kill()
    return -signal.SIGKILL


def kill_pg_restore(command, children, name):
    for child in children:
        # They are a pipe: one may end with another, before its turn.
        with suppress(psutil.NoSuchProcess):
            child.kill()
    return 1


def end_backend(command, children, name):
    with connect("postgres") as server:
        for (pid,) in sessions(name):
            server.execute("SELECT pg_terminate_backend(%s)", [pid])
    return kill_pg_restore(command, children, name)


def terminate(command, children, name):
    command.terminate()
    return 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("section", "kill"),
    [
        ("pre-data", kill_command),
        ("data", kill_command),
        ("post-data", kill_command),
        ("data", kill_pg_restore),
        ("data", end_backend),
        ("data", terminate),
    ],
)
def test_killed(section, kill, old, archive, halting_tools):
    name, before = old
    halt(name, section, kill, archive, halting_tools)
    assert differences(before, state_of(name)) == ""


def halt(name, section, kill, archive, halting_tools):
    """Restore into a database until a section's middle, and end it there by `kill`."""
    tools, halted = halting_tools(section)
    arguments = ["restore_db", str(archive), "--replace", "--noinput", "--tools", str(tools)]
    with running_manage(*arguments, **database_environment(name)) as command:
        wait_for(halted.exists)
        children = psutil.Process(command.pid).children(recursive=True)
        expected = kill(command, children, name)
        try:
            _, err = command.communicate(timeout=PATIENCE)
        finally:
            for child in children:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
        assert command.returncode == expected, err
        assert "Traceback" not in err
        if expected == 1:
            assert len(err.strip().splitlines()) == 1
    wait_for(lambda: not sessions(name))


def test_the_next_restore_works(old, filled, archive, halting_tools):
    with scratch_database(f"TEMPLATE {old[0]}") as name:
        halt(name, "data", kill_command, archive, halting_tools)
        arguments = ["restore_db", str(archive), "--replace", "--noinput"]
        result = manage(*arguments, **database_environment(name))
        assert result.returncode == 0, result.stderr
        assert differences(state_of(filled), state_of(name)) == ""
