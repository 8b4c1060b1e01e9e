"""The common form of the document and of a live catalog, so that they can be compared.

Types and definitions are written as PostgreSQL writes them: `format_type`, `pg_get_expr`,
`pg_get_constraintdef`, `pg_get_indexdef`, `pg_get_triggerdef`.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Column:
    type: str
    nullable: bool
    default: str | None = None


@dataclass
class Table:
    """A table's columns and definitions, each by name, and how it is stored."""

    columns: dict[str, Column] = field(default_factory=dict)
    constraints: dict[str, str] = field(default_factory=dict)
    indexes: dict[str, str] = field(default_factory=dict)
    triggers: dict[str, str] = field(default_factory=dict)
    #: Storage parameters: `fillfactor=95`.
    storage: set[str] = field(default_factory=set)
