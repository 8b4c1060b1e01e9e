"""Finds what docs/services.md lacks, and what it says about objects that no longer exist."""

import re
from collections.abc import Iterator
from typing import Any

import psycopg
from django.conf import settings

DOCUMENT = "docs/services.md"
LIVE_REFERENCES = """
SELECT DISTINCT confrelid::regclass::text, confdeltype = 'c'
FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY 1, 2
"""
#: What a client may run into: unique indexes, exclusion constraints, and checks, of which some are
#: triggers. The page names each of them except the checks that are an error of the service.
REFUSING = """
SELECT relname, true FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE relnamespace = 'public'::regnamespace AND (indisunique OR indisexclusion) AND NOT indisprimary
UNION SELECT conname, false FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND contype = 'c'
UNION SELECT tgname, false FROM pg_trigger WHERE tgname LIKE 'chk%' ORDER BY 1
"""
#: By whether it is CASCADE.
_ON_DELETE = {True: "CASCADE deletes", False: "SET NULL keeps"}
LIVE_TYPES = """
SELECT DISTINCT format_type(atttypid, NULL) FROM pg_attribute
JOIN pg_class ON pg_class.oid = attrelid JOIN pg_type ON pg_type.oid = atttypid
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
AND typtype <> 'e' ORDER BY 1
"""
LIVE_COLUMNS = """
SELECT relname, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
"""


def problems(connection: psycopg.Connection[Any]) -> Iterator[str]:
    """What to add to the document or remove from it, a line each."""
    document = (settings.BASE_DIR / DOCUMENT).read_text("utf-8")
    yield from _deleted_rows(document, connection)
    yield from _constraints(document, connection)
    yield from _writers(document, connection)
    yield from _types(document, connection)


def _deleted_rows(document: str, connection: psycopg.Connection[Any]) -> Iterator[str]:
    live = set(connection.execute(LIVE_REFERENCES).fetchall())
    documented = {
        (row[0].strip("`"), is_cascade)
        for row in _rows(document, "referenced table")
        for is_cascade, text in zip((True, False), row[1:], strict=True)
        if text != "–"
    }
    for parent, is_cascade in sorted(live - documented):
        yield (
            f"{DOCUMENT}: the page does not say which rows {_ON_DELETE[is_cascade]} when a row of "
            f"{parent} is deleted. Add them to | `{parent}` | …"
        )
    for parent, is_cascade in sorted(documented - live):
        yield (
            f"{DOCUMENT}: there are no rows that {_ON_DELETE[is_cascade]} when a row of {parent} "
            f"is deleted. Remove them from | `{parent}` | …"
        )


def _constraints(document: str, connection: psycopg.Connection[Any]) -> Iterator[str]:
    documented = {
        name for row in _rows(document, "constraint") for name in re.findall(r"\w+", row[0])
    }
    live = dict(connection.execute(REFUSING).fetchall())
    for name, is_named in live.items():
        if is_named and name not in documented:
            yield f"{DOCUMENT}: {name} is not in the table of constraints. Add | `{name}` | …"
    for name in sorted(documented - live.keys()):
        yield f"{DOCUMENT}: there is no constraint {name}. Remove `{name}`."


def _writers(document: str, connection: psycopg.Connection[Any]) -> Iterator[str]:
    documented = {(row[0], name) for row in _rows(document, "table") for name in row[2].split(", ")}
    for table, column in sorted(documented.difference(connection.execute(LIVE_COLUMNS).fetchall())):
        yield f"{DOCUMENT}: there is no column {table}.{column}. Remove {column}."


def _types(document: str, connection: psycopg.Connection[Any]) -> Iterator[str]:
    documented = {row[0] for row in _rows(document, "PostgreSQL")}
    for (type_,) in connection.execute(LIVE_TYPES):
        if f"`{type_}`" not in documented:
            yield f"{DOCUMENT}: {type_} is not in the table of types. Add | `{type_}` | …"


def _rows(document: str, heading: str) -> Iterator[tuple[str, ...]]:
    """The rows of the table whose first heading is this."""
    table = re.search(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)*)", document, re.M)
    for line in table[1].splitlines() if table else ():
        yield tuple(cell.strip() for cell in line.strip("|").split("|"))
