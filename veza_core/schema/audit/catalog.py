"""The input of the rules: one snapshot of the audited schemas."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from veza_core.db.distribution import Distribution
from veza_core.schema.audit.meaning import Meaning
from veza_core.schema.audit.objects import Column, Function, Table, Thing
from veza_core.schema.quoting import qualified


@dataclass(frozen=True, slots=True)
class AuditedDatabase:
    """Where the audit's session was connected, as the server reports it."""

    database: str
    role: str
    #: The server's address; None for a Unix socket.
    address: str | None
    port: int
    #: The host in the client's parameters: a name, or the directory of a socket.
    host: str


@dataclass(slots=True, eq=False)
class BrokenIndex:
    """An invalid index of a materialized view or of a table's TOAST."""

    oid: int
    schema: str
    name: str
    owner: str
    is_toast: bool
    may_be_in_progress: bool

    @property
    def identity(self) -> str:
        return qualified(self.schema, self.name)


class Unchecked(NamedTuple):
    """A check or NOT NULL that is NOT VALID, of a table or of a domain."""

    #: The oid of the table; 0 for a constraint of a domain.
    table: int
    owner: str
    name: str
    is_not_null: bool
    #: The column of a NOT NULL, or the first one of a check.
    column: int | None
    is_inherited: bool


class Sequence(NamedTuple):
    """A sequence, and the column that uses it; `last`, its last value, is None if unknown."""

    identity: str
    schema: str
    name: str
    owner: str
    #: No column owns it, so that it has its own owner.
    is_separate: bool
    #: No identity column owns it and no default uses it.
    is_loose: bool
    cycles: bool
    is_ascending: bool
    lowest: int
    highest: int
    last: int | None
    table: int | None
    column: str | None


@dataclass(eq=False)
class Catalog:
    """A snapshot of the audited schemas, without the objects of extensions."""

    place: AuditedDatabase
    server_version: int
    #: From the comment on `public` (`veza_core.db.schema_version`).
    schema_version: str | None
    schemas: tuple[str, ...]
    schema_owners: dict[str, str]
    #: Schema, and role that may create there (None for all roles), without owners and superusers.
    creators: list[tuple[str, str | None]]
    #: Schema, table, role (None for all roles), and which of REFERENCES and TRIGGER it has.
    attachers: list[tuple[str, str, str | None, list[str]]]
    installed_extensions: frozenset[str]
    available_extensions: frozenset[str]
    #: Whether random_page_cost is PostgreSQL's default, and nobody has set it.
    has_default_page_cost: bool
    #: All tables, including partitions; rules usually use `tables`.
    all_tables: list[Table]
    functions: list[Function]
    things: list[Thing]
    sequences: list[Sequence]
    #: Those of materialized views and TOAST tables; those of other tables are in `Table.indexes`.
    broken_indexes: list[BrokenIndex]
    #: The database's schemas that are not audited.
    other_schemas: frozenset[str]
    #: Every name of a relation or index, by schema: a new name must not be among them.
    taken_names: dict[str, set[str]]
    #: Constraints that are not enforced: the table, the name, and the tables on which PostgreSQL's
    #: triggers for the constraint are disabled.
    unenforced: list[tuple[int, str, list[str]]]
    unchecked: list[Unchecked]
    #: Names of tables and functions that PostgreSQL finds by the search_path.
    tables_named: frozenset[str]
    functions_named: frozenset[str]
    #: Integer columns of keys: table and column, the time of the statistics, and the highest value
    #: in them.
    integers: list[tuple[int, str, datetime | None, int | None]]
    #: Text columns: table, name, the time of the statistics, and whether all values in them are
    #: UUIDs (True) or none is (False).
    uuid_texts: list[tuple[int, str, datetime | None, bool]]
    #: Extensions whose version differs from the one that the server would install: name,
    #: installed, offered.
    outdated_extensions: list[tuple[str, str, str]]
    #: Collations whose version changed: name (None for the database's own), recorded and actual
    #: version, and how many indexes use it.
    changed_collations: list[tuple[str | None, str, str, int]]
    #: Published tables without a replica identity, with their publications.
    without_identity: list[tuple[str, str]]
    #: How Citus distributes the rows; None if all are on this server.
    distribution: Distribution | None = None

    @property
    def database(self) -> str:
        return self.place.database

    @cached_property
    def tables(self) -> list[Table]:
        """All tables except partitions, which have the columns and keys of their parent."""
        return [table for table in self.all_tables if not table.is_partition]

    @cached_property
    def columns_by_type(self) -> dict[int, list[tuple[Table, Column]]]:
        """The columns that no parent has, by built-in type; for an array, that of its elements."""
        columns: dict[int, list[tuple[Table, Column]]] = {}
        for table in self.tables:
            for column in table.columns.values():
                if not column.is_inherited:
                    columns.setdefault(column.element_type, []).append((table, column))
        return columns

    @cached_property
    def by_oid(self) -> dict[int, Table]:
        return {table.oid: table for table in self.all_tables}

    @cached_property
    def by_name(self) -> dict[tuple[str, str], Table]:
        return {(table.schema, table.name): table for table in self.all_tables}

    @cached_property
    def meaning(self) -> Meaning:
        """How tables relate to each other: owners, junction tables, feeds."""
        return Meaning(self.tables, self.by_oid, self.by_name)
