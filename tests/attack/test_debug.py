"""DEBUG, whose pages show everything, works only on the developer's own machine."""

import os
import runpy
import socket
import stat
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.support import ROOT, is_one_clear_line, manage
from veza_site import environment, loopback, values

#: A setting for development, which production must not have.
FILE = "DEBUG=1\nSECOND_FACTOR_REQUIRED=0\nPGSSLMODE=disable\n"


@pytest.fixture
def env_file(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A `.env`; its settings are not in the environment."""
    file = tmp_path / ".env"
    file.write_text(FILE)
    file.chmod(0o644)
    monkeypatch.setattr(environment, "BASE_DIR", tmp_path)
    for name in ("DATABASE_URL", "DEBUG", "SECOND_FACTOR_REQUIRED", "PGSSLMODE"):
        # So that the environment is restored afterwards.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return file


def test_settings_do_not_read_the_file(env_file: Any) -> None:
    assert environment.setting("DEBUG", values.flag, default=False) is False
    assert "SECOND_FACTOR_REQUIRED" not in os.environ


def test_development_reads_the_file(env_file: Any) -> None:
    environment.read_file()
    assert os.environ["DEBUG"] == "1"


def test_a_database_of_the_environment_is_not_met_with_the_file(
    env_file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise `manage.py reset_db --noinput` next to a forgotten file would empty production."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://veza@db.invalid/veza")
    environment.read_file()
    assert "DEBUG" not in os.environ


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606, 0o660])
def test_the_file_is_closed(env_file: Any, mode: int, capsys: pytest.CaptureFixture[str]) -> None:
    env_file.chmod(mode)
    environment.read_file()
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    assert "its mode is now 600" in capsys.readouterr().err
    environment.read_file()
    assert capsys.readouterr().err == ""


def test_a_file_that_others_can_read_and_that_is_not_ours(
    env_file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError

    monkeypatch.setattr("os.fchmod", refuse)
    with pytest.raises(ImproperlyConfigured, match="others can read"):
        environment.read_file()


#: The owners of the file and of the checkout, and whether a command of user 1000 reads the file.
OWNERS = [(1000, 1000, True), (0, 1000, True), (1001, 1001, True), (1001, 1000, False),
          (1001, 0, False), (65534, 1000, False)]  # fmt: skip


@pytest.mark.parametrize(("owner", "of_checkout", "is_read"), OWNERS)
def test_a_file_of_somebody_else(
    owner: int, of_checkout: int, is_read: bool, env_file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner of the checkout could also change its code. Nobody else can choose the settings."""
    env_file.chmod(0o600)
    status = os.fstat

    class Checkout(type(Path())):  # type: ignore[misc]
        def stat(self, **_: Any) -> Any:
            return SimpleNamespace(st_uid=of_checkout)

    def owned(descriptor: int) -> Any:
        return SimpleNamespace(st_mode=status(descriptor).st_mode, st_uid=owner)

    monkeypatch.setattr(environment, "BASE_DIR", Checkout(env_file.parent))
    refused = pytest.raises(ImproperlyConfigured, match=f"belongs to user {owner}")
    with nullcontext() if is_read else refused, monkeypatch.context() as patched:
        # pytest queries the size of files, too.
        patched.setattr("os.fstat", owned)
        patched.setattr("os.getuid", lambda: 1000)
        environment.read_file()
    assert os.environ.get("DEBUG") == ("1" if is_read else None)


def test_a_file_in_the_directory_above(env_file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """python-dotenv alone would find it."""
    below = env_file.parent / "checkout"
    below.mkdir()
    monkeypatch.chdir(below)
    monkeypatch.setattr(environment, "BASE_DIR", below)
    environment.read_file()
    assert "DEBUG" not in os.environ


def test_a_link_does_not_close_what_it_leads_to(env_file: Any) -> None:
    """Everybody may need the target: with root's link to /dev/null, nobody could use /dev/null."""
    shared = env_file.rename(env_file.parent / "shared")
    env_file.symlink_to(shared)
    with pytest.raises(ImproperlyConfigured, match="others can read"):
        environment.read_file()
    assert stat.S_IMODE(shared.stat().st_mode) == 0o644
    shared.chmod(0o600)
    environment.read_file()
    assert os.environ["DEBUG"] == "1"


@pytest.mark.parametrize("lead", ["", "itself", "nothing"])
def test_a_link_to_nothing(lead: str, env_file: Any) -> None:
    env_file.unlink()
    if lead:
        env_file.symlink_to(env_file if lead == "itself" else env_file.parent / "none")
    environment.read_file()
    assert "DEBUG" not in os.environ


def test_a_pipe_is_not_waited_for(env_file: Any) -> None:
    env_file.unlink()
    os.mkfifo(env_file)
    with pytest.raises(ImproperlyConfigured, match="not a regular file"):
        environment.read_file()


def test_a_directory(env_file: Any) -> None:
    """Some people have a virtual environment with this name."""
    env_file.unlink()
    env_file.mkdir(mode=0o755)
    with pytest.raises(ImproperlyConfigured, match="cannot be read: Is a directory"):
        environment.read_file()
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o755


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"DEBUG=\xff", "not a text in UTF-8"),
        (b"DEBUG=1\nPGUSER='a\0b'", "line 2: it is not of the form"),
        (b"DE\0BUG=1", "line 1: it is not of the form"),
    ],
)
def test_octets_that_are_no_setting(content: bytes, told: str, env_file: Any) -> None:
    env_file.write_bytes(content)
    with pytest.raises(ImproperlyConfigured, match=told):
        environment.read_file()
    assert "DEBUG" not in os.environ


