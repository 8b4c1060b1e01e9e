"""A copy of a migrated database, with a session on it."""

from contextlib import contextmanager

import psycopg
import pytest

from tests.support import scratch_database, server_parameters


@pytest.fixture(scope="session")
def make_copy(migrated):
    """A context manager that yields a session, in autocommit, on a copy of V1."""

    @contextmanager
    def make():
        with (
            scratch_database(f"TEMPLATE {migrated}") as name,
            psycopg.connect(**server_parameters(), dbname=name, autocommit=True) as session,
        ):
            yield session

    return make
