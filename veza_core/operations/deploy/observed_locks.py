"""The locks that a session takes on tables, read from pg_locks while it holds them."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

#: The strongest lock on each table, by the table's name.
type Locks = dict[str, str]
type TableNames = dict[int, str]

# From the weakest to the strongest (PostgreSQL, "Table-Level Locks", 13.3.1).
LOCKS = [
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
]
# The locks of SELECT, also with FOR UPDATE. They conflict only with the two strongest.
READING = LOCKS[:2]

NOT_IN_A_TRANSACTION = "25001"

RELATION_NAMES = """
SELECT oid::bigint, oid::regclass::text FROM pg_class
WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND oid >= 16384
    AND relnamespace::regnamespace::text !~ '^pg_'
"""
HELD = """
SELECT relation::bigint, mode FROM pg_locks
WHERE locktype = 'relation' AND pid = %s
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
LOCK_ALL = """
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p')
        AND oid >= 16384 AND relnamespace::regnamespace::text !~ '^pg_'
    LOOP EXECUTE format('LOCK TABLE %s IN ACCESS SHARE MODE', name); END LOOP;
END $$
"""


def tables_of(connection: BaseDatabaseWrapper) -> TableNames:
    """The existing tables and views, by oid."""
    return dict(connection.connection.execute(RELATION_NAMES).fetchall())


def locks_of(connection: BaseDatabaseWrapper, tables: TableNames) -> Locks:
    """The locks that the connection holds on these tables in its transaction."""
    session = connection.connection
    return strongest(session.execute(HELD, [session.info.backend_pid]).fetchall(), tables, {})


def strongest(held: list[tuple[int, str]], tables: TableNames, locks: Locks) -> Locks:
    """The strongest lock on each table, of `locks` and the held ones, without locks of reads."""
    locks = dict(locks)
    for number, mode in held:
        # AccessExclusiveLock is ACCESS EXCLUSIVE in the documentation.
        lock = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", mode.removesuffix("Lock")).upper()
        if number in tables and lock not in READING:
            table = tables[number]
            locks[table] = max(locks.get(table, lock), lock, key=LOCKS.index)
    return locks


def needs_no_transaction(error: DatabaseError) -> bool:
    """Whether PostgreSQL refused the statement because it runs only outside a transaction."""
    return getattr(error.__cause__, "sqlstate", None) == NOT_IN_A_TRANSACTION


class ObservedStatements:
    """Records the locks of each statement of a migration that runs outside a transaction.

    For `connection.execute_wrapper`. It runs a statement in a separate transaction, and reads its
    locks before that ends. PostgreSQL refuses some statements there, such as CREATE INDEX
    CONCURRENTLY. A second session blocks these for a moment, while their locks are read.
    """

    def __init__(self, connection: BaseDatabaseWrapper, tables: TableNames) -> None:
        self.connection, self.tables = connection, tables
        self.locks: Locks = {}

    def __call__(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        if self.connection.in_atomic_block:
            # An operation's own transaction: a savepoint would be another statement.
            result = execute(*arguments)
            self._note(self.connection.connection, self.connection.connection)
            return result
        try:
            with transaction.atomic(using=self.connection.alias):
                result = execute(*arguments)
                self._note(self.connection.connection, self.connection.connection)
                return result
        except DatabaseError as error:
            if not needs_no_transaction(error):
                raise
        with self._held_up():
            return execute(*arguments)

    def _note(self, by: Any, session: Any) -> None:
        held = by.execute(HELD, [session.info.backend_pid]).fetchall()
        self.locks = strongest(held, self.tables, self.locks)

    @contextmanager
    def _held_up(self) -> Iterator[None]:
        parameters = self.connection.get_connection_params()
        done = threading.Event()
        with psycopg.connect(**parameters) as session:
            # CREATE and REINDEX wait for old snapshots to end, DROP and DETACH for any lock.
            session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            session.execute(LOCK_ALL)
            observed = self.connection.connection
            watcher = threading.Thread(target=self._watch, args=(session, observed, done))
            watcher.start()
            try:
                yield
            finally:
                done.set()
                watcher.join()

    def _watch(self, session: Any, observed: Any, done: threading.Event) -> None:
        waits = "SELECT pg_backend_pid() = ANY (pg_blocking_pids(%s))"
        try:
            while not done.wait(0.005):
                if session.execute(waits, [observed.info.backend_pid]).fetchone()[0]:
                    self._note(session, observed)
                    break
        finally:
            # Always, because the statement waits for this session.
            session.close()
