"""SQL that several rules print."""

from veza_core.schema.audit.catalog import BrokenIndex, Catalog
from veza_core.schema.audit.objects import Index, Table
from veza_core.schema.audit.rule import Fix, Stage
from veza_core.schema.quoting import clip, columns, ident, qualified, snake

#: The bits of pg_index.indoption for DESC, which puts NULLs first.
_DESC = 3


def alter_table(table: Table, *clauses: str) -> str:
    """Return one ALTER TABLE with these clauses."""
    return f"ALTER TABLE {table.identity} {', '.join(clauses)};"


def set_default(table: Table, column: str, expression: str) -> Fix:
    """Return the fix that sets a column's default; existing rows do not change."""
    return Fix(
        Stage.DEFAULT,
        (alter_table(table, f"ALTER COLUMN {ident(column)} SET DEFAULT {expression}"),),
        frozenset([f"default of {table.identity}.{ident(column)}"]),
    )


def inheriting(catalog: Catalog, table: Table) -> list[Table]:
    """Return the tables that inherit from `table`, directly or indirectly, except partitions."""
    below = [each for each in catalog.tables if table in each.parents]
    return [*below, *(deeper for each in below for deeper in inheriting(catalog, each))]


def is_free(table: Table, name: str) -> bool:
    """Whether neither the table nor one of its partitions has a constraint of that name."""
    taken = {key.name for key in table.foreign_keys}
    taken.update(check.name for check in table.checks)
    taken.update(index.constraint for index in table.indexes if index.constraint is not None)
    return name not in taken and all(is_free(part, name) for part in table.partitions)


def index_name(table: Table, names: tuple[str, ...]) -> str:
    """Return the name by convention of an index on these columns."""
    return clip(snake("_".join(["idx", table.name, *names])))


def create_index(
    catalog: Catalog,
    table: Table,
    names: tuple[str, ...],
    *,
    descending: str = "",
    unique: bool = False,
) -> Fix | None:
    """Return the fix that creates an index, or None if its name is taken.

    `descending` is one more column, last and in descending order. Writes continue while the index
    is built. On a partitioned table, the index is first created without those of the partitions.
    They are built one by one, and attached. A unique index on a table with soft deletion covers
    only live rows. An index that becomes redundant is dropped.
    """
    where = " WHERE deleted_at IS NULL" if unique and table.is_soft else ""
    keys = columns(names) + (", " if names and descending else "")
    keys += f"{ident(descending)} DESC" if descending else ""
    new = [(name, 0) for name in names] + ([(descending, _DESC)] if descending else [])
    building = _Building(catalog, new, f"({keys}){where}", unique, is_live=bool(where))
    if not building.build(table):
        return None
    statements = list(building.statements)
    claims = {f"relation {name}" for name in building.created}
    for index in building.needless:
        statements.append(drop_index(index))
        claims |= dropped(index)
    return Fix(
        Stage.INDEX, tuple(statements), frozenset(claims), otherwise=building.otherwise
    )  # fmt: skip


