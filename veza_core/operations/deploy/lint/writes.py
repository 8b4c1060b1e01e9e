"""What a statement wrote and read, from the server, and from the text of the functions it calls.

EXPLAIN does not look into a function, a DO block or a prepared statement. The server knows which
tables were locked for writing, even if they have no rows.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

#: Tables whose rows belong to the migrations.
SMALL = {"roles", "permissions", "role_permissions"}

# INSERT, UPDATE, DELETE, MERGE and COPY FROM take ROW EXCLUSIVE and keep it until the transaction
# ends (PostgreSQL, "Table-Level Locks", 13.3.1). The counters show a second write, for which the
# transaction already has the lock (pg_stat_xact_all_tables, 27.2).
USE = """
SELECT relname::text,
    EXISTS (
        SELECT FROM pg_locks
        WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation = pg_class.oid
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND mode = 'RowExclusiveLock'
    ),
    pg_stat_get_xact_tuples_inserted(oid) + pg_stat_get_xact_tuples_updated(oid)
        + pg_stat_get_xact_tuples_deleted(oid),
    pg_stat_get_xact_numscans(oid) + coalesce(
        (SELECT sum(pg_stat_get_xact_numscans(indexrelid)) FROM pg_index WHERE indrelid = oid), 0
    )::bigint
FROM pg_class
WHERE relnamespace = to_regnamespace('public') AND relkind IN ('r', 'p')
"""

# On empty tables a loop does nothing, so only the text can be read.
WRITES_IN_BODY = re.compile(
    r"\b(?:UPDATE\s+(?!(?:SET|OF|SKIP|NOWAIT)\b)|DELETE\s+FROM\s+|INSERT\s+INTO\s+|MERGE\s+INTO\s+)"
    r"(?:ONLY\s+)?([\w\".%]+)",
    re.I,
)
COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.S)
#: Statements that run the functions that they name.
RUNS = re.compile(
    r"\s*(DO|SELECT|CALL|WITH|VALUES|PREPARE|EXECUTE|INSERT|UPDATE|DELETE|MERGE)\b", re.I
)
IS_BLOCK = re.compile(r"\s*DO\b", re.I)


class Use(NamedTuple):
    """What a transaction did to a table: locked it for writing, wrote rows, scanned it."""

    locked: bool = False
    written: int = 0
    scans: int = 0


def uses(connection: Any) -> dict[str, Use]:
    """What the open transaction did to each table of `public`."""
    return {name: Use(*rest) for name, *rest in connection.connection.execute(USE).fetchall()}


def written(before: dict[str, Use], after: dict[str, Use]) -> set[str]:
    """The tables that were written between the two."""
    return {name for name, now in after.items() if now[:2] != before.get(name, Use())[:2]}


def scanned(before: dict[str, Use], after: dict[str, Use]) -> set[str]:
    """The tables that were scanned between the two."""
    return {name for name, now in after.items() if now.scans > before.get(name, Use()).scans}


def called(text: str, functions: Iterable[str]) -> list[str]:
    """Those of the functions that a text calls, found by their names."""
    return [name for name in functions if re.search(rf'\b{re.escape(name)}"?\s*\(', text, re.I)]


def in_bodies(functions: Mapping[str, str], text: str) -> Iterator[str]:
    """The writes in the text of a DO block, and of the functions that a statement calls.

    `functions` has all definitions, by name. Functions that these functions call count too.
    """
    if not RUNS.match(text):
        return
    bodies = [("a DO block", text)] if IS_BLOCK.match(text) else []
    looked_at: set[str] = set()
    texts = [text]
    while texts:
        for name in called(texts.pop(), functions.keys() - looked_at):
            looked_at.add(name)
            texts.append(COMMENTS.sub(" ", functions[name]))
            bodies.append((f"function {name}", texts[-1]))
    for where, body in bodies:
        for match in WRITES_IN_BODY.finditer(body):
            if match[1].replace('"', "").removeprefix("public.").lower() not in SMALL:
                yield f"writes rows in {where} ({' '.join(match[0].split())} …)"
                break
