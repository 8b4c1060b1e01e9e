"""Folders of embedded servers: none yet, one that was stopped, one for other users."""

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.embedded.servers import run
from veza_core.db.embedded.account import Account


@pytest.fixture
def tmp_path():
    """In place of pytest's, whose path is too long for that of a socket."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        yield Path(temporary)


@pytest.fixture
def home(tmp_path):
    """A data directory that does not exist yet."""
    return tmp_path / "postgres"


@pytest.fixture
def passable():
    """A folder that other users can enter, as pytest's own is not."""
    with TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o755)
        yield Path(temporary)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A data directory whose server has been stopped; not to be changed."""
    data = tmp_path_factory.mktemp("made") / "postgres"
    run(data)
    return data


@pytest.fixture
def copy(made, home):
    """A data directory whose server has been stopped, to be changed."""
    shutil.copytree(made, home)
    Account.owner_of(made).own_tree(home) if os.geteuid() == 0 else None
    return home
