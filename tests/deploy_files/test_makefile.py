"""make: `.env` is for the embedded server, and `migrate` of a named database never runs with
DEBUG.
"""

import os
import shutil
import subprocess

import pytest

from tests.support import ROOT

pytestmark = pytest.mark.process

URL = "postgresql://veza@db.invalid/veza"
#: Replaces manage.py, and prints its arguments.
TELLS = """#!/bin/sh
[ "$1" = -c ] || echo "$* DEBUG=${DEBUG-unset} DATABASE_URL=$DATABASE_URL"
"""


@pytest.fixture
def make(tmp_path):
    """Run make in a checkout with a virtual environment; return its output lines."""
    for name in ("Makefile", ".env.example", "requirements-dev.lock"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(TELLS)
    python.chmod(0o755)
    (tmp_path / ".venv" / "installed").touch()

    def run(*arguments, **environment):
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in ("DATABASE_URL", "DEBUG", "PYTHON", "MAKEFLAGS", "MAKELEVEL")
        }
        done = subprocess.run(
            ["make", *arguments],
            cwd=tmp_path,
            env={**inherited, **environment},
            capture_output=True,
            text=True,
            check=False,
            umask=0,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    run.directory = tmp_path
    return run


@pytest.mark.parametrize("environment", [{}, {"DATABASE_URL": ""}])
def test_embedded_server(make, environment):
    assert make("migrate", **environment) == [
        "manage.py migrate --noinput DEBUG=unset DATABASE_URL="
    ]
    file = make.directory / ".env"
    assert file.read_text() == (ROOT / ".env.example").read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("DEBUG=1\nSECRET_KEY=mine\n")
    make("migrate", **environment)
    assert file.read_text() == "DEBUG=1\nSECRET_KEY=mine\n", "it is written once"


def test_a_database_that_is_named(make):
    told = f"manage.py migrate --noinput DEBUG=unset DATABASE_URL={URL}"
    assert make("migrate", DATABASE_URL=URL) == [told]
    assert make("migrate", f"DATABASE_URL={URL}") == [told]
    assert not (make.directory / ".env").exists()


def test_development_on_a_database_that_is_named(make):
    """Other targets are for developers, and run with DEBUG by default."""
    assert make("schema", DATABASE_URL=URL) == [
        f"manage.py export_schema DEBUG=1 DATABASE_URL={URL}"
    ]
    assert make("schema", DATABASE_URL=URL, DEBUG="0") == [
        f"manage.py export_schema DEBUG=0 DATABASE_URL={URL}"
    ]
    assert not (make.directory / ".env").exists()


@pytest.mark.parametrize("environment", [{}, {"DATABASE_URL": URL, "DEBUG": "0"}])
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["database"], "start"),
        (["database", "PORT=5440"], "start --port 5440"),
        (["database-stop"], "stop"),
    ],
)
def test_a_database_for_services_is_never_the_one_that_is_named(make, environment, arguments, told):
    assert make(*arguments, **environment) == [
        f"manage.py database_server {told} DEBUG=1 DATABASE_URL="
    ]


def test_lock_upgrades(make):
    """Without --upgrade uv keeps the versions that the lock files have."""
    uv = make.directory / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text('#!/bin/sh\necho "$*"\n')
    uv.chmod(0o755)
    lines = make("lock", PATH=f"{uv.parent}:{os.environ['PATH']}")
    assert all(line.startswith("pip compile --upgrade ") for line in lines)
    written = {line.rsplit(" -o ", 1)[1] for line in lines}
    assert written == {file.name for file in ROOT.glob("requirements*.lock")}
