"""Integrity: what a foreign key refers to, and what happens on DELETE (Standard, rule 3)."""

from collections.abc import Iterator

from veza_core.schema.audit.catalog import UUID, Catalog, ForeignKey, Table
from veza_core.schema.audit.fixes import alter_table, is_free
from veza_core.schema.audit.quoting import clip, columns, ident, snake
from veza_core.schema.audit.rule import Fix, Found, Severity, Stage, rule
from veza_core.schema.audit.rules.examples import USERS

_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}

GOOD = f"""{USERS}
CREATE TABLE plays (
    user_id uuid NOT NULL CONSTRAINT plays_user_id_fkey REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX idx_plays_user_id ON plays (user_id);"""
EXAMPLE = "public.plays.plays_user_id_fkey"


def foreign_keys(catalog: Catalog) -> Iterator[ForeignKey]:
    """Go through all foreign keys, a partition's own among them, but no inherited one."""
    for table in catalog.all_tables:
        yield from table.foreign_keys


def key_name(table: Table, names: tuple[str, ...]) -> str:
    """Return the name that a foreign key on these columns has by convention."""
    return clip("_".join([snake(table.name), *(snake(name) for name in names), "fkey"]))


def reference(catalog: Catalog, table: Table, name: str, definition: str) -> tuple[str, ...]:
    """Return the statements that add a foreign key and check the rows in a second step.

    The second step lets writes go on. A partitioned table takes NOT VALID from PostgreSQL 18 on.
    """
    add = f"ADD CONSTRAINT {ident(name)} {definition}"
    if table.is_partitioned and catalog.server_version < 180000:
        return (add,)
    return (f"{add} NOT VALID", f"VALIDATE CONSTRAINT {ident(name)}")


def _spell(key: ForeignKey) -> str:
    return f"({columns(key.columns)})"


@rule(
    "fk-not-uuid",
    "Foreign key column that is not UUID",
    Severity.ERROR,
    group="integrity",
    reason="Every key is a UUID, so every reference is one.",
    remedy="Move the table that it refers to onto a UUID key, and the reference with it.",
    bad="CREATE TABLE users (id bigint PRIMARY KEY);\nCREATE TABLE plays (user_id bigint\n"
    "    CONSTRAINT plays_user_id_fkey REFERENCES users (id) ON DELETE CASCADE);",
    good=GOOD,
    example=EXAMPLE,
)
def fk_not_uuid(catalog: Catalog) -> Iterator[Found]:
    """A domain over uuid is a uuid; the period of a temporal key is not part of the question."""
    for key in foreign_keys(catalog):
        names = key.columns[:-1] if key.is_temporal else key.columns
        wrong = [key.table.columns[name] for name in names]
        wrong = [column for column in wrong if column.base_type != UUID]
        if wrong:
            what = ", ".join(f"{ident(column.name)} is {column.type_name}" for column in wrong)
            yield Found(key.table, key.identity, f"{what}, not uuid")


@rule(
    "fk-type-mismatch",
    "Foreign key of another type than what it refers to",
    Severity.ERROR,
    group="integrity",
    reason="PostgreSQL converts at each check, and the narrower type is full before the other.",
    remedy="Give both columns the same type in a migration.",
    bad="CREATE TABLE users (id bigint PRIMARY KEY);\nCREATE TABLE plays (user_id integer\n"
    "    CONSTRAINT plays_user_id_fkey REFERENCES users (id) ON DELETE CASCADE);",
    good=GOOD,
    example=EXAMPLE,
)
def fk_type_mismatch(catalog: Catalog) -> Iterator[Found]:
    """Domains are looked through, lengths are not compared."""
    for key in foreign_keys(catalog):
        wrong = []
        for name, target in zip(key.columns, key.target_columns, strict=True):
            column = key.table.columns[name]
            if column.base_type != target.base_type:
                wrong.append(
                    f"{ident(name)} is {column.type_name}, "
                    f"{key.target}.{ident(target.name)} is {target.type_name}"
                )
        if wrong:
            yield Found(key.table, key.identity, "; ".join(wrong))