class _Building:
    """The statements that build one index on a table, and on all of its partitions."""

    def __init__(
        self,
        catalog: Catalog,
        keys: list[tuple[str, int]],
        definition: str,
        unique: bool,
        *,
        is_live: bool,
    ) -> None:
        self.catalog, self.keys, self.definition = catalog, keys, definition
        self.kind = "UNIQUE INDEX" if unique else "INDEX"
        self.unique, self.predicate = unique, "deleted_at IS NULL" if is_live else None
        #: The indexes that this one replaces.
        self.needless: list[Index] = []
        self.statements: list[str] = []
        self.created: list[str] = []
        self.attachments: list[tuple[str, str]] = []
        self.otherwise: dict[str, tuple[str, ...]] = {}

    def build(self, table: Table) -> bool:
        """Collect the statements; False if a name that they need is taken."""
        root = self._build(table, "")
        own = [pair for pair in self.attachments if pair[1] in self.created]
        # Dropping the root drops every attached index. So once an index that existed before is
        # attached, this undo is no longer possible.
        others = [pair for pair in self.attachments if pair[1] not in self.created]
        for number, (above, below) in enumerate([*own, *others]):
            self.statements.append(f"ALTER INDEX {above} ATTACH PARTITION {below};")
            if number <= len(own):
                self.otherwise[self.statements[-1]] = (f"DROP INDEX {root};",)
        return bool(root)

    def _build(self, table: Table, root: str) -> str:
        """Build the index on this table and its partitions.

        Return the name of this table's index; an empty text if a name is taken.
        """
        within = [index for index in table.indexes if self._is_within(index)]
        if root and not table.is_partitioned:
            for index in within:
                if index.is_unique == self.unique and len(index.keys) == len(self.keys):
                    self.needless += [other for other in within if other is not index]
                    return index.identity
        self.needless += [index for index in within if not index.is_unique]
        name = index_name(table, tuple(key for key, _ in self.keys))
        where = qualified(table.schema, name)
        taken = self.catalog.taken_names.get(table.schema)
        # In a partition of a schema that is not audited, any name may be taken.
        if taken is None or name in taken or where in self.created:
            return ""
        self.created.append(where)
        how = f"{ident(name)} ON ONLY" if table.is_partitioned else f"CONCURRENTLY {ident(name)} ON"
        self.statements.append(f"CREATE {self.kind} {how} {table.identity} {self.definition};")
        if root:
            self.otherwise[self.statements[-1]] = (f"DROP INDEX {root};",)
        for partition in table.partitions:
            below = self._build(partition, root or where)
            if not below:
                return ""
            self.attachments.append((where, below))
        return where

    def _is_within(self, index: Index) -> bool:
        """Whether the new b-tree does all that `index` does, and nothing needs `index`."""
        free = not (index.constraint or index.is_bound or index.is_attached or index.is_exclusion)
        plain = index.method == "btree" and index.has_plain_operators and index.is_usable
        if not free or not plain or (index.is_unique and not self.unique):
            return False
        has = index.predicate.strip("()") if index.predicate else None
        same = list(zip(index.keys, index.options, strict=True)) == self.keys[: len(index.keys)]
        # Oids: 0 is no collation, 100 the database's default.
        collations = set(index.collations)
        included = {*index.included} <= {key for key, _ in self.keys}
        return has == self.predicate and same and collations <= {0, 100} and included


def drop_index(index: Index) -> str:
    """Return the statement that drops an index, without blocking writes if that is possible."""
    how = "" if index.table.is_partitioned else " CONCURRENTLY"
    return f"DROP INDEX{how} {index.identity};"


def duplicates(index: Index) -> str:
    """Return the query for values that would violate a unique index."""
    keys = [
        ident(key) if key is not None else f"({expression})"
        for key, expression in zip(index.keys, index.expressions, strict=True)
    ]
    condition = index.predicate or ""
    return duplicated(index.table, keys, condition, nulls=index.nulls_not_distinct)


def duplicated(table: Table, keys: list[str], condition: str = "", *, nulls: bool = False) -> str:
    """Return the query for duplicate values; NULLs count as equal only with `nulls`."""
    conditions = [f"({condition})"] if condition else []
    if not nulls:
        conditions += [f"{key} IS NOT NULL" for key in keys]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    listed = ", ".join(keys)
    return (
        f"SELECT {listed}, count(*) FROM {table.identity}{where} "
        f"GROUP BY {listed} HAVING count(*) > 1;"
    )


def relation(schema: str, name: str) -> str:
    """Return the claim of a fix that creates, renames or drops the index with this name."""
    return f"relation {qualified(schema, name)}"


def presence(index: Index) -> str:
    """Return the claim of a fix that drops the index, or replaces it by one that covers less.

    Another fix may need that this index exists, under any name.
    """
    return f"presence of {index.identity}"


def dropped(index: Index | BrokenIndex) -> frozenset[str]:
    """Return the claims of a fix that drops the index, or builds it again."""
    return frozenset([f"relation {index.identity}", f"presence of {index.identity}"])
