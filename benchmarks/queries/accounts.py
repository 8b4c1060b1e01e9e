"""The cost of support's indexes, and of those on usernames, for an account: bytes, and WAL.

Part of `make bench-price`.
"""

from typing import Any

import psycopg

from benchmarks.queries import report

#: By name: the indexes that V1 has, and those that it had before.
INDEXES = {
    "none": "",
    "trigrams of the e-mail": "USING gin (upper(email) gin_trgm_ops)",
    "the e-mail's beginning": "(upper(email) text_pattern_ops)",
    "its domain, created_at": "(split_part(email, '@', 2), created_at DESC)",
    "role": "(role)",
    "role, created_at; not of 'user'": "(role, created_at DESC) WHERE NOT role = 'user'",
    "created_at": "(created_at DESC)",
    "username": "(username)",
    "username, upper-cased": "(upper(username))",
}


def measure(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """Insert all accounts again, in the order of their creation, with one index at a time."""
    report.step("indexes of an account")
    results = []
    for name, definition in INDEXES.items():
        with connection.transaction(force_rollback=True):
            connection.execute("CREATE TABLE copied (email varchar, username varchar,"
                               " created_at timestamptz, role user_role)")  # fmt: skip
            if definition:
                connection.execute(f"CREATE INDEX copied_index ON copied {definition}")
            began = _one(connection, "SELECT pg_current_wal_insert_lsn()::text")
            rows = connection.execute(
                "INSERT INTO copied"
                " SELECT email, username, created_at, role FROM users ORDER BY created_at"
            ).rowcount
            wal = _one(connection, "SELECT pg_current_wal_insert_lsn() - %s::pg_lsn", began)
            size = _one(connection, "SELECT pg_indexes_size('copied')")
        results.append({"index": name, "bytes": round(size / rows), "wal_bytes": round(wal / rows)})
    return results


def _one(connection: psycopg.Connection[Any], statement: str, *values: Any) -> Any:
    return connection.execute(statement, values or None).fetchone()[0]
