"""A server that accepts no session: one line that says so once, and what to do."""

import subprocess
import sys
from contextlib import contextmanager

import psycopg
import pytest

from tests import in_process
from tests.connection import refusing as refusing_py
from tests.support import is_one_clear_line
from veza_core.errors import ALL_FAILURES, WAIT, clear_line
from veza_site import health

pytestmark = pytest.mark.django_db


@contextmanager
def refusing(state, text):
    """The URL of a server that refuses every session with this SQLSTATE and these words."""
    command = [sys.executable, refusing_py.__file__, state, text]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"postgresql://veza@127.0.0.1:{process.stdout.readline().strip()}/veza"
        finally:
            process.kill()


STOPPING = "le système de bases de données s'arrête"


@pytest.fixture(scope="module")
def stopping():
    """Its words are in its own language; only SQLSTATE 57P03 tells what to do."""
    with refusing("57P03", STOPPING) as url:
        yield url


@pytest.mark.parametrize(
    "arguments",
    [
        ["migrate"],
        ["migrate", "--check"],
        ["audit_schema"],
        ["backup_db", "{}"],
        ["status"],
        ["reset_db", "--noinput"],
        ["purge"],
        ["clearsessions"],
        ["schema_diff", "{url}"],
    ],
    ids=" ".join,
)
def test_a_server_that_starts_or_stops(stopping, arguments, tmp_path):
    values = {"{}": str(tmp_path / "new"), "{url}": stopping}
    result = in_process.run(stopping, tuple(values.get(each, each) for each in arguments))
    assert is_one_clear_line(result), result
    assert result.stderr.count(STOPPING) == 1
    assert WAIT in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_role_that_does_not_exist_is_not_worth_a_wait():
    with refusing("28000", "no such role") as url:
        result = in_process.run(url, ("purge",))
    assert is_one_clear_line(result), result
    assert WAIT not in result.stderr


def test_health_of_the_site(stopping):
    with in_process.default_database(stopping):
        assert health.state() == {"status": "unavailable", "reason": "database unreachable"}


A, B = (f'connection to server at "{name}", port 5432 failed: ' for name in ("10.0.0.1", "b"))
HINT = "\tIs the server running on that host and accepting TCP/IP connections?"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        # With TLS and without, as sslmode=prefer has it.
        (f"connection failed: {A}FATAL:  no\n{A}FATAL:  no", f"connection failed: {A}FATAL: no"),
        (
            f"connection failed: {A}FATAL:  no, SSL encryption\n{A}FATAL:  no\nDETAIL:  x",
            f"connection failed: {A}FATAL: no, SSL encryption; {A}FATAL: no DETAIL: x",
        ),
        # Several addresses.
        (
            f"connection failed: {B}refused\n{HINT}\n{ALL_FAILURES}\n"
            "- host: 'a', port: '', hostaddr: '10.0.0.1': connection timeout expired\n"
            f"- host: 'b', port: '', hostaddr: None: connection failed: {B}refused\n{HINT}",
            "connection failed: host: 'a', port: '', hostaddr: '10.0.0.1': connection timeout "
            f"expired; {B}refused {HINT.strip()}",
        ),
        ("the connection is lost", "the connection is lost"),
        ("", ""),
    ],
)
def test_each_attempt_is_reported_once(text, told):
    assert clear_line(psycopg.OperationalError(text)) == told
