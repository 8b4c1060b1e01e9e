"""What docs/services.md does not say yet of a database that the migrations made."""

import re
from collections.abc import Iterator
from typing import Any

import psycopg

DOCUMENT = "docs/services.md"
REFERENCES = """
SELECT parent.relname, child.relname, attname, confdeltype = 'c'
FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
JOIN pg_class AS parent ON parent.oid = confrelid JOIN pg_class AS child ON child.oid = conrelid
WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY 1, 2, 3
"""
#: What a client may run into: checks and unique indexes.
REFUSING = """
SELECT conname FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND contype = 'c'
UNION SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE relnamespace = 'public'::regnamespace AND indisunique AND NOT indisprimary ORDER BY 1
"""


def unsaid(document: str, connection: psycopg.Connection[Any]) -> Iterator[str]:
    """What to add to the document, a line each."""
    deleted = {row[0]: row[1:] for row in _rows(document, "deleted")}
    for parent, child, column, goes in connection.execute(REFERENCES):
        name, heading = child, "also deleted"
        if not goes:
            name, heading = f"{child}.{column}", "set to NULL"
        there = deleted.get(parent, ("", ""))[0 if goes else 1]
        if name not in re.split(r"[^\w.]+", there):
            yield (
                f"{DOCUMENT}: the page does not say what a deleted row of {parent} does to {name}. "
                f"Add {name} to “{heading}” in the line of {parent}."
            )
    told = {name for row in _rows(document, "constraint") for name in re.findall(r"\w+", row[0])}
    for (name,) in connection.execute(REFUSING):
        if name not in told:
            yield f"{DOCUMENT}: {name} is not in the table of constraints. Add | `{name}` | …"


def _rows(document: str, heading: str) -> Iterator[tuple[str, ...]]:
    """The rows of the table whose first heading is this."""
    table = re.search(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)*)", document, re.M)
    for line in table[1].splitlines() if table else ():
        yield tuple(cell.strip() for cell in line.strip("|").split("|"))
