"""The contents of a schema, as the audit reads them: tables, columns, keys, indexes, …"""

import re
from dataclasses import dataclass, field

from veza_core.schema.quoting import ident, qualified

# Oids of built-in types, which never change (PostgreSQL, pg_type.dat).
UUID = 2950
TIMESTAMP = 1114
TIMESTAMPTZ = 1184
TIMETZ = 1266
BPCHAR = 1042
VARCHAR = 1043
JSON = 114
MONEY = 790

#: The element types of arrays that a rule needs.
ARRAY_ELEMENTS = {1115: TIMESTAMP, 1270: TIMETZ, 1014: BPCHAR, 1015: VARCHAR, 199: JSON, 791: MONEY}

SOFT_DELETE = "deleted_at"


class OnTable:
    """A constraint or trigger. Its name is unique only within its table."""

    __slots__ = ()

    name: str
    table: "Table"

    @property
    def identity(self) -> str:
        return f"{self.table.identity}.{ident(self.name)}"


@dataclass(slots=True)
class Domain:
    """A domain, resolved to its base type; `default` and `not_null` are its own."""

    base_type: int
    base_modifier: int
    not_null: bool
    default: str | None
    has_checks: bool


@dataclass(slots=True)
class Column:
    """A column; `base_type`, `not_null` and `default` are resolved through its domain."""

    number: int
    name: str
    base_type: int
    modifier: int
    #: NULL is refused. If the NOT NULL is NOT VALID, older rows may still have NULL.
    not_null: bool
    identity: str
    generated: str
    is_local: bool
    default: str | None
    has_comment: bool
    type_name: str = ""
    #: Something depends on the column, so that its type cannot change.
    is_pinned: bool = False
    domain: Domain | None = None
    #: The name of its NOT NULL constraint, if this is NOT VALID (PostgreSQL 18).
    unchecked_not_null: str | None = None
    #: A parent table has the same column, and gets the finding.
    is_inherited: bool = False

    @property
    def is_virtual(self) -> bool:
        """Whether it is computed when it is read (PostgreSQL 18)."""
        return self.generated == "v"

    @property
    def element_type(self) -> int:
        return ARRAY_ELEMENTS.get(self.base_type, self.base_type)


@dataclass(frozen=True, slots=True, eq=False)
class OperatorClass:
    """An operator class, and the `=` operators that an index of it can search with."""

    name: str
    is_default: bool
    equalities: frozenset[int]


@dataclass(slots=True, eq=False)
class Index:
    """An index; an element of `keys` is a column's name, or None for an expression.

    `expression_columns` are the columns in expressions or in the predicate.
    """

    table: "Table"
    keys: tuple[str | None, ...]
    included: tuple[str, ...]
    expressions: tuple[str | None, ...]
    expression_columns: tuple[str, ...]
    classes: tuple[OperatorClass, ...]
    #: The collation that each key is sorted by.
    collations: tuple[int, ...]
    options: tuple[int, ...]
    #: Each key with its operator class, collation and options: equal elements sort in the same way.
    elements: tuple[tuple[object, ...], ...]
    oid: int
    name: str
    method: str
    predicate: str | None
    is_unique: bool
    is_primary: bool
    is_exclusion: bool
    is_usable: bool
    #: Replica identity, CLUSTER or another table's foreign key needs this index.
    is_bound: bool
    nulls_not_distinct: bool
    is_attached: bool
    #: Somebody may be building or dropping it now, so that it is not valid yet.
    may_be_in_progress: bool
    constraint: str | None
    is_deferrable: bool
    comment: str | None

    @property
    def identity(self) -> str:
        return qualified(self.table.schema, self.name)

    @property
    def has_plain_operators(self) -> bool:
        return all(each.is_default for each in self.classes)

    def columns_at(self, place: int) -> tuple[str, ...]:
        if (key := self.keys[place]) is not None:
            return (key,)
        words = set(re.findall(r'"(?:[^"]|"")+"|\w+', self.expressions[place] or ""))
        return tuple(name for name in self.expression_columns if ident(name) in words)


@dataclass(slots=True, eq=False)
class Constraint(OnTable):
    """A check or exclusion constraint."""

    name: str
    kind: str
    table: "Table"
    definition: str
    is_inherited: bool


