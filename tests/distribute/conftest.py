"""Citus is not part of this project: the tests that need it are skipped without `CITUS_URL`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.distribute.nodes import REASON, VARIABLE, Node, database_on_all_nodes

#: Small, and with rows in every table.
SEED = ("--users", "100", "--tracks", "120", "--plays", "600", "--likes", "40", "--comments", "40")


@pytest.fixture(scope="package")
def citus(django_db_blocker: Any) -> Iterator[None]:
    if not os.environ.get(VARIABLE):
        pytest.skip(REASON)
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="module")
def filled(citus: None) -> Iterator[Node]:
    """A database with demo rows in it, on one node still: the file's tests change it in turn."""
    with filled_database() as node:
        yield node


@contextmanager
def filled_database() -> Iterator[Node]:
    """A database with demo rows in it."""
    with database_on_all_nodes() as node:
        node.done("migrate", "--verbosity", "0")
        node.done("seed_demo", "--verbosity", "0", *SEED)
        yield node
