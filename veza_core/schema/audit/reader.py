"""Reads the catalog of a connection into `Catalog`, in the caller's transaction."""

from collections import defaultdict
from typing import Any

import psycopg
from psycopg.adapt import Loader
from psycopg.pq import Format
from psycopg.rows import dict_row

from veza_core.db.distribution import read_distribution
from veza_core.schema.audit import indexes, other_queries, queries
from veza_core.schema.audit.catalog import (
    AuditedDatabase,
    BrokenIndex,
    Catalog,
    Sequence,
    Unchecked,
)
from veza_core.schema.audit.indexes import index_of
from veza_core.schema.audit.objects import (
    Column,
    Constraint,
    Domain,
    ForeignKey,
    Function,
    OperatorClass,
    Referenced,
    Table,
    Thing,
    Trigger,
)
from veza_core.schema.audit.session import AuditError
from veza_core.schema.quoting import ident, without_controls


def read_catalog(connection: psycopg.Connection[Any], schemas: tuple[str, ...]) -> Catalog:
    """Read the schemas with these names. Raises `AuditError` if one of them does not exist."""
    return _Reader(connection, schemas).read()


class _Reader:
    """Reads the catalog in steps; each uses what the steps before it have read."""

    def __init__(self, connection: psycopg.Connection[Any], schemas: tuple[str, ...]) -> None:
        self.cursor = connection.cursor(binary=True)
        self.by_name = connection.cursor(binary=True, row_factory=dict_row)
        self.version = connection.info.server_version
        if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
            # Such a database may contain any bytes, and would refuse to send bytes that are not
            # UTF-8.
            connection.execute("SET LOCAL client_encoding = 'SQL_ASCII'")
            for cursor in (self.cursor, self.by_name):
                cursor.adapters.register_loader("text", _LenientLoader)
        newer = self.version >= 180000
        #: SQL for columns that only PostgreSQL 18 has.
        self.newer = {
            "enforced": "con.conenforced" if newer else "true",
            "period": "con.conperiod" if newer else "false",
        }
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
        return self.cursor.execute(query, {**self._audited(), **parameters}).fetchall()

    def named_rows(self, query: str) -> list[dict[str, Any]]:
        """Run such a query, and return each row as a dictionary."""
        return self.by_name.execute(query, self._audited()).fetchall()

    def _audited(self) -> dict[str, list[int]]:
        return {"schemas": self.schemas, "elsewhere": self.elsewhere}

    def read(self) -> Catalog:
        [about] = self.named_rows(queries.DATABASE)
        place = {name: about[name] for name in ("database", "role", "address", "port")}
        owners = self._read_schemas()
        self.elsewhere = [oid for (oid,) in self.rows(queries.PARTITIONS_ELSEWHERE)]
        domains = self.named_rows(queries.DOMAINS)
        self.domains = {row.pop("domain"): Domain(**row) for row in domains}
        others = self._read_relations()
        self._read_columns(others)
        unchecked = self._read_unchecked()
        self._read_inheritance()
        self._read_indexes()
        self._read_constraints()
        self._read_functions_and_triggers()
        sequences = [Sequence(**row) for row in self.named_rows(queries.SEQUENCES)]
        [(tables_named, functions_named)] = self.rows(other_queries.NAMES)
        return Catalog(
            place=AuditedDatabase(**place, host=self.cursor.connection.info.host),
            server_version=self.version,
            schema_version=about["schema_version"],
            schemas=self.names,
            schema_owners=owners,
            creators=self.rows(other_queries.CREATORS),
            attachers=self.rows(other_queries.ATTACHERS),
            installed_extensions=frozenset(about["installed_extensions"]),
            available_extensions=frozenset(about["available_extensions"]),
            has_default_page_cost=about["has_default_page_cost"],
            all_tables=[table for table in self.tables.values() if table.is_audited],
            functions=list(self.functions.values()),
            things=[
                *others.values(),
                *(
                    Thing("SEQUENCE", each.schema, each.name, each.owner)
                    for each in sequences
                    if each.is_separate
                ),
                *(Thing(**row) for row in self.named_rows(queries.TYPES)),
            ],
            sequences=sequences,
            broken_indexes=[BrokenIndex(**row) for row in self.named_rows(indexes.BROKEN_INDEXES)],
            other_schemas=frozenset(name for (name,) in self.rows(queries.OTHER_SCHEMAS)),
            taken_names={schema: set(names) for schema, names in self.rows(queries.TAKEN_NAMES)},
            unenforced=self.rows(other_queries.UNENFORCED.format(**self.newer)),
            unchecked=unchecked,
            tables_named=frozenset(tables_named),
            functions_named=frozenset(functions_named),
            integers=self.rows(other_queries.INTEGERS),
            uuid_texts=self.rows(other_queries.UUID_TEXTS),
            outdated_extensions=self.rows(other_queries.EXTENSIONS),
            changed_collations=self.rows(other_queries.COLLATIONS),
            without_identity=self.rows(other_queries.WITHOUT_IDENTITY),
            distribution=(
                read_distribution(self.rows) if "citus" in about["installed_extensions"] else None
            ),
        )

    def _read_schemas(self) -> dict[str, str]:
        found = self.rows(queries.SCHEMAS, names=list(self.names))
        self.schemas = [oid for oid, _, _ in found]
        owners = {name: owner for _, name, owner in found}
        for name in self.names:
            if name.startswith("pg_") or name == "information_schema":
                raise AuditError(f"schema {without_controls(ident(name))} is PostgreSQL's own")
            if name not in owners:
                raise AuditError(f"the database has no schema {without_controls(ident(name))}")
        return owners

    def _read_relations(self) -> dict[int, Thing]:
        """Read tables, and return views and foreign tables by oid."""
        others: dict[int, Thing] = {}
        kinds = {"v": "VIEW", "m": "MATERIALIZED VIEW", "f": "FOREIGN TABLE"}
        for row in self.named_rows(queries.RELATIONS):
            oid = row["oid"]
            numbers = row.pop("partition_numbers")
            if kind := kinds.get(row["kind"]):
                about = {name: row[name] for name in ("schema", "name", "owner", "is_partition")}
                others[oid] = Thing(kind, **about)
            else:
                self.tables[oid], self.partition_numbers[oid] = Table(**row), numbers
        return others

    def _read_columns(self, others: dict[int, Thing]) -> None:
        rows = self.named_rows(queries.COLUMNS)
        types = {(row["base_type"], row["modifier"]) for row in rows}
        parameters = {"types": [oid for oid, _ in types], "modifiers": [mod for _, mod in types]}
        names = {
            (type_oid, modifier): name
            for type_oid, modifier, name in self.rows(queries.TYPE_NAMES, **parameters)
        }
        for row in rows:
            relation = row.pop("relation")
            if (table := self.tables.get(relation)) is None:
                if (other := others.get(relation)) is not None:
                    other.columns = (*other.columns, row["name"])
                continue
            column = Column(**row)
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

    def _read_unchecked(self) -> list[Unchecked]:
        query = other_queries.UNCHECKED.format(**self.newer)
        unchecked = [Unchecked(**row) for row in self.named_rows(query)]
        for each in unchecked:
            name = self.column_names.get(each.table, {}).get(each.column or 0)
            if each.is_not_null and name is not None:
                self.tables[each.table].columns[name].unchecked_not_null = each.name
        return unchecked

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
            oid: OperatorClass(name, default, frozenset(equalities))
            for oid, name, default, equalities in self.rows(indexes.OPERATOR_CLASSES)
        }
        for row in self.named_rows(indexes.INDEXES):
            if (table := self.tables.get(row.pop("relation"))) is not None:
                table.indexes.append(index_of(row, table, self.column_names[table.oid], classes))

    def _read_constraints(self) -> None:
        for row in self.named_rows(queries.CHECKS):
            if (table := self.tables.get(row.pop("relation"))) is not None:
                table.checks.append(Constraint(table=table, **row))
        for row in self.named_rows(queries.FOREIGN_KEYS.format(**self.newer)):
            if (table := self.tables.get(row.pop("relation"))) is not None:
                table.foreign_keys.append(self._foreign_key(table, row))

    def _foreign_key(self, table: Table, row: dict[str, Any]) -> ForeignKey:
        names = self.column_names[table.oid]
        types = map(self._base, row.pop("target_types"))
        return ForeignKey(
            table=table,
            columns=tuple(names[number] for number in row.pop("numbers")),
            target_columns=tuple(
                map(Referenced, row.pop("target_names"), types, row.pop("target_type_names"))
            ),
            set_columns=tuple(names[number] for number in row.pop("set_numbers")),
            operators=tuple(row.pop("operators")),
            collations=tuple(row.pop("collations")),
            **row,
        )

    def _base(self, type_oid: int) -> int:
        """Return the base type of a domain, or the type itself."""
        domain = self.domains.get(type_oid)
        return domain.base_type if domain is not None else type_oid

    def _read_functions_and_triggers(self) -> None:
        functions = self.named_rows(queries.FUNCTIONS)
        self.functions = {row["oid"]: Function(**row) for row in functions}
        for row in self.named_rows(queries.TRIGGERS):
            if (table := self.tables.get(row.pop("relation"))) is not None:
                called = self.functions[row.pop("function")]
                words = row.pop("arguments").decode(errors="replace").split("\0")
                arguments = tuple(words[:-1])
                table.triggers.append(
                    Trigger(table=table, function=called, arguments=arguments, **row)
                )


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
