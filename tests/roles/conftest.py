"""A database, a separate role for each test, and functions that create, use and damage it."""

import psycopg
import pytest

from tests.roles.roles import PASSWORD, new_role
from tests.support import (
    database_environment,
    database_url,
    manage,
    scratch_database,
    server_parameters,
)
from veza_site.roles.sync import sync as synchronize
from veza_site.roles.wanted import READER, LoginRole


@pytest.fixture(scope="module")
def database(migrated, django_db_blocker):
    """A migrated database with a user in it."""
    with django_db_blocker.unblock(), scratch_database(f"TEMPLATE {migrated}") as name:
        with psycopg.connect(**server_parameters(), dbname=name) as owner:
            owner.execute(
                "INSERT INTO users (email, username, password_hash) "
                "VALUES ('a@example.com', 'alice', '$2b$12$' || repeat('s', 53))"
            )
        yield name


@pytest.fixture
def role(database):
    with new_role(database) as name:
        yield name


@pytest.fixture(scope="module")
def made_role(database):
    with new_role(database) as name:
        yield name


@pytest.fixture
def sync(owner, database, role):
    """Call the function of the command; return the statements."""

    def run(kind=READER, *, dry_run=False, **options):
        options = {"revoke_from_public": True, **options}
        wanted = LoginRole(kind, role, PASSWORD, database)
        return synchronize(owner, wanted, dry_run=dry_run, **options)

    return run


@pytest.fixture
def command(database, role):
    """Run the command itself, in a separate process."""

    def run(*arguments, **environment):
        url = database_url(database, user=role, password=PASSWORD)
        defaults = {**database_environment(database), "DATABASE_SUPPORT_URL": url}
        return manage(
            "sync_roles", "--revoke-from-public", *arguments, **{**defaults, **environment}
        )

    return run


@pytest.fixture
def as_role(database, role):
    """Run one statement as the role, in a separate session."""

    def run(statement, *settings):
        parameters = {**server_parameters(), "dbname": database, "user": role}
        with psycopg.connect(**parameters, password=PASSWORD) as session:
            for setting in settings:
                session.execute(setting)
            return session.execute(statement).fetchall()

    return run


@pytest.fixture
def owner(database):
    with psycopg.connect(**server_parameters(), dbname=database, autocommit=True) as session:
        yield session
