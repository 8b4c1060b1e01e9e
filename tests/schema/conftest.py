"""The document, the live catalog, and rows inserted by plain SQL.

A test has a subtest for each object of the live catalog, so a new table is covered at once.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from tests.schema import catalog, contract
from tests.schema.catalog import Catalog
from tests.schema.contract import Contract
from tests.schema.rows import Rows


@pytest.fixture(scope="session")
def document() -> Contract:
    """The contents of docs/schema.md."""
    return contract.parse(contract.DOCUMENT.read_text())


@pytest.fixture(scope="session")
def live(django_db_setup: None, django_db_blocker: Any) -> Catalog:
    """The catalog of the migrated test database, read once."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        return catalog.read(cursor)


@pytest.fixture
def cursor(db: None) -> Iterator[Any]:
    """For plain SQL, in a transaction that is rolled back."""
    with connection.cursor() as cursor:
        yield cursor


@pytest.fixture
def rows(cursor: Any, live: Catalog) -> Rows:
    return Rows(cursor, live)


@pytest.fixture
def case(subtests: pytest.Subtests, db: None) -> Callable[[str], AbstractContextManager[None]]:
    """`with case(name):` is a subtest in a separate savepoint, which is rolled back."""

    @contextmanager
    def begin(name: str) -> Iterator[None]:
        with subtests.test(name), transaction.atomic():
            yield
            transaction.set_rollback(True)

    return begin