LOOPBACK = ("127.0.0.1", "127.8.8.8", "::1", "localhost")
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is refused
ELSEWHERE = (EVERYWHERE, "::", "", "192.0.2.7", "2001:db8::1", "::ffff:192.0.2.7", "fe80::1%lo",
             "unix:/run/veza.sock")  # fmt: skip


@pytest.fixture(autouse=True)
def unconfirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "_confirmed", [])


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback(host: str) -> None:
    loopback.confirm([host])
    assert loopback.is_confirmed()


@pytest.mark.parametrize("host", ELSEWHERE)
def test_elsewhere(host: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="not a loopback address"):
        loopback.confirm(["127.0.0.1", host])
    assert not loopback.is_confirmed()


def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(ImproperlyConfigured, match="not a loopback address"):
        loopback.confirm(["no-such-host.invalid"])


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "0:0", "192.0.2.7:0"])
def test_runserver(address: str, migrated: str) -> None:
    from tests.support import database_environment

    result = manage("runserver", "--noreload", address, **database_environment(migrated))
    assert is_one_clear_line(result), result.stderr
    assert "not a loopback address" in result.stderr


def listening(host: str) -> Any:
    return socket.create_server((host, 0), family=socket.AF_INET)


@pytest.mark.parametrize("debug", ["0", "1"])
@pytest.mark.parametrize("hook", ["when_ready", "on_reload"])
@pytest.mark.parametrize("host", ["127.0.0.1", EVERYWHERE])
def test_gunicorn(debug: str, host: str, hook: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The addresses that it listens on decide: from BIND, --bind, systemd, or an inherited
    socket.
    """
    monkeypatch.setenv("DEBUG", debug)
    look = runpy.run_path(str(ROOT / "gunicorn.conf.py"))[hook]
    with listening("127.0.0.1") as first, listening(host) as second:
        server = SimpleNamespace(LISTENERS=[first, second])
        if debug == "1" and host == EVERYWHERE:
            with pytest.raises(SystemExit, match=r"0\.0\.0\.0 is not a loopback address"):
                look(server)
        else:
            look(server)
        assert loopback.is_confirmed() == (debug == "1" and host == "127.0.0.1")


@pytest.mark.process
def test_other_servers_do_not_serve_it() -> None:
    """They do not report their addresses."""
    done = subprocess.run(
        [sys.executable, "-c", "import veza_site.wsgi"],
        cwd=ROOT,
        env={**os.environ, "DEBUG": "1", "DATABASE_URL": "postgresql://veza@db.invalid/veza"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "only runserver, and gunicorn" in done.stderr.splitlines()[-1]
