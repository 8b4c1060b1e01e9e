"""Tables and foreign keys in the catalog: what is deleted with a row, and what prevents it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from veza_core.db.distribution import Distribution, asking, read_distribution, read_triggers
from veza_core.db.inheritance import IS_INHERITED_FROM, named

CASCADE, SET_NULL = "c", "n"
BLOCKING = "ar"

# The key of a partitioned table also contains the partition key. Rows of its partitions are its
# own.
KEYED_TABLES = f"""
SELECT pg_class.oid, nspname, relname, key.name, EXISTS (
    SELECT FROM pg_attribute
    WHERE attrelid = pg_class.oid AND attname = 'deleted_at' AND NOT attisdropped
), {IS_INHERITED_FROM}
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = relnamespace
JOIN pg_index ON indrelid = pg_class.oid AND indisprimary
LEFT JOIN pg_partitioned_table ON partrelid = pg_class.oid
JOIN LATERAL (
    SELECT min(attname) AS name FROM pg_attribute
    WHERE attrelid = pg_class.oid AND attnum = ANY (indkey)
        AND (indnkeyatts = 1 OR partattrs IS NULL OR attnum <> ALL (partattrs))
    HAVING count(*) = 1
) AS key ON true
WHERE nspname IN ('public', 'django') AND relkind IN ('r', 'p') AND NOT relispartition
"""
CHILD_KEYS = """
SELECT conrelid, confrelid, nspname, relname, attname, confdeltype::text,
    cardinality(conkey) = 1
