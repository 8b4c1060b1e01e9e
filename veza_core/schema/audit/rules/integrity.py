"""Integrity: what a foreign key refers to, and what happens on DELETE (Standard, rule 3)."""

from collections.abc import Iterator
from dataclasses import replace

from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.fixes import alter_table, is_free
from veza_core.schema.audit.objects import UUID, ForeignKey
from veza_core.schema.audit.rule import INTEGRITY, Fix, Found, Stage
from veza_core.schema.audit.rules.examples import USERS
from veza_core.schema.audit.rules.keys import claims, foreign_keys, reference
from veza_core.schema.quoting import clip, columns, ident, literal

REFERENTIAL_ACTIONS = {
    "a": "NO ACTION",
    "r": "RESTRICT",
    "c": "CASCADE",
    "n": "SET NULL",
    "d": "SET DEFAULT",
}

GOOD = f"""{USERS}
CREATE TABLE plays (
    user_id uuid NOT NULL CONSTRAINT plays_user_id_fkey REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX idx_plays_user_id ON plays (user_id);"""
EXAMPLE = "public.plays.plays_user_id_fkey"


def _spell(key: ForeignKey) -> str:
    return f"({columns(key.columns)})"


@INTEGRITY.error(
    "fk-not-uuid",
    "Foreign key column that is not UUID",
    reason="Every key is a UUID, so every reference must be one too.",
    remedy="Change the referenced table to a UUID key, together with the reference.",
    bad="CREATE TABLE users (id bigint PRIMARY KEY);\nCREATE TABLE plays (user_id bigint\n"
    "    CONSTRAINT plays_user_id_fkey REFERENCES users (id) ON DELETE CASCADE);",
    good=GOOD,
    example=EXAMPLE,
)
def fk_not_uuid(catalog: Catalog) -> Iterator[Found]:
    """A domain over uuid counts as uuid. The period of a temporal key is not checked."""
    for key in foreign_keys(catalog):
        names = key.columns[:-1] if key.is_temporal else key.columns
        wrong = [key.table.columns[name] for name in names]
        wrong = [column for column in wrong if column.base_type != UUID]
        if wrong:
            what = ", ".join(f"{ident(column.name)} is {column.type_name}" for column in wrong)
            yield Found(key.table, key.identity, f"{what}, not uuid")


@INTEGRITY.error(
    "fk-type-mismatch",
    "Foreign key whose type differs from the referenced column's",
    reason="PostgreSQL converts the value at each check, and the smaller type cannot hold all "
    "keys.",
    remedy="Give both columns the same type in a migration.",
    bad="CREATE TABLE users (id bigint PRIMARY KEY);\nCREATE TABLE plays (user_id integer\n"
    "    CONSTRAINT plays_user_id_fkey REFERENCES users (id) ON DELETE CASCADE);",
    good=GOOD,
    example=EXAMPLE,
)
def fk_type_mismatch(catalog: Catalog) -> Iterator[Found]:
    """The type under a domain is compared. Lengths are not compared."""
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


