"""Integrity: each reference is declared, indexed, and named by convention (Standard, rule 3)."""

from collections.abc import Iterator

from veza_core.counted import listed
from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.distributed import kept_by_triggers
from veza_core.schema.audit.fixes import alter_table, create_index, is_free
from veza_core.schema.audit.index_meaning import covers, feed_index
from veza_core.schema.audit.objects import UUID, ForeignKey, Table
from veza_core.schema.audit.rule import INTEGRITY, Fix, Found, Stage
from veza_core.schema.audit.rules.examples import USERS
from veza_core.schema.audit.rules.integrity import EXAMPLE, GOOD
from veza_core.schema.audit.rules.keys import claims, foreign_keys, key_name, reference
from veza_core.schema.quoting import columns, ident

# smallint, integer, bigint.
_INTEGERS = frozenset([21, 23, 20])


@INTEGRITY.error(
    "fk-not-indexed",
    "Foreign key without an index",
    reason="PostgreSQL does not index the column that refers to another table. Each delete from "
    "the other table then reads this whole table while it holds locks, and joins read it too. The "
    "index must be valid, contain all rows with a reference, and begin with the key's columns, in "
    "any order, in their own collation.",
    remedy="Create the index, or create a composite index that begins with the column.",
    bad=f"{USERS}\nCREATE TABLE plays (user_id uuid\n    CONSTRAINT plays_user_id_fkey REFERENCES "
    "users (id) ON DELETE CASCADE, deleted_at timestamptz);\n"
    "CREATE INDEX plays_live ON plays (user_id) WHERE deleted_at IS NULL;",
    good=GOOD,
    example=EXAMPLE,
    fix="CREATE INDEX CONCURRENTLY idx_plays_user_id ON public.plays (user_id);",
)
def fk_not_indexed(catalog: Catalog) -> Iterator[Found]:
    """B-tree and hash indexes count. GiST and GIN indexes count if they use the key's operators, as
    an exclusion constraint does. A condition that the key IS NOT NULL is allowed. INCLUDE columns,
    expressions and BRIN indexes do not count. A partitioned table has the index if each partition
    has it.
    """
    for key in foreign_keys(catalog):
        lacking = uncovered(key.table, key)
        if lacking:
            fix = None if key.is_temporal else _cover(catalog, key.table, key.columns)
            yield Found(key.table, key.identity, _lacks(key, lacking), fix)


def uncovered(table: Table, key: ForeignKey) -> list[Table]:
    """Return the tables that lack the index: the table itself, or some of its partitions.

    A partition, in any schema, may have its own index.
    """
    if any(covers(index, key.columns, key) for index in table.indexes):
        return []
    if not table.partitions:
        return [table]
    lacking = [uncovered(part, key) for part in table.partitions]
    return [table] if all(lacking) else [each for part in lacking for each in part]


def _lacks(key: ForeignKey, lacking: list[Table]) -> str:
    spelled = columns(key.columns)
    if lacking == [key.table]:
        return f"no index leads with ({spelled})"
    shown = listed((table.identity for table in lacking), 3)
    return f"no index leads with ({spelled}) on partition {shown}"


def _is_covered(table: Table, names: tuple[str, ...]) -> bool:
    """Whether the table has an index for these columns, or each of its partitions has one."""
    if any(covers(index, names) for index in table.indexes):
        return True
    return bool(table.partitions) and all(_is_covered(part, names) for part in table.partitions)


def _cover(catalog: Catalog, table: Table, names: tuple[str, ...]) -> Fix | None:
    """Create the index. A feed without its own index gets one that serves both."""
    meaning = catalog.meaning
    if not table.is_partition and meaning.is_feed(table) and feed_index(table) is None:
        owner = meaning.owner(table)
        if owner is not None and owner.columns == names:
            return create_index(catalog, table, names, descending="created_at")
    return create_index(catalog, table, names)


@INTEGRITY.warning(
    "fk-name",
    "Foreign key not named by the convention",
    reason="`<table>_<column>_fkey` is PostgreSQL's own name. Error messages show it, and "
    "services look for it there.",
    remedy="Rename it; the lock is short.",
    bad=f"{USERS}\nCREATE TABLE plays (user_id uuid\n"
    "    CONSTRAINT plays_user_fk_8a7c21 REFERENCES users (id) ON DELETE CASCADE);",
    good=GOOD,
    example="public.plays.plays_user_fk_8a7c21",
    fix="ALTER TABLE public.plays RENAME CONSTRAINT plays_user_fk_8a7c21 TO plays_user_id_fkey;",
    changes="A client that looks for the old name in an error must look for the new one.",
)
def fk_name(catalog: Catalog) -> Iterator[Found]:
    """PostgreSQL shortens a name of more than 63 bytes. A shortened name is accepted."""
    for key in foreign_keys(catalog):
        full = "_".join([key.table.name, *key.columns, "fkey"])
        name = key_name(key.table, key.columns)
        if key.name in (full, name) or len(full.encode()) > 63:
            continue
        fix = None
        if is_free(key.table, name):
            clause = f"RENAME CONSTRAINT {ident(key.name)} TO {ident(name)}"
            # All other fixes keep the name, and run before this one.
            claim = frozenset([f"constraint {key.table.identity}.{ident(name)}"])
            rename = alter_table(key.table, clause)
            fix = Fix(Stage.RENAME, (rename,), claim, needs=claims(key, "name"))
        yield Found(key.table, key.identity, f"{ident(key.name)} is not named {name}", fix)


