"""Everything that a backup must restore, in a form that can be compared."""

import difflib

import psycopg
from psycopg import sql

from tests.support import schema_of, server_parameters

TABLES = """
SELECT nspname, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'p') AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
    -- backup_db notes its success here, once the file is whole.
    AND relname <> 'veza_site_jobrun'
ORDER BY 1, 2
"""
CHECKSUM = """
SELECT count(*), md5(coalesce(string_agg(r::text, ',' ORDER BY r::text COLLATE "C"), '')) FROM {} r
"""
SEQUENCES = "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2"


def connect(name: str, **options) -> psycopg.Connection:
    return psycopg.connect(**server_parameters(), dbname=name, autocommit=True, **options)


def rows_of(name: str) -> dict[tuple[str, str], tuple[int, str]]:
    """Count and checksum of every table of the database, whatever its schema."""
    with connect(name) as database:
        return rows_in(database)


def rows_in(session: psycopg.Connection) -> dict[tuple[str, str], tuple[int, str]]:
    """The same for the database of a session."""
    return {
        table: session.execute(sql.SQL(CHECKSUM).format(sql.Identifier(*table))).fetchone()
        for table in session.execute(TABLES).fetchall()
    }


def state_of(name: str) -> dict[str, object]:
    """Rows, sequences, and every definition, owner and grant."""
    with connect(name) as database:
        sequences = database.execute(SEQUENCES).fetchall()
    definitions = schema_of(**server_parameters(), dbname=name).splitlines()
    return {"rows": rows_of(name), "sequences": sequences, "definitions": definitions}


def differences(before: dict[str, object], after: dict[str, object]) -> str:
    """The differences of two states, in lines for people; empty if there are none."""
    lines = []
    for part, was in before.items():
        now = after[part]
        pair = [sorted(map(str, x.items() if isinstance(x, dict) else x)) for x in (was, now)]
        if was != now:
            lines.extend(difflib.unified_diff(*pair, part, part, n=0, lineterm=""))
            lines.append(f"{part} differ, if only in their order")
    return "\n".join(lines)