@INTEGRITY.error(
    "fk-on-delete",
    "Foreign key without ON DELETE",
    reason="Decide what a delete of the referenced row does: CASCADE if it owns this row, SET "
    "NULL if this is only a reference, RESTRICT to forbid the delete. The catalog does not show "
    "whether ON DELETE NO ACTION was chosen or forgotten, so it is always reported.",
    remedy="Decide, and declare it. The printed SQL says RESTRICT, which refuses the same deletes "
    "as NO ACTION; it never lets a delete cascade. No SQL is printed for a DEFERRABLE key, "
    "because RESTRICT cannot be deferred.",
    bad=f"{USERS}\nCREATE TABLE plays (user_id uuid\n"
    "    CONSTRAINT plays_user_id_fkey REFERENCES users (id));",
    good=GOOD,
    example=EXAMPLE,
    fix="""
ALTER TABLE public.plays ADD CONSTRAINT plays_user_id_fkey_new FOREIGN KEY (user_id) \
REFERENCES public.users (id) ON DELETE RESTRICT NOT VALID;
ALTER TABLE public.plays VALIDATE CONSTRAINT plays_user_id_fkey_new;
ALTER TABLE public.plays DROP CONSTRAINT plays_user_id_fkey;
ALTER TABLE public.plays RENAME CONSTRAINT plays_user_id_fkey_new TO plays_user_id_fkey;""",
    changes="The same deletes are refused, but at the row, not at the end of the statement. So "
    "one statement can no longer delete both rows.",
)
def fk_on_delete(catalog: Catalog) -> Iterator[Found]:
    """A temporal key is not reported, because it only has NO ACTION."""
    for key in foreign_keys(catalog):
        if key.on_delete == "a" and not key.is_temporal:
            message = f"{_spell(key)} refers to {key.target} without ON DELETE"
            fix = None
            if key.is_valid and not key.is_deferrable:
                fix = _replace(catalog, key, "RESTRICT")
            yield Found(key.table, key.identity, message, fix)


def _replace(catalog: Catalog, key: ForeignKey, on_delete: str) -> Fix | None:
    """Replace the key: add a valid key of the same kind, then drop the old one.

    Its name, its comment and DEFERRABLE stay. None if the temporary name is taken.
    """
    table, name = key.table, clip(f"{key.name[:50]}_new")
    if not is_free(table, name):
        return None
    statements, otherwise = reference(catalog, table, name, _definition(key, on_delete))
    undo = alter_table(table, f"DROP CONSTRAINT {ident(name)}")
    drop = alter_table(table, f"DROP CONSTRAINT {ident(key.name)}")
    statements += [
        drop,
        alter_table(table, f"RENAME CONSTRAINT {ident(name)} TO {ident(key.name)}"),
    ]
    if key.comment is not None:
        where = f"{ident(key.name)} ON {table.identity}"
        statements.append(f"COMMENT ON CONSTRAINT {where} IS {literal(key.comment)};")
    return Fix(
        Stage.CONSTRAINT,
        tuple(statements),
        claims(key, "key", "timing", "validity"),
        otherwise={**otherwise, drop: (undo,)},
    )


def _definition(key: ForeignKey, on_delete: str) -> str:
    """Return the key's definition in SQL, with another ON DELETE."""
    target_columns = columns(tuple(target.name for target in key.target_columns))
    parts = [f"FOREIGN KEY {_spell(key)} REFERENCES {key.target} ({target_columns})"]
    if key.match == "f":
        parts.append("MATCH FULL")
    parts.append(f"ON DELETE {on_delete}")
    if key.set_columns:
        parts[-1] += f" ({columns(key.set_columns)})"
    if key.on_update != "a":
        parts.append(f"ON UPDATE {REFERENTIAL_ACTIONS[key.on_update]}")
    if key.is_deferrable:
        parts.append("DEFERRABLE INITIALLY DEFERRED" if key.is_deferred else "DEFERRABLE")
    return " ".join(parts)


@INTEGRITY.error(
    "fk-set-null-not-null",
    "SET NULL on a NOT NULL column",
    reason="The delete that should set NULL fails, long after the mistake was made.",
    remedy="Use CASCADE if the other row owns this one. Drop NOT NULL if this is only a reference.",
    bad=f"{USERS}\nCREATE TABLE plays (user_id uuid NOT NULL\n"
    "    CONSTRAINT plays_user_id_fkey REFERENCES users (id) ON DELETE SET NULL);",
    good=GOOD,
    example=EXAMPLE,
)
def fk_set_null_not_null(catalog: Catalog) -> Iterator[Found]:
    """With ON DELETE SET NULL (column), only the listed columns count."""
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


