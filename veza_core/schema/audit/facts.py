"""Facts for single rules, in addition to tables, columns and indexes; one list for each."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from veza_core.schema.audit import fact_queries as queries


class Unenforced(NamedTuple):
    """A constraint that is not enforced; `tables` are those whose triggers for it are disabled."""

    table: int
    name: str
    tables: list[str]


class Unchecked(NamedTuple):
    """A check or NOT NULL that is NOT VALID, of a table or a domain."""

    table: int
    owner: str
    name: str
    is_not_null: bool
    is_domain: bool


class Routine(NamedTuple):
    """A function or procedure in a language that resolves names when it runs."""

    schema: str
    name: str
    arguments: str
    is_definer: bool
    #: PUBLIC may execute it, and use its schema.
    is_public: bool
    is_fixed: bool
    #: From SET search_path; empty without one.
    path: str
    source: str
    #: What runs it without a call; empty if nothing does.
    run_by: str


class RowSecurity(NamedTuple):
    """Whether a table has policies, and whether they are enabled."""

    table: int
    has_policies: bool
    is_enabled: bool
    is_forced: bool


class Sequence(NamedTuple):
    """A sequence that does not cycle, and its column; `last` is None if unknown."""

    name: str
    is_ascending: bool
    lowest: int
    highest: int
    last: int | None
    table: int | None
    column: str | None


class Integers(NamedTuple):
    """A column of a key, with the highest value in the statistics."""

    table: int
    column: str
    analyzed: datetime | None
    highest: int | None


class UuidTexts(NamedTuple):
    """A text column for which all values in the statistics are UUIDs, or none is."""

    table: int
    column: str
    analyzed: datetime | None
    are_uuids: bool


class Extension(NamedTuple):
    """An installed extension whose version differs from the one that the server would install."""

    name: str
    installed: str
    offered: str


class Collation(NamedTuple):
    """A collation whose version changed; `name` is None for the database's own."""

    name: str | None
    recorded: str
    actual: str
    indexes: int


class WithoutIdentity(NamedTuple):
    """A published table without a replica identity."""

    table: str
    publications: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All facts; `tables_named` and `functions_named` are names that depend on a search_path."""

    unenforced: list[Unenforced]
    unchecked: list[Unchecked]
    routines: list[Routine]
    tables_named: frozenset[str]
    functions_named: frozenset[str]
    row_security: list[RowSecurity]
    sequences: list[Sequence]
    integers: list[Integers]
    uuid_texts: list[UuidTexts]
    extensions: list[Extension]
    collations: list[Collation]
    without_identity: list[WithoutIdentity]


def read_facts(rows: Callable[[str], list[tuple[Any, ...]]], version: int) -> Facts:
    """Run the queries with `rows`, in the reader's snapshot."""
    enforced = "con.conenforced" if version >= 180000 else "true"
    names = rows(queries.NAMES)
    return Facts(
        unenforced=[Unenforced(*row) for row in rows(queries.UNENFORCED.format(enforced=enforced))],
        unchecked=[Unchecked(*row) for row in rows(queries.UNCHECKED.format(enforced=enforced))],
        routines=[Routine(*row) for row in rows(queries.ROUTINES)],
        tables_named=frozenset(name for name, is_function in names if not is_function),
        functions_named=frozenset(name for name, is_function in names if is_function),
        row_security=[RowSecurity(*row) for row in rows(queries.ROW_SECURITY)],
        sequences=[Sequence(*row) for row in rows(queries.SEQUENCES)],
        integers=[Integers(*row) for row in rows(queries.INTEGERS)],
        uuid_texts=[UuidTexts(*row) for row in rows(queries.UUID_TEXTS)],
        extensions=[Extension(*row) for row in rows(queries.EXTENSIONS)],
        collations=[Collation(*row) for row in rows(queries.COLLATIONS)],
        without_identity=[WithoutIdentity(*row) for row in rows(queries.WITHOUT_IDENTITY)],
    )
