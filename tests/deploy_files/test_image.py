"""The image of a release has the files of production, and nothing else.

No container is built, because CI has no tool for it. The contents are read from the two files.
"""

import json
import re
import subprocess
from fnmatch import fnmatch
from pathlib import PurePosixPath

import pytest
from django.apps import apps

from tests.support import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
PATTERNS = [
    line
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]


def goes_in(path: str) -> bool:
    """Whether a file is in the build's context, by the last pattern that matches it or its
    directory.
    """
    names = [path, *map(str, PurePosixPath(path).parents)][:-1]
    included = True
    for pattern in PATTERNS:
        text = pattern.removeprefix("!").removeprefix("**/")
        anywhere = "**/" in pattern
        parts = [PurePosixPath(name).name if anywhere else name for name in names]
        # A `*` of .dockerignore ends at a slash.
        if any(fnmatch(part, text) and part.count("/") == text.count("/") for part in parts):
            included = pattern.startswith("!")
    return included


def instructions(name: str) -> list[str]:
    """The arguments of an instruction in the last stage, which is the image."""
    stage = re.split(r"^FROM ", DOCKERFILE, flags=re.M)[-1].replace("\\\n", " ")
    return re.findall(rf"^{name} (.*)$", stage, re.M)


@pytest.mark.parametrize(
    "path",
    [".env", ".env.example", ".git/config", "tests/conftest.py", "requirements-dev.lock",
     "Makefile", ".venv/bin/python", ".postgres/PG_VERSION", "dist/veza-1.0.0.tar.gz", "id_rsa",
     "backup.dump",
     "veza_site/development/release.py", "veza_core/__pycache__/apps.cpython-313.pyc",
     "docs/operations.md", "staticfiles/a.css", "sbom.cdx.json"],
)  # fmt: skip
def test_stays_out(path):
    assert not goes_in(path)


def test_everything_that_production_runs_is_included():
    """Each file of the apps, and what they read."""
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    if not tracked:
        pytest.skip("this is no checkout of git")
    own = {
        PurePosixPath(config.path).name
        for config in apps.get_app_configs()
        if PurePosixPath(config.path).parent == PurePosixPath(ROOT)
    }
    for path in tracked:
        top = path.partition("/")[0]
        wanted = top in own | {"schema"} and not path.startswith("veza_site/development/")
        assert goes_in(path) is (wanted or path in {
            *("manage.py", "gunicorn.conf.py", "requirements.lock", "schema_audit.toml"),
        }), path  # fmt: skip


def test_it_runs_as_a_plain_user_and_installs_the_locked_packages():
    assert instructions("USER") == ["10001"]
    assert instructions("CMD") == ['["gunicorn"]']
    installed = re.findall(r"pip install (.*?)(?: \\)?$", DOCKERFILE, re.M)
    assert [line.split()[-1] for line in installed] == ["requirements.lock"]
    assert all("--require-hashes" in line for line in installed)
    assert not re.search("SECRET_KEY|DEBUG|PASSWORD", DOCKERFILE)


def test_its_health_check_asks_the_page_of_the_probes():
    [check] = instructions("HEALTHCHECK")
    command = json.loads(check.partition("CMD ")[2])
    assert command[:2] == ["python", "-c"]
    assert "http://127.0.0.1:8000/healthz" in command[2]
    [environment] = instructions("ENV")
    assert "BIND=0.0.0.0:8000" in environment.split()
    compile(command[2], "check", "exec")
