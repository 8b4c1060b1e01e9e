"""Citus is not part of this project: the tests that need it are skipped without `CITUS_URL`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.distribute.nodes import REASON, VARIABLE, Node, database_on_all_nodes
from tests.distribute.wire import Wire

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
    """A database with demo rows, still on one node; the file's tests change it in turn."""
    with filled_database() as node:
        yield node


@contextmanager
def behind_a_wire() -> Iterator[tuple[Node, Wire]]:
    """A database with demo rows, and the wire to its last worker."""
    wires = []

    def at(host: str, port: int) -> tuple[str, int]:
        wires.append(Wire(host, port))
        return "127.0.0.1", wires[0].port

    with filled_database(at=at) as node:
        yield node, wires[0]


@contextmanager
def filled_database(**options: Any) -> Iterator[Node]:
    """A database with demo rows; the options are those of `database_on_all_nodes`."""
    with database_on_all_nodes(**options) as node:
        node.done("migrate", "--verbosity", "0")
        node.done("seed_demo", "--verbosity", "0", *SEED)
        yield node
