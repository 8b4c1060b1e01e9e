"""The SQL that more than one rule prints."""

from veza_core.schema.audit.catalog import Catalog, Table
from veza_core.schema.audit.quoting import clip, columns, ident, qualified, snake
from veza_core.schema.audit.rule import Fix, Stage


def alter_table(table: Table, *clauses: str) -> str:
    """Return one ALTER TABLE with these clauses."""
    return f"ALTER TABLE {table.identity} {', '.join(clauses)};"


def set_default(table: Table, column: str, expression: str) -> Fix:
    """Return the fix that gives a column its default; rows that exist stay as they are."""
    return Fix(
        Stage.DEFAULT,
        (alter_table(table, f"ALTER COLUMN {ident(column)} SET DEFAULT {expression}"),),
        frozenset([f"default of {table.identity}.{ident(column)}"]),
    )


def is_free(table: Table, name: str) -> bool:
    """Whether no constraint of the table has the name yet."""
    taken = {key.name for key in table.foreign_keys}
    taken.update(check.name for check in table.checks)
    taken.update(index.constraint for index in table.indexes if index.constraint is not None)
    return name not in taken


def index_name(table: Table, names: tuple[str, ...]) -> str:
    """Return the name that an index on these columns has by convention."""
    return clip(snake("_".join(["idx", table.name, *names])))


def create_index(
    catalog: Catalog,
    table: Table,
    names: tuple[str, ...],
    *,
    descending: str = "",
    unique: bool = False,
) -> Fix | None:
    """Return the fix that makes an index, or None where its name is taken already.

    `descending` is one more column, last and in descending order. It is built beside running
    writes, which PostgreSQL cannot do for a partitioned table. A unique one on a soft-delete
    table covers live rows alone.
    """
    name = index_name(table, (*names, descending) if descending else names)
    if name in catalog.taken_names[table.schema]:
        return None
    keys = columns(names) + (", " if names and descending else "")
    keys += f"{ident(descending)} DESC" if descending else ""
    kind = "UNIQUE INDEX" if unique else "INDEX"
    beside = "" if table.is_partitioned else " CONCURRENTLY"
    where = " WHERE deleted_at IS NULL" if unique and table.is_soft else ""
    statement = f"CREATE {kind}{beside} {ident(name)} ON {table.identity} ({keys}){where};"
    return Fix(Stage.INDEX, (statement,), frozenset([relation(table.schema, name)]))


def relation(schema: str, name: str) -> str:
    """Return what a fix claims that makes, renames or drops the index of that name."""
    return f"relation {qualified(schema, name)}"


def presence(schema: str, name: str) -> str:
    """Return what a fix claims that drops the index, or replaces it by a lesser one.

    It is what another needs that counts on the index, under whatever name.
    """
    return f"presence of {qualified(schema, name)}"
