"""A database with demo data, made once for all tests that only read it."""

import psycopg
import pytest

from tests.support import database_environment, manage, scratch_database, server_parameters

NOW = "2026-06-01"


@pytest.fixture(scope="session")
def seeded(migrated, django_db_blocker):
    """A database with the small set."""
    with django_db_blocker.unblock(), scratch_database(f'TEMPLATE "{migrated}"') as name:
        result = seed(name)
        assert result.returncode == 0, result.stderr
        yield name


@pytest.fixture
def name(migrated, db):
    """A V1 database without rows, for one test."""
    with scratch_database(f'TEMPLATE "{migrated}"') as copy:
        yield copy


def seed(name, *arguments, **environment):
    """Run seed_demo on the database."""
    return manage(
        "seed_demo", "--now", NOW, *arguments, **{**database_environment(name), **environment}
    )


def query(name, statement, *parameters):
    with psycopg.connect(**server_parameters(), dbname=name) as database:
        cursor = database.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else None
