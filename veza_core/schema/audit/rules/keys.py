"""Helpers for the rules about foreign keys: list them, and add one."""

from collections.abc import Iterator

from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.fixes import alter_table
from veza_core.schema.audit.objects import ForeignKey, Table
from veza_core.schema.quoting import clip, ident, snake


def foreign_keys(catalog: Catalog) -> Iterator[ForeignKey]:
    """Go through all foreign keys, also those of partitions, but not the inherited ones."""
    for table in catalog.all_tables:
        yield from table.foreign_keys


def key_name(table: Table, names: tuple[str, ...]) -> str:
    """Return the name that a foreign key on these columns has by convention."""
    return clip("_".join([snake(table.name), *(snake(name) for name in names), "fkey"]))


def reference(
    catalog: Catalog, table: Table, name: str, definition: str
) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Return the statements that add a foreign key, and what to run if one of them fails.

    The rows are checked in a second step, while others write. A partitioned table accepts NOT
    VALID from PostgreSQL 18 on. In older versions, each partition first gets the key and is
    checked.
    """
    add = f"ADD CONSTRAINT {ident(name)} {definition}"
    if not table.is_partitioned or catalog.server_version >= 180000:
        validate = alter_table(table, f"VALIDATE CONSTRAINT {ident(name)}")
        undo = alter_table(table, f"DROP CONSTRAINT {ident(name)}")
        return [alter_table(table, f"{add} NOT VALID"), validate], {validate: (undo,)}
    statements: list[str] = []
    otherwise: dict[str, tuple[str, ...]] = {}
    undone: list[str] = []
    for partition in table.partitions:
        more, undo_more = reference(catalog, partition, name, definition)
        statements += more
        otherwise |= {each: (*undo_more.get(each, ()), *undone) for each in more}
        undone.append(alter_table(partition, f"DROP CONSTRAINT {ident(name)}"))
    whole = alter_table(table, add)
    return [*statements, whole], {**otherwise, whole: tuple(undone)}


def claims(key: ForeignKey, *what: str) -> frozenset[str]:
    """Return the claims of a fix that changes these properties of a foreign key."""
    return frozenset(f"{each} of {key.identity}" for each in what)
