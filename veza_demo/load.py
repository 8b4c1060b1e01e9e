"""Finds the rows of a set that are in the database, and loads the others.

A chunk of rows is one `COPY`, and so one transaction: it exists if its first row exists. So an
interrupted or killed run can be continued. It also limits what the server keeps until the end of a
statement, when it checks foreign keys.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from veza_core.db.fetch import fetch_all
from veza_core.operations.purge.catalog import read_catalog

from .binary import HEADER, TRAILER, pack
from .counts import THREAD
from .people import SYSTEM_ROLES
from .tables import WRITERS, Rows
from .world import World

#: Rows of a chunk: many enough that the cost of a statement is small, and few enough for memory.
CHUNK = 5_000 * THREAD
#: One for each core, because the server does most of the work.
WORKERS = 2

type Missing = dict[str, list[range]]


def all_chunks(world: World) -> Missing:
    """All rows of the set, in chunks, by table."""
    return {
        table: [range(first, min(first + CHUNK, rows)) for first in range(0, rows, CHUNK)]
        for table, rows in world.rows.items()
    }


def missing_chunks(connection: BaseDatabaseWrapper, world: World) -> Missing:
    """The chunks that are not in the database, parents before their children.

    Raises `CommandError` if tables are missing.
    """
    missing = {}
    every = all_chunks(world)
    for table in parents_first(connection, set(every)):
        chunks = every[table]
        firsts = np.array([chunk.start for chunk in chunks], dtype=np.int64)
        ids = [UUID(bytes=bytes(octets)) for octets in world.draws(table).uuids(firsts)]
        query = f"SELECT id FROM public.{table} WHERE id = ANY(%s)"
        existing = {id_ for (id_,) in fetch_all(connection, query, [ids])}
        missing[table] = [
            chunk for chunk, first in zip(chunks, ids, strict=True) if first not in existing
        ]
    return missing


def parents_first(connection: BaseDatabaseWrapper, tables: set[str]) -> list[str]:
    """The tables, parents before their children. Raises `CommandError` if tables are missing."""
    order = [str(table) for table in reversed(read_catalog(connection).children_first())]
    if absent := sorted(tables.difference(order)):
        raise CommandError(f"there is no table {', '.join(absent)}: run manage.py migrate first")
    return [table for table in order if table in tables]


def count_rows(chunks: Missing) -> int:
    """Return the number of rows in the chunks."""
    return sum(len(chunk) for table in chunks.values() for chunk in table)


def tables_with_rows(connection: BaseDatabaseWrapper) -> list[str]:
    """The tables that have rows, except those with rows from the migrations."""
    query = " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM public.{table})" for table in WRITERS
    )
    return [name for (name,) in fetch_all(connection, query)]


def system_roles(connection: BaseDatabaseWrapper) -> list[UUID]:
    """The ids of the `SYSTEM_ROLES`, in their order; fewer if some are missing."""
    query = (
        "SELECT id FROM public.roles WHERE name = ANY(%(names)s) "
        "ORDER BY array_position(%(names)s::varchar[], name)"
    )
    return [role for (role,) in fetch_all(connection, query, {"names": list(SYSTEM_ROLES)})]


def chunk_as_binary(world: World, table: str, chunk: range) -> tuple[list[str], bytes]:
    """The names of the columns, and the rows in the format of `COPY … (FORMAT binary)`."""
    numbers = np.arange(chunk.start, chunk.stop, dtype=np.int64)
    columns = WRITERS[table](Rows(world, table, numbers))
    return list(columns), pack(list(columns.values()))


def load(
    connection: BaseDatabaseWrapper,
    world: World,
    missing: Mapping[str, list[range]],
    report: Callable[[str, int], None],
) -> None:
    """Copy the chunks, parents before their children, and vacuum and analyze the tables.

    `report` gets each chunk: the table, and how many rows. Raises what psycopg raises; loaded
    chunks stay.
    """
    with _workers(connection) as submit:
        for table, chunks in missing.items():
            jobs = {submit(_copy, world, table, chunk): len(chunk) for chunk in chunks}
            for job in as_completed(jobs):
                job.result()
                report(table, jobs[job])
        # Dead rows of a killed run, the visibility map, and statistics.
        for job in as_completed([submit(_vacuum, table) for table in missing]):
            job.result()


type Submit = Callable[..., Future[None]]


@contextmanager
def _workers(connection: BaseDatabaseWrapper) -> Iterator[Submit]:
    """Yield threads, each with its own session, which end with the block.

    Threads are enough: the server works in its own processes, and numpy releases the lock.
    """
    free: SimpleQueue[psycopg.Connection[Any]] = SimpleQueue()

    def run(job: Callable[..., None], *arguments: Any) -> None:
        session = free.get()
        try:
            job(session, *arguments)
        finally:
            free.put(session)

    with ExitStack() as stack:
        sessions = []
        for _ in range(WORKERS):
            worker = connection.copy()
            worker.connect()
            stack.callback(worker.close)
            sessions.append(worker.connection)
            free.put(worker.connection)
        pool = stack.enter_context(ThreadPoolExecutor(WORKERS))
        try:
            yield lambda job, *arguments: pool.submit(run, job, *arguments)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for session in sessions:
                session.cancel_safe()
            raise


def _copy(session: psycopg.Connection[Any], world: World, table: str, chunk: range) -> None:
    names, rows = chunk_as_binary(world, table, chunk)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        sql.Identifier("public", table), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    with session.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(HEADER)
        copy.write(rows)
        copy.write(TRAILER)


def _vacuum(session: psycopg.Connection[Any], table: str) -> None:
    session.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier("public", table)))
