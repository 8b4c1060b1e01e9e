"""The file of a backup: complete or absent, and private."""

import fcntl
import hashlib
import os
import pty
import re
import resource
import signal
import struct
import subprocess
import sys
import termios
import time

import psutil
import pytest
from django.core.management.base import CommandError
from django.db import connection
from psycopg.conninfo import conninfo_to_dict

from tests.backup.state import connect
from tests.support import (
    ROOT,
    database_environment,
    database_url,
    is_one_clear_line,
    manage,
    running_manage,
)
from veza_core.db.backend.base import DatabaseWrapper
from veza_core.db.libpq import program_arguments
from veza_core.db.url import database_settings
from veza_core.operations.backup.files import written_whole

pytestmark = pytest.mark.django_db


def test_ends_with_one_line(filled, tmp_path):
    path = tmp_path / "a name with spaces.dump"
    result = manage("backup_db", str(path), **database_environment(filled))
    assert (result.returncode, result.stderr) == (0, "")
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    size = r"\d+\.\d [kM]B"
    line = (
        rf"{re.escape(str(path))}: {size}, \d+ tables of schema \S+, \d+\.\d s, sha256 {checksum}"
    )
    connected, last = result.stdout.splitlines()
    assert connected.startswith("Connected to ")
    assert re.fullmatch(line, last)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_no_file_is_replaced_unless_asked_for(filled, tmp_path):
    path = tmp_path / "there.dump"
    path.write_text("precious")
    refusal = pytest.raises(CommandError, match="already exists")
    with refusal, written_whole(path, replace=False):
        pass
    assert path.read_text() == "precious"
    result = manage("backup_db", str(path), "--force", **database_environment(filled))
    assert result.returncode == 0, result.stderr
    assert path.read_bytes().startswith(b"PGDMP")
    assert path.stat().st_mode & 0o777 == 0o600


def wait_for_dump(process, database):
    """Wait for the pg_dump that waits for a lock on a table."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with connect(database) as session:
            waiting = session.execute(
                "SELECT FROM pg_stat_activity WHERE datname = current_database() "
                "AND wait_event_type = 'Lock' AND query LIKE 'LOCK TABLE%'"
            ).fetchone()
        if waiting is not None:
            (child,) = [c for c in psutil.Process(process.pid).children() if c.name() == "pg_dump"]
            return child
        time.sleep(0.02)
    raise AssertionError("pg_dump never came")


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_interrupted(number, expected, database, tmp_path):
    with connect(database) as session, session.transaction():
        session.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        arguments = ["backup_db", str(tmp_path / "never.dump")]
        with running_manage(*arguments, **database_environment(database)) as process:
            child = wait_for_dump(process, database)
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (expected, "")
        assert not child.is_running()
    assert list(tmp_path.iterdir()) == []


def test_pg_dump_killed(database, tmp_path):
    with connect(database) as session, session.transaction():
        session.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        arguments = ["backup_db", str(tmp_path / "never.dump")]
        with running_manage(*arguments, **database_environment(database)) as process:
            wait_for_dump(process, database).kill()
            _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err == "CommandError: pg_dump was ended by SIGKILL\n"
    assert list(tmp_path.iterdir()) == []


def test_no_space(filled, tmp_path):
    """A limit on the size of files replaces a full disk: the write fails in the middle."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))

    result = subprocess.run(
        [sys.executable, ROOT / "manage.py", "backup_db", tmp_path / "big.dump"],
        env={**os.environ, "DEBUG": "1", **database_environment(filled)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
    )
    assert is_one_clear_line(result), result.stderr
    assert "pg_dump" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_password_is_not_shown_and_options_survive(database, tmp_path):
    url = database_url(database, password="s3cret", user="postgres")
    url += "&application_name=nightly&keepalives_idle=33"
    with connect(database) as session, session.transaction():
        session.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        arguments = ["backup_db", str(tmp_path / "never.dump")]
        with running_manage(*arguments, DATABASE_URL=url) as process:
            child = wait_for_dump(process, database)
            told, environment = " ".join(child.cmdline()), child.environ()
            process.terminate()
            process.communicate(timeout=60)
    assert "s3cret" not in told
    assert "keepalives_idle=33" in told
    assert (environment["PGPASSWORD"], environment["PGAPPNAME"]) == ("s3cret", "nightly")


def test_every_option_of_libpq_is_passed_on():
    url = (
        "postgresql://u:p@a.example:5432,b.example:5433/d?sslmode=verify-full&sslrootcert=/ca.pem"
        "&sslcert=/c.pem&sslkey=/k.pem&target_session_attrs=read-write&options=-c%20work_mem%3D8MB"
        "&keepalives=1&tcp_user_timeout=5000&channel_binding=require&passfile=/pgpass"
        "&load_balance_hosts=random&require_auth=scram-sha-256&sslnegotiation=postgres"
    )
    wrapper = DatabaseWrapper({**connection.settings_dict, **database_settings(url)}, "other")
    wrapper.settings_dict.pop("EMBEDDED", None)
    arguments, environment = program_arguments(wrapper.get_connection_params())
    expected = {
        "PGPASSWORD": "p",
        # A default of libpq: programs that do not know it do the same.
        "PGSSLNEGOTIATION": "postgres",
        "PGTARGETSESSIONATTRS": "read-write",
        # As an argument, programs of version 15 would refuse it.
        "PGLOADBALANCEHOSTS": "random",
    }
    assert {name: environment[name] for name in expected} == expected
    assert environment["PGOPTIONS"].startswith("-c work_mem=8MB ")
    (argument,) = arguments
    assert conninfo_to_dict(argument.removeprefix("--dbname=")) == {
        "host": "a.example,b.example",
        "port": "5432,5433",
        "dbname": "d",
        "user": "u",
        "sslmode": "verify-full",
        "sslrootcert": "/ca.pem",
        "sslcert": "/c.pem",
        "sslkey": "/k.pem",
        "channel_binding": "require",
        "passfile": "/pgpass",
        "require_auth": "scram-sha-256",
        "connect_timeout": "10",
        "keepalives": "1",
        "tcp_user_timeout": "5000",
    }


@pytest.mark.parametrize(
    "option", ["sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"]
)
def test_a_secret_that_everybody_would_see_is_not_passed_on(option):
    with pytest.raises(ValueError, match=f"^{option} in DATABASE_URL"):
        program_arguments({"dbname": "d", option: "s3cret"})


def test_progress_on_a_terminal(filled, tmp_path):
    command_side, terminal_side = pty.openpty()
    fcntl.ioctl(terminal_side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    result = subprocess.run(
        [sys.executable, ROOT / "manage.py", "backup_db", tmp_path / "seen.dump"],
        env={**os.environ, "DEBUG": "1", **database_environment(filled)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=terminal_side,
        text=True,
        check=True,
    )
    shown = os.read(command_side, 100_000).decode()
    os.close(command_side)
    os.close(terminal_side)
    assert re.search(r"\r\x1b\[K(\d+)/\1 public\.", shown)
    assert shown.endswith("\r\x1b[K")
    assert result.stdout.count("\n") == 2