@dataclass(frozen=True, slots=True)
class Referenced:
    """A column that a foreign key refers to; `base_type` is resolved through its domain."""

    name: str
    base_type: int
    type_name: str


@dataclass(slots=True, eq=False)
class ForeignKey(OnTable):
    """A foreign key. `on_delete` and `on_update` are letters of pg_constraint: a r c n d."""

    table: "Table"
    columns: tuple[str, ...]
    target_columns: tuple[Referenced, ...]
    set_columns: tuple[str, ...]
    #: The `=` operators and the collations with which PostgreSQL searches for referring rows.
    operators: tuple[int, ...]
    collations: tuple[int, ...]
    name: str
    target_oid: int
    target_schema: str
    target_table: str
    on_delete: str
    on_update: str
    match: str
    is_deferrable: bool
    is_valid: bool
    is_enforced: bool
    is_temporal: bool
    is_deferred: bool
    comment: str | None

    @property
    def target(self) -> str:
        return qualified(self.target_schema, self.target_table)


@dataclass(slots=True, eq=False)
class Function:
    """A function or procedure, or an aggregate."""

    oid: int
    schema: str
    name: str
    arguments: str
    owner: str
    language: str
    source: str
    settings: list[str]
    returns_trigger: bool
    is_audited: bool
    is_definer: bool
    #: PUBLIC may execute it, and use its schema.
    is_public: bool
    #: Its names were resolved when it was created: its body is standard SQL.
    is_resolved: bool
    #: What runs it without a call; empty if nothing does.
    run_by: str

    @property
    def identity(self) -> str:
        return f"{qualified(self.schema, self.name)}({self.arguments})"


@dataclass(slots=True, eq=False)
class Trigger(OnTable):
    """A trigger that is not PostgreSQL's own; `kind` has the bits of pg_trigger.tgtype."""

    name: str
    table: "Table"
    function: Function
    arguments: tuple[str, ...]
    kind: int
    enabled: str
    is_limited: bool
    is_constraint: bool
    parent: str | None


@dataclass(slots=True, eq=False)
class Table:
    """A table, a partitioned table (`kind` p) or a partition of one."""

    oid: int
    schema: str
    name: str
    kind: str
    is_partition: bool
    owner: str
    has_comment: bool
    is_unlogged: bool
    #: Its columns are those of a composite type, and cannot change separately.
    is_typed: bool
    #: Row level security: whether the table has policies, whether it is enabled, and whether it
    #: also applies to the owner (FORCE).
    has_policies: bool
    is_secured: bool
    is_forced: bool
    #: False for a partition in a schema that is not audited: only its parent's findings count.
    is_audited: bool
    partition_columns: tuple[str, ...] = ()
    columns: dict[str, Column] = field(default_factory=dict)
    indexes: list[Index] = field(default_factory=list)
    checks: list[Constraint] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    triggers: list[Trigger] = field(default_factory=list)
    parents: list["Table"] = field(default_factory=list)
    partitions: list["Table"] = field(default_factory=list)
    identity: str = field(init=False)

    def __post_init__(self) -> None:
        self.identity = qualified(self.schema, self.name)

    @property
    def is_partitioned(self) -> bool:
        """Whether its rows are in partitions. Such a table has no concurrent DDL."""
        return self.kind == "p"

    @property
    def is_soft(self) -> bool:
        """Whether it has soft deletion."""
        return SOFT_DELETE in self.columns

    @property
    def primary_key(self) -> Index | None:
        return next((index for index in self.indexes if index.is_primary), None)

    def local_columns(self) -> list[Column]:
        """Its columns, without those that a parent table has."""
        return [column for column in self.columns.values() if not column.is_inherited]


@dataclass(slots=True, eq=False)
class Thing:
    """Anything else that has a name and an owner: a view, a sequence, a type."""

    kind: str
    schema: str
    name: str
    owner: str
    columns: tuple[str, ...] = ()
    #: It is a partition, and belongs to its parent.
    is_partition: bool = False

    @property
    def identity(self) -> str:
        return qualified(self.schema, self.name)
