"""Databases on a running Citus cluster: `CITUS_URL` is its coordinator.

The database of that URL has the extension and knows the workers. Each test database is created on
every node separately, because Citus creates it on one node only.
"""

import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tests import in_process
from tests.run import database_name

VARIABLE = "CITUS_URL"
#: The message of a skipped test, which the end of the run repeats.
REASON = f"needs Citus: {VARIABLE} is the URL of a running coordinator (docs/scale.md)"
NODES = """
SELECT nodename, nodeport, groupid FROM pg_dist_node WHERE noderole = 'primary' ORDER BY groupid
"""


@dataclass
class Node:
    """A database on all nodes, for manage.py and for a session on the coordinator."""

    url: str
    session: psycopg.Connection

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return in_process.run(self.url, arguments)

    def done(self, *arguments: str) -> str:
        """Run the command, check that it succeeds without a message, and return its output."""
        result = self.manage(*arguments)
        assert (result.returncode, result.stderr) == (0, ""), result.stderr
        return result.stdout

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.session.execute(query, parameters or None).fetchall()

    def value(self, query: str, *parameters: Any) -> Any:
        [(value,)] = self.rows(query, *parameters)
        return value


def _named(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def at_address(url: str, host: str, port: int) -> str:
    parts = urlsplit(url)
    credentials = parts.netloc.rpartition("@")[0]
    place = f"{credentials}@{host}:{port}" if credentials else f"{host}:{port}"
    return urlunsplit(parts._replace(netloc=place))


@contextmanager
def database_on_all_nodes(
    *, workers: int | None = None, at: Callable[[str, int], tuple[str, int]] | None = None
) -> Iterator[Node]:
    """An empty database with the extension, on each node.

    `workers` is how many are added; without it, all are. `at` takes the address of the last one,
    and returns the address with which it is added.
    """
    url, name = os.environ[VARIABLE], database_name(uuid.uuid4().hex, "scratch")
    with psycopg.connect(url, autocommit=True) as session:
        nodes = session.execute(NODES).fetchall()
    with ExitStack() as stack:
        for host, port, _ in nodes:
            stack.enter_context(_database(at_address(url, host, port), name))
        session = stack.enter_context(psycopg.connect(_named(url, name), autocommit=True))
        session.execute("SET search_path = public, django")
        coordinator, *others = [(host, port) for host, port, _ in nodes]
        session.execute("SELECT citus_set_coordinator_host(%s, %s)", coordinator)
        others = others[:workers]
        if at:
            others[-1] = at(*others[-1])
        for address in others:
            session.execute("SELECT citus_add_node(%s, %s)", address)
        yield Node(_named(url, name), session)


@contextmanager
def _database(url: str, name: str) -> Iterator[None]:
    _create(url, name)
    try:
        yield
    finally:
        _drop(url, name)


def empty_again(node: Node, host: str, port: int) -> None:
    """Drop the node's database on that server, and create it again."""
    url, name = at_address(os.environ[VARIABLE], host, port), node.session.info.dbname
    _drop(url, name)
    _create(url, name)


def _create(url: str, name: str) -> None:
    identifier = sql.Identifier(name)
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("SET citus.enable_create_database_propagation = off")
        server.execute(sql.SQL("CREATE DATABASE {}").format(identifier))
        server.execute(sql.SQL("ALTER DATABASE {} SET random_page_cost = 1.1").format(identifier))
        with psycopg.connect(_named(url, name), autocommit=True) as database:
            database.execute("CREATE EXTENSION citus")


def _drop(url: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("SET citus.enable_create_database_propagation = off")
        drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
        for is_last in (False, False, False, True):
            try:
                server.execute(drop)
                return
            except psycopg.errors.ObjectInUse:
                # It waits 5 s for the end of sessions, which is too short on a busy machine.
                if is_last:
                    raise
