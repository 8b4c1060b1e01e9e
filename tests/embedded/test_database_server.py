"""`make database`: a server on 127.0.0.1 that outlives the command."""

import io
import os
import signal
import socket
import stat
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from tests.support import ROOT
from veza_core.db.embedded.lasting import URL, LastingServer

pytestmark = pytest.mark.process


def run(what, directory, **options):
    """Run the command; return its output."""
    out = io.StringIO()
    with override_settings(DEBUG=True):
        call_command("database_server", what, directory=directory, stdout=out, **options)
    return out.getvalue()


def url_in(output):
    (line,) = (line for line in output.splitlines() if line.startswith("DATABASE_URL="))
    return line.removeprefix("DATABASE_URL=")


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """The directory of a server that was started once, on a port that it chose."""
    directory = tmp_path_factory.mktemp("database") / "of its own"
    run("start", directory)
    yield directory
    LastingServer(directory).stop()


@pytest.fixture
def url(directory):
    """The URL of the server, which is started if the previous test has stopped it."""
    return url_in(run("start", directory))


def test_it_has_the_tables_and_demo_rows_and_a_role_of_its_own(url):
    with psycopg.connect(url) as session:
        assert session.execute("SELECT count(*) > 100 FROM users").fetchone() == (True,)
        role = "SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user"
        assert session.execute(role).fetchone() == ("veza", False)
        session.execute("INSERT INTO rooms (name) VALUES ('one')")
        # Roles for services can be created.
        session.execute((ROOT / "schema" / "grants.example.sql").read_text())
        session.rollback()


def test_it_is_nobody_else_s(directory, url):
    parts = urlsplit(url)

    assert parts.hostname == "127.0.0.1"
    assert stat.S_IMODE((directory / URL).stat().st_mode) == 0o600
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(str(parts.password), "guess"))
    with psycopg.connect(url) as session:
        assert session.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
        (hashed,) = session.execute("SHOW password_encryption").fetchone()
    assert hashed == "scram-sha-256"


def test_a_second_start_says_where_it_is(directory, url):
    output = run("start", directory)

    assert output.startswith("It is already running.\n")
    assert url_in(output) == url


def test_another_port_is_refused_while_it_runs(directory, url):
    with pytest.raises(CommandError, match=r"it is already running on port \d+: stop it first"):
        run("start", directory, port="65000")


def test_it_stops_and_comes_back_with_its_rows(directory, url):
    with psycopg.connect(url) as session:
        session.execute("INSERT INTO rooms (name) VALUES ('kept')")

    assert run("stop", directory) == "Stopped. The rows are kept.\n"
    assert run("stop", directory) == "It is not running.\n"
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    assert url_in(run("start", directory)) == url
    with psycopg.connect(url) as session:
        assert session.execute("SELECT count(*) FROM rooms WHERE name = 'kept'").fetchone() == (1,)


def test_it_comes_back_after_a_crash(directory, url):
    process = int((directory / "postmaster.pid").read_text().split()[0])
    os.kill(process, signal.SIGKILL)

    assert url_in(run("start", directory)) == url
    psycopg.connect(url).close()


def test_a_port_in_use_is_reported(directory, url):
    run("stop", directory)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CommandError, match=f"another program uses port {port}"):
            run("start", directory, port=str(port))
    # Nobody requested the last port, so it takes another one.
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", urlsplit(url).port))
        other.listen()
        assert urlsplit(url_in(run("start", directory))).port != urlsplit(url).port


@pytest.mark.parametrize("port", ["0", "80", "65536", "-1", "x", "1e4", "٥٤٣٣"])
def test_an_invalid_port_is_reported(tmp_path, port):
    with pytest.raises(CommandError, match="is not a port from 1024 to 65535") as caught:
        run("start", tmp_path / "none", port=port)

    assert caught.value.returncode == 2


@pytest.mark.parametrize(
    ("directory", "reason"),
    [
        (Path(__file__), "it is not a directory"),
        (Path(__file__).parent, "it contains other files, and not PostgreSQL's data"),
        (Path("/proc/none"), "No such file or directory"),
    ],
)
def test_an_unusable_directory_is_reported(directory, reason):
    with pytest.raises(CommandError, match=reason) as caught:
        run("start", directory)

    assert len(str(caught.value).splitlines()) == 1


def test_a_missing_directory_has_no_server(tmp_path):
    assert run("stop", tmp_path / "none") == "It is not running.\n"
    assert not (tmp_path / "none").exists()


def test_it_is_for_development_only(tmp_path):
    with override_settings(DEBUG=False), pytest.raises(CommandError, match="DEBUG is off"):
        call_command("database_server", "start", directory=tmp_path)
