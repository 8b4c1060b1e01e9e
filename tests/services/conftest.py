"""Services on a separate database: sessions that run the statements of schema/queries."""

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from benchmarks.queries.statements import sql
from tests.support import scratch_database, server_parameters

#: The limit for expected events, in seconds, also on a busy machine.
LONGEST = 60


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Session:
    """A service's connection, with `$1` for parameters. Transactions are opened by `begin`."""

    #: Whether the backend of that pid waits for another one.
    WAITS = "SELECT pg_blocking_pids(%s) <> '{}'"

    def __init__(self, connection: psycopg.Connection[Any], pool: ThreadPoolExecutor) -> None:
        self.connection = connection
        self.pool = pool

    def begin(self) -> None:
        self.execute("BEGIN")

    def commit(self) -> None:
        self.execute("COMMIT")

    def execute(self, statement: str, *values: Any) -> psycopg.Cursor[Any]:
        return self.connection.execute(statement, values)

    def one(self, statement: str, *values: Any) -> Any:
        """The first column of the first row; None if there is no row."""
        row = self.execute(statement, *values).fetchone()
        return row and row[0]

    def run(self, name: str, *values: Any) -> Any:
        """Run the statement with that name; return the first row, or the number of changed rows."""
        cursor = self.execute(sql(name), *values)
        return cursor.fetchone() if cursor.description else cursor.rowcount

    def start(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Call it in a thread."""
        return self.pool.submit(call, *arguments)

    def waits(self) -> bool:
        """Whether it waits for another session's lock, seen from a separate session."""
        with psycopg.connect(self.connection.info.dsn, autocommit=True) as look:
            pid = self.connection.info.backend_pid
            return look.execute(self.WAITS, [pid]).fetchone()[0]


@pytest.fixture(scope="module")
def services(migrated: str, django_db_blocker: Any) -> Iterator[str]:
    """The name of a database for all tests of a file; each test inserts its own rows."""
    with django_db_blocker.unblock(), scratch_database(f"TEMPLATE {migrated}") as name:
        yield name


@pytest.fixture(scope="module")
def server(services: str) -> dict[str, Any]:
    """The parameters for psycopg. tests/distribute replaces them by those of a coordinator."""
    return {**server_parameters(), "dbname": services}


@pytest.fixture
def session(server: dict[str, Any]) -> Iterator[Callable[[], Session]]:
    """Open a session. A statement that waits for a lock ends after `LONGEST` seconds."""
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor())

        def connect() -> Session:
            connection = psycopg.connect(
                **server,
                autocommit=True,
                cursor_factory=psycopg.RawCursor,
                # Tests prepare by SQL, and deallocate all.
                prepare_threshold=None,
                options=f"-c lock_timeout={LONGEST}s -c search_path=public",
            )
            # Before the pool waits for its threads.
            stack.callback(connection.close)
            return Session(connection, pool)

        yield connect


@pytest.fixture
def first(session: Callable[[], Session]) -> Session:
    return session()


@pytest.fixture
def second(session: Callable[[], Session]) -> Session:
    return session()


@pytest.fixture
def third(session: Callable[[], Session]) -> Session:
    return session()


@pytest.fixture
def user(first: Session) -> uuid.UUID:
    return new_user(first)


def new_user(session: Session) -> uuid.UUID:
    name = uuid.uuid4().hex[:20]
    return session.run("CreateUser", f"{name}@example.org", name, None, None)[0]


def new_track(session: Session, user: uuid.UUID, title: str = "Title") -> uuid.UUID:
    values = [user, title, None, "Artist", None, "house", "a.flac", True]
    track = session.run("CreateTrack", *values)[0]
    session.execute("UPDATE tracks SET status = 'ready' WHERE id = $1", track)
    return track


@pytest.fixture
def track(first: Session, user: uuid.UUID) -> uuid.UUID:
    return new_track(first, user)


def new_playlist(session, user):
    return session.run("CreatePlaylist", user, "Title", None, None, True)[0]