@rule(
    "fk-on-delete",
    "Foreign key without ON DELETE",
    Severity.ERROR,
    group="integrity",
    reason="What happens to the row when the other one goes is a decision: CASCADE for what is "
    "owned, SET NULL for what refers, RESTRICT for what must stay. The catalog cannot tell an ON "
    "DELETE NO ACTION that was written from one that was forgotten, so neither is accepted.",
    remedy="Decide, and say so. The SQL says CASCADE where the column is NOT NULL and SET NULL "
    "where it is not, as the standard does: read it before you run it.",
    bad=f"{USERS}\nCREATE TABLE plays (user_id uuid\n"
    "    CONSTRAINT plays_user_id_fkey REFERENCES users (id));",
    good=GOOD,
    example=EXAMPLE,
)
def fk_on_delete(catalog: Catalog) -> Iterator[Found]:
    """A temporal key knows nothing but NO ACTION."""
    for key in foreign_keys(catalog):
        if key.on_delete == "a" and not key.is_temporal:
            message = f"{_spell(key)} refers to {key.target} and says nothing ON DELETE"
            yield Found(key.table, key.identity, message, _with_action(catalog, key))


def _with_action(catalog: Catalog, key: ForeignKey) -> Fix | None:
    """Drop and add in one statement, so that no moment is without the constraint."""
    if not key.is_enforced:
        return None
    table = key.table
    owned = all(table.columns[name].not_null for name in key.columns)
    partly = any(table.columns[name].not_null for name in key.columns)
    action = "CASCADE" if owned else "RESTRICT" if partly else "SET NULL"
    name = key_name(table, key.columns)
    if not is_free(table, name):
        name = key.name
    target_columns = columns(tuple(target.name for target in key.target_columns))
    definition = (
        f"FOREIGN KEY {_spell(key)} REFERENCES {key.target} ({target_columns})"
        f"{' MATCH FULL' if key.match == 'f' else ''} ON DELETE {action}"
        f"{'' if key.on_update == 'a' else f' ON UPDATE {_ACTIONS[key.on_update]}'}"
    )
    add, *validate = reference(catalog, table, name, definition)
    return Fix(
        Stage.CONSTRAINT,
        (
            alter_table(table, f"DROP CONSTRAINT {ident(key.name)}", add),
            *(alter_table(table, clause) for clause in validate),
        ),
        claims(key, name),
    )


def claims(key: ForeignKey, *names: str) -> frozenset[str]:
    """Return what a fix claims that touches a foreign key, and the names that it takes."""
    return frozenset(
        f"constraint {key.table.identity}.{ident(name)}" for name in (key.name, *names)
    )


@rule(
    "fk-set-null-not-null",
    "SET NULL on a NOT NULL column",
    Severity.ERROR,
    group="integrity",
    reason="The delete that should set NULL fails instead, and long after the mistake.",
    remedy="Say CASCADE if the row is owned, or drop NOT NULL if it only refers.",
    bad=f"{USERS}\nCREATE TABLE plays (user_id uuid NOT NULL\n"
    "    CONSTRAINT plays_user_id_fkey REFERENCES users (id) ON DELETE SET NULL);",
    good=GOOD,
    example=EXAMPLE,
)
def fk_set_null_not_null(catalog: Catalog) -> Iterator[Found]:
    """Only the columns that the action sets count: ON DELETE SET NULL (column)."""
    for key in foreign_keys(catalog):
        wrong = {}
        if key.on_delete == "n":
            wrong["ON DELETE"] = key.set_columns or key.columns
        if key.on_update == "n":
            wrong["ON UPDATE"] = key.columns
        for action, names in wrong.items():
            bound = tuple(name for name in names if key.table.columns[name].not_null)
            if bound:
                message = f"{action} SET NULL, but {columns(bound)} is NOT NULL"
                yield Found(key.table, key.identity, message)
                break


