"""A filled database for all tests here, and copies of it, which are quick."""

from pathlib import Path

import pytest

from tests.backup.state import connect
from tests.support import database_environment, manage, scratch_database


@pytest.fixture(scope="package")
def filled(migrated, django_db_blocker):
    """The name of a database with V1 and rows in it, which no test changes."""
    with django_db_blocker.unblock(), scratch_database(f"TEMPLATE {migrated}") as name:
        with connect(name) as database:
            database.execute((Path(__file__).parent / "rows.sql").read_text())
        yield name


@pytest.fixture
def database(filled):
    """The name of a copy of it."""
    with scratch_database(f"TEMPLATE {filled}") as name:
        yield name


@pytest.fixture(scope="package")
def archive(filled, tmp_path_factory, django_db_blocker):
    """A backup of the filled database."""
    path = tmp_path_factory.mktemp("backup") / "filled.dump"
    with django_db_blocker.unblock():
        result = manage("backup_db", str(path), **database_environment(filled))
    assert result.returncode == 0, result.stderr
    return path


@pytest.fixture
def debugging(settings):
    settings.DEBUG = True


@pytest.fixture
def path(tmp_path, debugging):
    return str(tmp_path / "a.dump")
