"""The input of the rules: one snapshot of the audited schemas."""

from dataclasses import dataclass
from functools import cached_property

from veza_core.db.distribution import Distribution
from veza_core.schema.audit.facts import Facts
from veza_core.schema.audit.meaning import Meaning
from veza_core.schema.audit.objects import BrokenIndex, Column, Function, Table, Thing


@dataclass(frozen=True, slots=True)
class AuditedDatabase:
    """Where the audit's session was connected, as the server reports it."""

    database: str
    role: str
    #: Its address; None for a Unix socket.
    address: str | None
    port: int
    #: As the client was configured: a host name, or the directory of a socket.
    host: str


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
    #: Schema, table, role (None for all roles), and its privileges among REFERENCES and TRIGGER.
    attachers: list[tuple[str, str, str | None, list[str]]]
    installed_extensions: frozenset[str]
    available_extensions: frozenset[str]
    #: Whether random_page_cost is PostgreSQL's default, and nobody has set it.
    has_default_page_cost: bool
    #: All tables, including partitions; rules usually use `tables`.
    all_tables: list[Table]
    functions: list[Function]
    things: list[Thing]
    #: Sequences that no identity column owns and no default uses.
    loose_sequences: list[Thing]
    #: Of materialized views and TOAST tables; those of a table are among its indexes.
    broken_indexes: list[BrokenIndex]
    #: The database's schemas that are not audited.
    other_schemas: frozenset[str]
    #: Every name of a relation or index, by schema: a new name must not be among them.
    taken_names: dict[str, set[str]]
    facts: Facts
    #: Where the rows are; None: on this server.
    distribution: Distribution | None = None

    @property
    def database(self) -> str:
        return self.place.database

    @cached_property
    def tables(self) -> list[Table]:
        """The tables without partitions, which have their parent's columns and keys."""
        return [table for table in self.all_tables if not table.is_partition]

    @cached_property
    def columns_by_type(self) -> dict[int, list[tuple[Table, Column]]]:
        """Columns that no parent has, by the built-in type of the column or its elements."""
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
        """The relations between tables: owners, junction tables, feeds."""
        return Meaning(self.tables, self.by_oid, self.by_name)