@rule(
    "fk-deferrable",
    "Foreign key that is checked late",
    Severity.ERROR,
    group="integrity",
    reason="An orphan then fails at COMMIT, far from the statement that made it, and the planner "
    "may not count on the key.",
    remedy="Make it NOT DEFERRABLE. PostgreSQL changes the catalog only, and checks no row.",
    bad=f"{USERS}\nCREATE TABLE plays (user_id uuid CONSTRAINT plays_user_id_fkey\n"
    "    REFERENCES users (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);",
    good=GOOD,
    example=EXAMPLE,
)
def fk_deferrable(catalog: Catalog) -> Iterator[Found]:
    """DEFERRABLE INITIALLY IMMEDIATE counts too: any client may put it off."""
    for key in foreign_keys(catalog):
        if key.is_deferrable:
            clause = f"ALTER CONSTRAINT {ident(key.name)} NOT DEFERRABLE"
            fix = Fix(Stage.CONSTRAINT, (alter_table(key.table, clause),), claims(key))
            yield Found(key.table, key.identity, f"{_spell(key)} is DEFERRABLE", fix)


@rule(
    "fk-not-valid",
    "Foreign key that was never checked",
    Severity.ERROR,
    group="integrity",
    reason="NOT VALID lets the orphans that are there stay, and hides them behind a constraint.",
    remedy="Validate it, which lets reads and writes go on; orphans make it fail, and have to be "
    "deleted or mended first. One that is NOT ENFORCED has to be made ENFORCED.",
    bad=f"{USERS}\nCREATE TABLE plays (user_id uuid);\nALTER TABLE plays ADD CONSTRAINT "
    "plays_user_id_fkey\n    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE "
    "NOT VALID;",
    good=GOOD,
    example=EXAMPLE,
)
def fk_not_valid(catalog: Catalog) -> Iterator[Found]:
    """NOT ENFORCED, from PostgreSQL 18 on, is never valid either."""
    for key in foreign_keys(catalog):
        if key.is_valid:
            continue
        what = "NOT VALID" if key.is_enforced else "NOT ENFORCED"
        change = "VALIDATE CONSTRAINT" if key.is_enforced else "ALTER CONSTRAINT"
        tail = "" if key.is_enforced else " ENFORCED"
        clause = alter_table(key.table, f"{change} {ident(key.name)}{tail}")
        fix = Fix(Stage.CONSTRAINT, (clause,), claims(key))
        yield Found(key.table, key.identity, f"{_spell(key)} is {what}", fix)


@rule(
    "fk-leaves-schema",
    "Foreign key that leaves the schema",
    Severity.ERROR,
    group="integrity",
    reason="Schemas belong to different services, which deploy, restore and drop them alone.",
    remedy="Keep the other row's id as a plain value of a name that does not end in _id, or move "
    "the table.",
    bad="CREATE SCHEMA other;\nCREATE TABLE other.users (id uuid PRIMARY KEY);\n"
    "CREATE TABLE plays (user_id uuid\n    CONSTRAINT plays_user_id_fkey REFERENCES other.users "
    "(id) ON DELETE CASCADE);",
    good=GOOD,
    example=EXAMPLE,
)
def fk_leaves_schema(catalog: Catalog) -> Iterator[Found]:
    """Whether or not the other schema is audited as well."""
    for key in foreign_keys(catalog):
        if key.target_schema != key.table.schema:
            yield Found(key.table, key.identity, f"{_spell(key)} refers to {key.target}")


RULES = (
    fk_not_uuid,
    fk_type_mismatch,
    fk_on_delete,
    fk_set_null_not_null,
    fk_deferrable,
    fk_not_valid,
    fk_leaves_schema,
)
