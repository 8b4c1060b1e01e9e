"""Directories of embedded servers: none yet, one that was stopped, one for other users."""

import os
import shutil
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.embedded.servers import PROGRAMS, run
from veza_core.db.embedded.account import Account


@pytest.fixture
def tmp_path():
    """Replaces pytest's, whose path is too long for a socket."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        yield Path(temporary)


@pytest.fixture
def home(tmp_path):
    """A data directory that does not exist yet."""
    return tmp_path / "postgres"


@pytest.fixture
def passable():
    """A directory that other users can enter, unlike pytest's."""
    with TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o755)
        yield Path(temporary)


@pytest.fixture
def open_checkout():
    """For tests in which a user without root's rights runs PostgreSQL's programs."""
    if not all(path.stat().st_mode & stat.S_IXOTH for path in (PROGRAMS, *PROGRAMS.parents)):
        pytest.skip("needs a checkout that other users can enter, so not in /root")


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A data directory with a stopped server, which tests do not change."""
    data = tmp_path_factory.mktemp("made") / "postgres"
    run(data)
    return data


@pytest.fixture
def copy(made, home):
    """A data directory with a stopped server, which a test may change."""
    shutil.copytree(made, home)
    Account.owner_of(made).own_tree(home) if os.geteuid() == 0 else None
    return home
