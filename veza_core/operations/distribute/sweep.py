"""Removes rows of distributed logs that refer to nothing, because inserts are not checked.

A play that is inserted while its track is deleted, or with a wrong id, stays. The sweep does to it
what ON DELETE would have done.
"""

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from veza_core.db.distribution import OnDelete, asking, read_distribution, read_triggers
from veza_core.db.timeouts import extend_lock_timeout, set_lock_timeout

#: The most ids in one statement.
BATCH = 1000
# Citus refuses NOT EXISTS here.
CANDIDATES = sql.SQL("""
SELECT DISTINCT {column} FROM {table}
WHERE {column} NOT IN (SELECT id FROM {target}) LIMIT %s
""")
# Checked again in a later snapshot. CANDIDATES reads the ids of the target first, and then the
# nodes. So a track that was inserted in between, with its first play, would seem to be missing.
MISSING = sql.SQL("""
SELECT key FROM unnest(%s::uuid[]) AS key
WHERE NOT EXISTS (SELECT 1 FROM {target} WHERE {target}.id = key)
""")
DELETE = sql.SQL("DELETE FROM {table} WHERE {column} = ANY (%s)")
CLEAR = sql.SQL("UPDATE {table} SET {column} = NULL WHERE {column} = ANY (%s)")


def sweep(connection: BaseDatabaseWrapper, lock_timeout: float) -> Iterator[tuple[OnDelete, int]]:
    """Delete or clear the orphans; yield the reference and the number of rows of each batch.

    Each batch is complete: an interrupted run has done a part, and the next one does the rest.
    """
    ask = asking(connection)
    has_nodes = read_distribution(ask) is not None
    for each in read_triggers(ask).triggers:
        while True:
            with transaction.atomic(using=connection.alias):
                set_lock_timeout(connection, lock_timeout, local=True)
                if has_nodes:
                    extend_lock_timeout(connection)
                rows = _batch(connection, each)
            if not rows:
                break
            yield each, rows


def _batch(connection: BaseDatabaseWrapper, each: OnDelete) -> int:
    names = {
        "table": sql.Identifier("public", each.table),
        "column": sql.Identifier(each.column),
        "target": sql.Identifier("public", each.target),
    }
    with connection.cursor() as cursor:

        def keys(statement: sql.SQL, parameter: Any) -> list[Any]:
            cursor.execute(statement.format(**names), [parameter])
            return [row[0] for row in cursor.fetchall()]

        missing = keys(MISSING, keys(CANDIDATES, BATCH))
        if not missing:
            return 0
        statement = DELETE if each.action == "CASCADE" else CLEAR
        cursor.execute(statement.format(**names), [missing])
        return int(cursor.rowcount)