@INTEGRITY.error(
    "fk-deferrable",
    "Deferrable foreign key",
    reason="A row that refers to nothing then fails at COMMIT, far from the statement that caused "
    "it. The planner cannot use the key.",
    remedy="Make it NOT DEFERRABLE. PostgreSQL only changes the catalog, and checks no rows.",
    bad=f"{USERS}\nCREATE TABLE plays (user_id uuid CONSTRAINT plays_user_id_fkey\n"
    "    REFERENCES users (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);",
    good=GOOD,
    example=EXAMPLE,
    fix="ALTER TABLE public.plays ALTER CONSTRAINT plays_user_id_fkey NOT DEFERRABLE;",
    changes="A transaction that writes a row before the row that it refers to fails at that "
    "statement. So does one that uses SET CONSTRAINTS … DEFERRED.",
)
def fk_deferrable(catalog: Catalog) -> Iterator[Found]:
    """DEFERRABLE INITIALLY IMMEDIATE is reported too, because any client may defer the check."""
    for key in foreign_keys(catalog):
        if key.is_deferrable:
            clause = f"ALTER CONSTRAINT {ident(key.name)} NOT DEFERRABLE"
            fix = Fix(Stage.CONSTRAINT, (alter_table(key.table, clause),), claims(key, "timing"))
            yield Found(key.table, key.identity, f"{_spell(key)} is DEFERRABLE", fix)


@INTEGRITY.error(
    "fk-not-valid",
    "Foreign key that is not valid",
    reason="With NOT VALID, existing rows may refer to nothing, although the table has a "
    "constraint.",
    remedy="Validate it. Reads and writes continue meanwhile. It fails if rows refer to nothing: "
    "delete or repair them first. For a key that is NOT ENFORCED, the SQL replaces it by an "
    "enforced one.",
    bad=f"{USERS}\nCREATE TABLE plays (user_id uuid);\nALTER TABLE plays ADD CONSTRAINT "
    "plays_user_id_fkey\n    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE "
    "NOT VALID;",
    good=GOOD,
    example=EXAMPLE,
    fix="ALTER TABLE public.plays VALIDATE CONSTRAINT plays_user_id_fkey;",
)
def fk_not_valid(catalog: Catalog) -> Iterator[Found]:
    """A key that is NOT ENFORCED (PostgreSQL 18) is never valid, and is reported too."""
    for key in foreign_keys(catalog):
        if key.is_valid:
            continue
        what = "NOT VALID" if key.is_enforced else "NOT ENFORCED"
        yield Found(key.table, key.identity, f"{_spell(key)} is {what}", _checked(catalog, key))


def _checked(catalog: Catalog, key: ForeignKey) -> Fix | None:
    if key.is_enforced:
        validate = alter_table(key.table, f"VALIDATE CONSTRAINT {ident(key.name)}")
        return Fix(Stage.CONSTRAINT, (validate,), claims(key, "validity"))
    # ENFORCED would read all rows under a lock that blocks readers.
    fix = None if key.is_temporal else _replace(catalog, key, REFERENTIAL_ACTIONS[key.on_delete])
    changes = (
        "Writes of rows that refer to nothing are refused, and so is every other change that the "
        "key forbids."
    )
    return replace(fix, changes=changes) if fix is not None else None


@INTEGRITY.error(
    "fk-leaves-schema",
    "Foreign key to another schema",
    reason="Schemas belong to different services, which deploy, restore and drop them "
    "independently.",
    remedy="Move the table, or keep only the other row's id, in a column whose name does not end "
    "in _id.",
    bad="CREATE SCHEMA other;\nCREATE TABLE other.users (id uuid PRIMARY KEY);\n"
    "CREATE TABLE plays (user_id uuid\n    CONSTRAINT plays_user_id_fkey REFERENCES other.users "
    "(id) ON DELETE CASCADE);",
    good=GOOD,
    example=EXAMPLE,
)
def fk_leaves_schema(catalog: Catalog) -> Iterator[Found]:
    """It is reported whether or not the other schema is audited."""
    for key in foreign_keys(catalog):
        if key.target_schema != key.table.schema:
            yield Found(key.table, key.identity, f"{_spell(key)} refers to {key.target}")