@INTEGRITY.warning(
    "fk-missing",
    "Column `<something>_id` without a foreign key",
    reason="Without a foreign key, a row can refer to a row that was deleted or never existed. If "
    "another column says to which table the column refers, it cannot have a foreign key: add it "
    "to the exceptions file.",
    remedy="Decide what a delete of the referenced row does, and add the foreign key. SQL is "
    "printed if a table of that name has a UUID key. It says RESTRICT, which deletes no rows; you "
    "can replace it by CASCADE or SET NULL. It fails if rows refer to nothing: delete or repair "
    "them first.",
    bad=f"{USERS}\nCREATE TABLE plays (user_id uuid NOT NULL);",
    good=GOOD,
    example="public.plays.user_id",
    fix="""
CREATE INDEX CONCURRENTLY idx_plays_user_id ON public.plays (user_id);
ALTER TABLE public.plays ADD CONSTRAINT plays_user_id_fkey FOREIGN KEY (user_id) \
REFERENCES public.users (id) ON DELETE RESTRICT NOT VALID;
ALTER TABLE public.plays VALIDATE CONSTRAINT plays_user_id_fkey;""",
    changes="A write of a row that refers to nothing is refused. So is a delete of a row that "
    "another row refers to.",
)
def fk_missing(catalog: Catalog) -> Iterator[Found]:
    """UUID columns are reported, and integer columns if a table of that name has an integer key. A
    text column is not reported, because it may be an id of another system. The table's own key is
    not reported, nor is a virtual column, because it cannot have a foreign key. An integer column
    next to a column `<something>_type` is not reported, because that column names the table.
    """
    for table in catalog.tables:
        known = {name for key in table.foreign_keys for name in key.columns}
        # A child has its parent's columns, but not its foreign keys.
        inherited = {name for parent in table.parents for key in parent.foreign_keys
                for name in key.columns}  # fmt: skip
        known |= kept_by_triggers(catalog, table)
        if table.primary_key is not None and len(table.primary_key.keys) == 1:
            known.update(key for key in table.primary_key.keys if key is not None)
        for column in table.columns.values():
            name = column.name
            if name in known or not name.endswith("_id") or column.is_virtual:
                continue
            if column.base_type != UUID:
                key = catalog.meaning.other_key(table, name)
                if key is None or not {column.base_type, key.base_type} <= _INTEGERS:
                    continue
            if column.is_inherited and name not in inherited:
                continue
            where = f"{table.identity}.{ident(name)}"
            target = catalog.meaning.named_target(table, name)
            fix = _refer(catalog, table, name, target) if target is not None else None
            hint = f" (to {target.identity}?)" if target is not None else ""
            yield Found(table, where, f"{ident(name)} has no foreign key{hint}", fix)


def _refer(catalog: Catalog, table: Table, column: str, target: Table) -> Fix | None:
    """Add the foreign key after its index, so that a delete in the other table need not read this
    whole table.
    """
    name = key_name(table, (column,))
    keys = target.primary_key.keys if target.primary_key is not None else ()
    if not is_free(table, name) or (target.is_unlogged and not table.is_unlogged):
        return None
    target_column = columns(tuple(key for key in keys if key is not None))
    definition = (
        f"FOREIGN KEY ({ident(column)}) REFERENCES {target.identity} ({target_column}) "
        "ON DELETE RESTRICT"
    )
    statements, otherwise = reference(catalog, table, name, definition)
    claim = frozenset([f"constraint {table.identity}.{ident(name)}"])
    if _is_covered(table, (column,)):
        return Fix(Stage.CONSTRAINT, tuple(statements), claim, otherwise=otherwise)
    index = _cover(catalog, table, (column,))
    if index is None:
        return None
    return Fix(
        Stage.INDEX,
        (*index.statements, *statements),
        index.claims | claim,
        otherwise={**index.otherwise, **otherwise},
    )