FROM pg_constraint
JOIN pg_class ON pg_class.oid = conrelid
JOIN pg_namespace ON pg_namespace.oid = relnamespace
JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
WHERE contype = 'f' AND conparentid = 0
ORDER BY conname
"""

# The server counts changes in each partition separately.
PARTITIONS = """
SELECT oid, pg_partition_root(oid)::oid FROM pg_class WHERE relispartition AND relkind IN ('r', 'f')
"""


@dataclass(frozen=True, slots=True)
class LinkedTable:
    """A table, with the column that is its primary key.

    If it `is_spread`, its rows are on other nodes: they cannot be locked first, and neither can
    those of a table that `is_copied` to every node. If it `is_managed`, its rows are here, in a
    shard. This server's statistics count the rows of none of these tables.
    """

    oid: int
    schema: str
    name: str
    key: str = ""
    is_soft: bool = False
    is_spread: bool = False
    is_copied: bool = False
    is_managed: bool = False
    #: Others inherit from it; their rows are not its own.
    is_inherited_from: bool = False

    def __str__(self) -> str:
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> sql.Composable:
        """The name for a statement that reads or changes its rows."""
        return named(self.schema, self.name, is_inherited_from=self.is_inherited_from)

    @property
    def is_counted(self) -> bool:
        """Whether the server's statistics count its rows."""
        return not (self.is_spread or self.is_copied or self.is_managed)

    def locking(self, clause: str) -> sql.SQL:
        """The clause at the end of a SELECT; empty if Citus refuses it."""
        return sql.SQL("" if self.is_spread or self.is_copied else clause)


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key, or triggers instead of it, seen from the referenced table."""

    table: LinkedTable
    column: str
    action: str

    @property
    def names(self) -> dict[str, sql.Composable]:
        """For SQL: the table, its key, and the referring column."""
        return {
            "table": self.table.identifier,
            "key": sql.Identifier(self.table.key),
            "column": sql.Identifier(self.column),
        }


@dataclass(slots=True)
class PurgeCatalog:
    """`references` are those that purge itself may follow, cascades first; `blockers` forbid
    deletion.

    Anything else that refers to a table, such as a key of another service's schema, is left to the
    database. `reached` has every table, by its oid and its partitions', in which a deletion may
    change rows, and `referring` has each column that refers to a table, whoever owns it.
    """

    tables: dict[str, LinkedTable] = field(default_factory=dict)
    references: dict[LinkedTable, list[Reference]] = field(
        default_factory=lambda: defaultdict(list)
    )
    blockers: dict[LinkedTable, list[Reference]] = field(default_factory=lambda: defaultdict(list))
    reached: dict[int, str] = field(default_factory=dict)
    referring: dict[LinkedTable, list[Reference]] = field(default_factory=lambda: defaultdict(list))

    def cascades_to(self, table: LinkedTable) -> list[tuple[LinkedTable, Reference]]:
        """The parents whose deletion also deletes rows of the table, and by which foreign keys."""
        return [
            (parent, reference)
            for parent, references in self.references.items()
            for reference in references
            if reference.table == table and reference.action == CASCADE
        ]

    def children_first(self) -> list[LinkedTable]:
        """Every table before those that it refers to. Raises `CommandError` for a circle."""
        sorter: TopologicalSorter[LinkedTable] = TopologicalSorter()
        for table in sorted(self.tables.values(), key=str):
            children = {reference.table for reference in self.references[table]} - {table}
            sorter.add(table, *sorted(children, key=str))
        try:
            return list(sorter.static_order())
        except CycleError as error:
            circle = ", ".join(map(str, error.args[1]))
            raise CommandError(
                f"foreign keys form a circle, and purge cannot tell what to delete first: {circle}"
            ) from error


def read_catalog(connection: BaseDatabaseWrapper) -> PurgeCatalog:
    """Read it, in a few queries."""
    catalog = PurgeCatalog()
    ask = asking(connection)
    distribution = read_distribution(ask) or Distribution("")
    tables = {
        oid: LinkedTable(
            *(oid, schema, name, key, is_soft),
            is_spread=schema == "public" and name in distribution.spread,
            is_copied=schema == "public" and name in distribution.copied,
            is_managed=schema == "public" and name in distribution.managed,
            is_inherited_from=is_inherited_from,
        )
        for oid, schema, name, key, is_soft, is_inherited_from in ask(KEYED_TABLES)
    }
    catalog.tables = {str(table): table for table in tables.values()}
    catalog.reached = {oid: str(table) for oid, table in tables.items()}
    for trigger in read_triggers(ask).triggers:
        action = CASCADE if trigger.action == "CASCADE" else SET_NULL
        reference = Reference(catalog.tables[trigger.table], trigger.column, action)
        catalog.references[catalog.tables[trigger.target]].append(reference)
        catalog.referring[catalog.tables[trigger.target]].append(reference)
    for oid, target_oid, schema, name, column, action, is_single in ask(CHILD_KEYS):
        child = tables.get(oid) or LinkedTable(oid, schema, name)
        catalog.reached[oid] = str(child)
        if target_oid not in tables:
            continue
        target, reference = tables[target_oid], Reference(child, column, action)
        catalog.referring[target].append(reference)
        if action in BLOCKING:
            catalog.blockers[target].append(reference)
        elif oid in tables and is_single and action in (CASCADE, SET_NULL):
            catalog.references[target].append(reference)
    for oid, root in ask(PARTITIONS):
        if root in catalog.reached:
            catalog.reached[oid] = catalog.reached[root]
    for references in catalog.references.values():
        # A row that is deleted anyway needs no NULL first.
        references.sort(key=lambda reference: reference.action != CASCADE)
    return catalog


def gone_name(table: LinkedTable) -> sql.Identifier:
    """The name of the query of `select_gone` for a table's rows."""
    return sql.Identifier(f"gone {table}")


def select_gone(
    gone: Mapping[LinkedTable, sql.Composable], columns: Iterable[sql.Composable]
) -> sql.Composable:
    """Select the columns, which use queries for the keys of rows that would be deleted.

    `gone` has the query of each table, parents first.
    """
    return sql.SQL("WITH RECURSIVE {} SELECT {}").format(
        sql.SQL(", ").join(
            sql.SQL("{} (key) AS ({})").format(gone_name(table), query)
            for table, query in gone.items()
        ),
        sql.SQL(", ").join(columns),
    )
