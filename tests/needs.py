"""Programs that tests need besides Python, and what happens if one is missing."""

import os
import shutil
from pathlib import Path

import pytest

#: Set by .ci/run, which installs all of it.
VARIABLE = "TEST_NO_SKIP"


def go_without(reason: str) -> None:
    """Skip the test because the machine lacks something; in CI, fail."""
    if os.environ.get(VARIABLE):
        pytest.fail(f"{reason}, which CI is to install (.ci/run)")
    pytest.skip(reason)


def debian_programs() -> Path:
    """The programs of Debian's PostgreSQL, of the newest installed version."""
    packaged = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4])
    )
    if not packaged:
        go_without("needs a PostgreSQL of Debian's (apt install postgresql-15)")
    return packaged[-1].parent


def program(name: str, reason: str, path: str | None = None) -> str:
    """The path of a program, on PATH or the given path."""
    found = shutil.which(name, path=path)
    if found is None:
        go_without(reason)
    return str(found)
