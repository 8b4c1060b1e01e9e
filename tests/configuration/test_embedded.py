"""The embedded server: shared by processes that come, go and are killed as they like."""

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from tests.support import manage, running_manage

BARE = [
    "shell",
    "--no-imports",
    "--command",
    "from django.db import connection; connection.connect()",
]


def environment(home: Path) -> dict[str, str]:
    return {"EMBEDDED_DIRECTORY": str(home), "DATABASE_URL": ""}


def test_processes_that_come_and_go_together():
    """Each writes itself into the list of those that use the server, and out of it again."""
    with TemporaryDirectory(dir="/tmp") as temporary:
        home = Path(temporary) / "postgres"
        for _ in range(2):
            with ExitStack() as stack:
                started = [running_manage(*BARE, **environment(home)) for _ in range(16)]
                runs = [stack.enter_context(run) for run in started]
                outputs = [run.communicate(timeout=120) for run in runs]
            assert [run.returncode for run in runs] == [0] * 16, outputs
            assert not any(error for _, error in outputs), outputs
        assert json.loads((home / ".handle_pids.json").read_text()) == []
        assert not (home / "postmaster.pid").exists()


def test_a_kill_while_the_list_was_written():
    with TemporaryDirectory(dir="/tmp") as temporary:
        home = Path(temporary) / "postgres"
        assert manage(*BARE, **environment(home)).returncode == 0
        for broken in ("", "[12, 1"):
            (home / ".handle_pids.json").write_text(broken)
            result = manage(*BARE, **environment(home))
            assert (result.returncode, result.stderr) == (0, "")


def test_the_killed_do_not_keep_the_server():
    with TemporaryDirectory(dir="/tmp") as temporary:
        home = Path(temporary) / "postgres"
        assert manage(*BARE, **environment(home)).returncode == 0
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        assert not psutil.pid_exists(gone.pid)
        (home / ".handle_pids.json").write_text(json.dumps([gone.pid]))
        assert manage(*BARE, **environment(home)).returncode == 0
        assert not (home / "postmaster.pid").exists()


def test_a_recovery_that_takes_longer_than_the_wheel_waits():
    """It recovers from an archive here, whose command is slow once, and then has nothing."""
    with TemporaryDirectory(dir="/tmp") as temporary:
        home = Path(temporary) / "postgres"
        assert manage(*BARE, **environment(home)).returncode == 0
        (home / "recovery.signal").touch()
        with (home / "postgresql.auto.conf").open("a") as settings:
            settings.write("restore_command = 'mkdir slow && sleep 11; false'\n")
        with running_manage(*BARE, **environment(home)) as first:
            while not (home / "slow").exists():
                assert first.poll() is None
                time.sleep(0.1)
            second = manage(*BARE, **environment(home))
            assert (second.returncode, second.stderr) == (0, "")
            assert first.communicate(timeout=60) == ("", "")
        assert first.returncode == 0
