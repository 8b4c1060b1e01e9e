"""What the purge of one row would do, table by table: one query, with limited counts.

The tables and their foreign keys are those that the purge itself follows (`read_catalog`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from veza_core.db.fetch import fetch_row

from .catalog import (
    CASCADE,
    SET_NULL,
    LinkedTable,
    PurgeCatalog,
    Reference,
    gone_name,
    read_catalog,
    select_gone,
)

#: Counting stops here: each row is a page to read, which may not be in any cache.
MAX_COUNTED = 200
#: For at most so many of a table's deleted rows, the rows that refer to them are searched: each
#: needs an index scan in every referring table.
FOLLOWED = 50

# ANY, the order and the limits make PostgreSQL use the index of the foreign key, whatever it
# estimates, and read no more rows than are counted.
CHILDREN = sql.SQL(
    "(SELECT t.{key} AS key FROM {table} t"
    " WHERE t.{column} = ANY (ARRAY(SELECT key FROM {gone} LIMIT {followed}))"
    " ORDER BY t.{column} LIMIT {most})"
)
# For a table that refers to itself. A recursive query cannot use an ARRAY of its own rows.
OWN_CHILDREN = sql.SQL(
    "SELECT found.key FROM (SELECT key FROM {gone} LIMIT {followed}) AS parent CROSS JOIN LATERAL"
    " (SELECT t.{key} AS key FROM {table} t WHERE t.{column} = ANY (ARRAY[parent.key])"
    " ORDER BY t.{column} LIMIT {most}) AS found"
)
#: How many rows were found, and how many of them are not deleted anyway.
COUNT = sql.SQL(
    "(SELECT ARRAY[count(*), count(*) FILTER (WHERE {meant})]"
    " FROM (SELECT * FROM ({rows}) AS rows LIMIT {most}) AS found)"
)
ALL = sql.SQL("true")


@dataclass(frozen=True, slots=True)
class ErasedRows:
    """What would be done to rows of a table.

    `rows` is None if they cannot be counted here: on other nodes, or in another service's table.
    """

    DELETED = "deleted"
    CLEARED = "set to NULL"
    FORBIDDING = "forbids it"

    table: LinkedTable
    what: str
    #: The columns that refer to what is deleted; empty for the row itself.
    columns: Sequence[str]
    rows: int | None
    #: There may be more: counting stopped here, or in a table that the rows refer to.
    is_least: bool = False
    #: There may be fewer: some may be deleted with rows that were not followed.
    is_most: bool = False


def foresee_one(connection: BaseDatabaseWrapper, name: str, key: Any) -> list[ErasedRows]:
    """What the purge of one row would delete and set to NULL, and what would prevent it."""
    catalog = read_catalog(connection)
    question = _Question(catalog, catalog.tables[name], key)
    return list(question.answer(fetch_row(connection, question.statement())))


@dataclass(frozen=True, slots=True)
class _RowCount:
    """A line of the answer. Its rows refer to `parent`, unless they would be deleted."""

    table: LinkedTable
    what: str
    columns: Sequence[str]
    count: sql.Composable | None
    parent: LinkedTable | None = None


@dataclass(slots=True)
class _Question:
    """One statement that counts everything, and what its figures mean."""

    catalog: PurgeCatalog
    root: LinkedTable
    key: Any
    #: The keys of the rows that would be deleted, parents first.
    gone: dict[LinkedTable, sql.Composable] = field(default_factory=dict)
    row_counts: list[_RowCount] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._follow()
        self.row_counts = [*self._deleted(), *self._cleared(), *self._blockers()]

    def statement(self) -> sql.Composable:
        counts = [each.count for each in self.row_counts if each.count is not None]
        return select_gone(self.gone, counts)

    def answer(self, figures: Sequence[Sequence[int]]) -> Iterator[ErasedRows]:
        """The lines, deleted rows first, because they show which other counts are complete."""
        numbers = iter(figures)
        # Tables of which more rows may be deleted (cut), and tables whose deleted rows are not all
        # followed (lost).
        cut: set[LinkedTable] = set()
        lost: set[LinkedTable] = set()
        for each in self.row_counts:
            table = each.table
            if each.count is None:
                yield ErasedRows(table, each.what, each.columns, None)
                continue
            found, meant = next(numbers)
            is_least = found > MAX_COUNTED
            if each.parent is not None:
                is_least |= each.parent in lost
            else:
                parents = {parent for parent, _ in self._taking(table)}
                # A table that refers to itself is its own parent, and is not in `lost` yet.
                followed = found if table in parents else 0
                if is_least or followed > FOLLOWED or not lost.isdisjoint(parents):
                    is_least = True
                    cut.add(table)
                if is_least or found > FOLLOWED:
                    lost.add(table)
            is_most = each.what == ErasedRows.CLEARED and table in cut
            yield ErasedRows(
                table, each.what, each.columns, min(meant, MAX_COUNTED), is_least, is_most
            )

    def _follow(self) -> None:
        for table in reversed(self.catalog.children_first()):
            parts = [
                _children(reference, parent)
                for parent, reference in self._taking(table)
                if parent != table
            ]
            if table == self.root:
                parts.insert(0, sql.SQL("SELECT {}::uuid").format(sql.Literal(str(self.key))))
            if parts and not table.is_spread:
                own = [
                    OWN_CHILDREN.format(**reference.names, **_limits(table))
                    for reference in self.catalog.references[table]
                    if reference.table == table and reference.action == CASCADE
                ]
                self.gone[table] = sql.SQL(" UNION ").join([*parts, *own])

    def _taking(self, table: LinkedTable) -> Iterator[tuple[LinkedTable, Reference]]:
        """The foreign keys that delete its rows with those of another table."""
        return (each for each in self.catalog.cascades_to(table) if each[0] in self.gone)

    def _deleted(self) -> Iterator[_RowCount]:
        for table in self.gone:
            columns = sorted(reference.column for _, reference in self._taking(table))
            rows = sql.SQL("SELECT key FROM {}").format(gone_name(table))
            yield _RowCount(
                table, ErasedRows.DELETED, [] if table == self.root else columns, _count(rows, ALL)
            )
        spread = {
            reference.table: reference.column
            for parent in self.gone
            for reference in self.catalog.references[parent]
            if reference.table.is_spread and reference.action == CASCADE
        }
        for table, column in spread.items():
            yield _RowCount(table, ErasedRows.DELETED, [column], None)

    def _cleared(self) -> Iterator[_RowCount]:
        for parent in self.gone:
            for reference in self.catalog.references[parent]:
                table = reference.table
                if reference.action != SET_NULL:
                    continue
                count = None
                if not table.is_spread:
                    meant: sql.Composable = ALL
                    if table in self.gone:
                        # A deleted row loses no reference.
                        meant = sql.SQL("key NOT IN (TABLE {})").format(gone_name(table))
                    count = _count(_children(reference, parent), meant)
                yield _RowCount(table, ErasedRows.CLEARED, [reference.column], count, parent)

    def _blockers(self) -> Iterator[_RowCount]:
        for parent in self.gone:
            for reference in self.catalog.blockers[parent]:
                ours = str(reference.table) in self.catalog.tables
                count = _count(_children(reference, parent), ALL) if ours else None
                columns = [reference.column]
                yield _RowCount(reference.table, ErasedRows.FORBIDDING, columns, count, parent)


def _children(reference: Reference, parent: LinkedTable) -> sql.Composable:
    return CHILDREN.format(**reference.names, **_limits(parent))


def _count(rows: sql.Composable, meant: sql.Composable) -> sql.Composable:
    return COUNT.format(rows=rows, meant=meant, most=MAX_COUNTED + 1)


def _limits(table: LinkedTable) -> dict[str, Any]:
    return {"gone": gone_name(table), "followed": FOLLOWED, "most": MAX_COUNTED + 1}
