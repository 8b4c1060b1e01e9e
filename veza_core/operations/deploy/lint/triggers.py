"""What a trigger's function writes each time that a service writes a row.

The throw-away database has no rows that fire it, so only its text can be read. A function may write
rows that belong to the row that fired it. If it writes other rows, each transaction of each service
writes them, and their locks block all other services.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from .snapshot import CatalogState, TriggerState
from .writes import COMMENTS, SMALL, WRITES_IN_BODY, called

STRINGS = re.compile(r"'(?:[^']|'')*'")
EXECUTES = re.compile(r"\bEXECUTE\s+(?!(?:FUNCTION|PROCEDURE)\b)", re.I)
#: The targets of assignments in PL/pgSQL, except rows of tables.
ASSIGNED = re.compile(
    r"\bFOR(?:EACH)?\s+(\w+)|\bINTO\s+(?:STRICT\s+)?(\w+)|\b(\w+)(?:\s+[\w.%]+)?\s*(?::=|=|\bDEFAULT\b)",
    re.I,
)


def strange_writes(
    trigger: TriggerState, catalog: CatalogState, old: Iterable[str]
) -> Iterator[str]:
    """The statements of its function that write rows unrelated to the row that fired it.

    `old` are the tables that have rows.
    """
    tables = {*old} - SMALL
    yield from _strange(trigger.body, catalog.functions, tables, {trigger.function}, trigger.rows)


def _strange(
    body: str,
    functions: Mapping[str, str],
    tables: set[str],
    looked_at: set[str],
    rows: tuple[str, ...] = (),
) -> Iterator[str]:
    known = {"new", "old", *(name.lower() for name in rows)}
    for statement in _statements(body):
        belongs = _names(_chooses(statement), known)
        if _writes(statement, tables):
            if not belongs:
                yield " ".join(statement.split())
            continue
        if belongs:
            known |= _assigned(statement)
            continue
        for name in called(statement, functions.keys() - looked_at):
            looked_at.add(name)
            for found in _strange(functions[name], functions, tables, looked_at):
                yield f"{found} in {name}()"


def _statements(body: str) -> list[str]:
    """The statements: they end at a semicolon; the beginning of a block or loop is separate."""
    text = STRINGS.sub("''", COMMENTS.sub(" ", body))
    return re.split(r";|\b(?:BEGIN|THEN|ELSE|LOOP|DECLARE)\b", text, flags=re.I)


def _writes(statement: str, tables: set[str]) -> bool:
    """Whether it writes rows of these tables, or may do so with EXECUTE.

    An INSERT counts only if it copies rows.
    """
    if EXECUTES.search(statement):
        return True
    for match in WRITES_IN_BODY.finditer(statement):
        table = match[1].replace('"', "").removeprefix("public.").lower()
        inserts = match[0].upper().startswith("INSERT")
        copies = re.search(r"\bSELECT\b|\bTABLE\b", statement, re.I)
        if table in tables and (not inserts or copies):
            return True
    return False


def _chooses(statement: str) -> str:
    """The part that selects the rows: in UPDATE and DELETE, the condition."""
    if re.search(r"\bUPDATE\s+(?!SET\b)|\bDELETE\s+FROM\b", statement, re.I):
        return "".join(re.split(r"\bWHERE\b", statement, maxsplit=1, flags=re.I)[1:])
    return statement


def _names(text: str, names: set[str]) -> bool:
    return any(word.lower() in names for word in re.findall(r"\w+", text))


def _assigned(statement: str) -> set[str]:
    return {name.lower() for found in ASSIGNED.findall(statement) for name in found if name}
