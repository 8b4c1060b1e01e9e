"""Reads the catalog of a connection into `Catalog`, in the caller's transaction."""

from collections import defaultdict
from typing import Any

import psycopg
from psycopg.adapt import Loader
from psycopg.pq import Format

from veza_core.db.distribution import read_distribution
from veza_core.schema.audit import indexes, queries
from veza_core.schema.audit.catalog import AuditedDatabase, Catalog
from veza_core.schema.audit.facts import read_facts
from veza_core.schema.audit.indexes import index_of
from veza_core.schema.audit.objects import (
    BrokenIndex,
    Column,
    Constraint,
    Domain,
    ForeignKey,
    Function,
    Referenced,
    Table,
    Thing,
    Trigger,
)
from veza_core.schema.audit.session import AuditError
from veza_core.schema.quoting import ident, one_line, qualified


def read_catalog(connection: psycopg.Connection[Any], schemas: tuple[str, ...]) -> Catalog:
    """Read the schemas with these names. Raises `AuditError` if one of them does not exist."""
    return _Reader(connection, schemas).read()


class _Reader:
    """The shared data of the steps of a reading."""

    def __init__(self, connection: psycopg.Connection[Any], schemas: tuple[str, ...]) -> None:
        self.cursor = connection.cursor(binary=True)
        self.version = connection.info.server_version
        if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
            # Such a database may contain any bytes, and would refuse to send bytes that are not
            # UTF-8.
            connection.execute("SET LOCAL client_encoding = 'SQL_ASCII'")
            self.cursor.adapters.register_loader("text", _LenientLoader)
        self.names = schemas
        self.schemas: list[int] = []
        self.elsewhere: list[int] = []
        self.tables: dict[int, Table] = {}
        self.column_names: dict[int, dict[int, str]] = defaultdict(dict)
        self.functions: dict[int, Function] = {}
        self.domains: dict[int, Domain] = {}
        self.partition_numbers: dict[int, list[int]] = {}

    def rows(self, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Run a query about the audited schemas."""
        return self.cursor.execute(query, {**self._parameters, **parameters}).fetchall()

    @property
    def _parameters(self) -> dict[str, Any]:
        return {"schemas": self.schemas, "elsewhere": self.elsewhere}

    def read(self) -> Catalog:
        [(database, role, address, port, version, installed, available, default_page_cost)] = (
            self.rows(queries.DATABASE)
        )
        owners = self._read_schemas()
        self.elsewhere = [oid for (oid,) in self.rows(queries.PARTITIONS_ELSEWHERE)]
        self.domains = {oid: Domain(*values) for oid, *values in self.rows(queries.DOMAINS)}
        others = self._read_relations()
        self._read_columns(others)
        self._read_unchecked_not_nulls()
        self._read_inheritance()
        self._read_indexes()
        self._read_constraints()
        self._read_functions_and_triggers()
        sequences, loose = self._read_sequences()
        return Catalog(
            place=AuditedDatabase(database, role, address, port, self.cursor.connection.info.host),
            server_version=self.version,
            schema_version=version,
            schemas=self.names,
            schema_owners=owners,
            creators=self.rows(queries.CREATORS),
            attachers=self.rows(queries.ATTACHERS),
            installed_extensions=frozenset(installed),
            available_extensions=frozenset(available),
            has_default_page_cost=default_page_cost,
            all_tables=[table for table in self.tables.values() if table.is_audited],
            functions=list(self.functions.values()),
            things=[*others.values(), *sequences, *self._read_types()],
            loose_sequences=loose,
            broken_indexes=[BrokenIndex(*row) for row in self.rows(indexes.BROKEN_INDEXES)],
            other_schemas=frozenset(name for (name,) in self.rows(queries.OTHER_SCHEMAS)),
            taken_names={schema: set(names) for schema, names in self.rows(queries.TAKEN_NAMES)},
            facts=read_facts(self.rows, self.version),
            distribution=read_distribution(self.rows) if "citus" in installed else None,
        )

    def _read_schemas(self) -> dict[str, str]:
        found = self.rows(queries.SCHEMAS, names=list(self.names))
        self.schemas = [oid for oid, _, _ in found]
        owners = {name: owner for _, name, owner in found}
        for name in self.names:
            if name.startswith("pg_") or name == "information_schema":
                raise AuditError(f"schema {one_line(ident(name))} is PostgreSQL's own")
            if name not in owners:
                raise AuditError(f"the database has no schema {one_line(ident(name))}")
        return owners

    def _read_relations(self) -> dict[int, Thing]:
        """Read tables, and return views and foreign tables by oid."""
        others: dict[int, Thing] = {}
        elsewhere = set(self.elsewhere)
        kinds = {"v": "VIEW", "m": "MATERIALIZED VIEW", "f": "FOREIGN TABLE"}
        for row in self.rows(queries.RELATIONS):
            oid, schema, name, kind, is_partition, owner, comment, numbers, unlogged, typed = row
            if kind in kinds:
                others[oid] = Thing(kinds[kind], schema, name, owner, is_partition=is_partition)
                continue
            table = Table(
                oid, schema, name, kind, is_partition, owner, comment, unlogged, typed,
                is_audited=oid not in elsewhere, identity=qualified(schema, name),
            )  # fmt: skip
            self.tables[oid] = table
            self.partition_numbers[oid] = numbers
        return others

    def _read_columns(self, others: dict[int, Thing]) -> None:
        rows = self.rows(queries.COLUMNS)
        types = {(type_oid, modifier) for _, _, _, type_oid, modifier, *_ in rows}
        parameters = {"types": [oid for oid, _ in types], "modifiers": [mod for _, mod in types]}
        names = {
            (type_oid, modifier): name
            for type_oid, modifier, name in self.rows(queries.TYPE_NAMES, **parameters)
        }
        for relation, *values in rows:
            if (table := self.tables.get(relation)) is None:
                if (other := others.get(relation)) is not None:
                    other.columns = (*other.columns, values[1])
                continue
            column = Column(*values)
            column.type_name = names[column.base_type, column.modifier]
            if (domain := self.domains.get(column.base_type)) is not None:
                _look_through(column, domain)
            table.columns[column.name] = column
            self.column_names[relation][column.number] = column.name
        pinned = self.rows(queries.PINNED_COLUMNS)
        for oid, numbers in self.partition_numbers.items():
            # 0 is an expression.
            known = [(oid, number) for number in numbers if number]
            pinned += known
            self.tables[oid].partition_columns = tuple(
                self.column_names[oid][number] for _, number in known
            )
        for oid, number in pinned:
            if (name := self.column_names.get(oid, {}).get(number)) is not None:
                self.tables[oid].columns[name].is_pinned = True

    def _read_unchecked_not_nulls(self) -> None:
        if self.version < 180000:
            return
        for oid, number, constraint in self.rows(queries.UNCHECKED_NOT_NULLS):
            if (name := self.column_names.get(oid, {}).get(number)) is not None:
                self.tables[oid].columns[name].unchecked_not_null = constraint

    def _read_inheritance(self) -> None:
        for child_oid, parent_oid in self.rows(queries.INHERITANCE):
            child, parent = self.tables.get(child_oid), self.tables.get(parent_oid)
            if child is not None and parent is not None:
                child.parents.append(parent)
                if child.is_partition:
                    parent.partitions.append(child)
        for table in self.tables.values():
            for column in table.columns.values():
                column.is_inherited = not column.is_local and _is_parents(column, table)

    def _read_indexes(self) -> None:
        classes = {
            oid: (name, default, frozenset(operators))
            for oid, name, default, operators in self.rows(indexes.OPERATOR_CLASSES)
        }
        for row in self.rows(indexes.INDEXES):
            if (table := self.tables.get(row[2])) is not None:
                table.indexes.append(index_of(row, table, self.column_names[table.oid], classes))

    def _read_constraints(self) -> None:
        for oid, name, kind, definition, is_inherited in self.rows(queries.CHECKS):
            if (table := self.tables.get(oid)) is not None:
                table.checks.append(Constraint(name, kind, table, definition, is_inherited))
        referenced = {
            (oid, number): Referenced(name, self._base(type_oid), type_name)
            for oid, number, name, type_oid, type_name in self.rows(queries.REFERENCED_COLUMNS)
        }
        newer = self.version >= 180000
        query = queries.FOREIGN_KEYS.format(
            enforced="con.conenforced" if newer else "true",
            period="con.conperiod" if newer else "false",
        )
        for oid, name, key, target, schema, target_table, target_key, *rest in self.rows(query):
            if (table := self.tables.get(oid)) is None:
                continue
            names = self.column_names[oid]
            on_delete, on_update, match, set_columns, operators, collations, *flags = rest
            table.foreign_keys.append(
                ForeignKey(
                    name, table, tuple(names[number] for number in key), target, schema,
                    target_table, tuple(referenced[target, number] for number in target_key),
                    on_delete, on_update, match,
                    tuple(names[number] for number in set_columns),
                    tuple(operators), tuple(collations), *flags,
                )
            )  # fmt: skip

    def _base(self, type_oid: int) -> int:
        """Return the base type of a domain, or the type itself."""
        domain = self.domains.get(type_oid)
        return domain.base_type if domain is not None else type_oid

    def _read_functions_and_triggers(self) -> None:
        for values in self.rows(queries.FUNCTIONS):
            function = Function(*values)
            self.functions[function.oid] = function
        for oid, name, function, arguments, *rest in self.rows(queries.TRIGGERS):
            if (table := self.tables.get(oid)) is not None:
                called = self.functions[function]
                words = [word.decode(errors="replace") for word in arguments.split(b"\0")]
                table.triggers.append(Trigger(name, table, called, tuple(words[:-1]), *rest))

    def _read_sequences(self) -> tuple[list[Thing], list[Thing]]:
        """Return the sequences that a column owns, and the separate ones."""
        own, loose = [], []
        for schema, name, owner, has_own_owner, is_loose in self.rows(queries.SEQUENCES):
            thing = Thing("SEQUENCE", schema, name, owner)
            if has_own_owner:
                own.append(thing)
            if is_loose:
                loose.append(thing)
        return own, loose

    def _read_types(self) -> list[Thing]:
        return [
            Thing("DOMAIN" if kind == "d" else "TYPE", schema, name, owner)
            for schema, name, kind, owner in self.rows(queries.TYPES)
        ]


def _look_through(column: Column, domain: Domain) -> None:
    column.domain = domain
    column.base_type = domain.base_type
    column.modifier = domain.base_modifier
    column.not_null = column.not_null or domain.not_null
    if column.default is None and not column.generated:
        column.default = domain.default


def _is_parents(column: Column, table: Table) -> bool:
    """Whether a parent has the column; a parent outside the audited schemas always does."""
    if not table.parents or table.is_partition:
        return True
    return any(
        parent_column is not None
        and parent_column.type_name == column.type_name
        and parent_column.not_null == column.not_null
        and parent_column.default == column.default
        for parent_column in (parent.columns.get(column.name) for parent in table.parents)
    )


class _LenientLoader(Loader):
    """Loads text that may not be UTF-8, with U+FFFD for invalid bytes."""

    format = Format.BINARY

    def load(self, data: Any) -> str:
        return bytes(data).decode("utf-8", "replace")
