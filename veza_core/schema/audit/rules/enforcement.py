"""Integrity: constraints that exist, but are not enforced (Standard, rule 3)."""

from collections.abc import Iterator

from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.fixes import alter_table
from veza_core.schema.audit.objects import ForeignKey, Table
from veza_core.schema.audit.rule import INTEGRITY, Fix, Found, Stage
from veza_core.schema.audit.rules.examples import USERS
from veza_core.schema.audit.rules.integrity import EXAMPLE, GOOD
from veza_core.schema.audit.rules.keys import claims
from veza_core.schema.quoting import columns, ident


@INTEGRITY.error(
    "constraint-not-enforced",
    "Constraint that PostgreSQL does not check",
    reason="ALTER TABLE … DISABLE TRIGGER ALL, on either table, also disables the triggers of its "
    "foreign keys. Then rows that refer to nothing can be inserted, and every listing still shows "
    "the constraint as usual. An interrupted data load can leave triggers disabled. "
    "PostgreSQL 18 also has checks that are declared NOT ENFORCED.",
    remedy="Find the rows that break it. Then run ALTER TABLE … ENABLE TRIGGER ALL on the named "
    "tables, or ALTER CONSTRAINT … ENFORCED. This does not check existing rows: to check them, "
    "drop the constraint, add it NOT VALID, and VALIDATE it. No SQL is printed, because ENABLE "
    "TRIGGER ALL also enables the other triggers of the table.",
    bad=f"{USERS}\nCREATE TABLE plays (user_id uuid CONSTRAINT plays_user_id_fkey\n"
    "    REFERENCES users (id) ON DELETE CASCADE);\nALTER TABLE plays DISABLE TRIGGER ALL;",
    good=f"{GOOD}\nALTER TABLE plays DISABLE TRIGGER USER;",
    example=EXAMPLE,
)
def constraint_not_enforced(catalog: Catalog) -> Iterator[Found]:
    """A trigger that fires only on replicas counts as disabled. The rule fk-not-valid reports
    foreign keys that are NOT ENFORCED.
    """
    for oid, name, tables in catalog.unenforced:
        if (table := catalog.by_oid.get(oid)) is not None:
            where = ", ".join(tables)
            how = f": its triggers are disabled on {where}" if where else " is NOT ENFORCED"
            yield Found(table, f"{table.identity}.{ident(name)}", f"{ident(name)}{how}")


@INTEGRITY.error(
    "check-not-valid",
    "Check or NOT NULL that is not valid",
    reason="With NOT VALID, existing rows may break the constraint. Each of them fails at its "
    "next UPDATE, even of another column. The planner cannot use the constraint.",
    remedy="Correct the rows, and validate the constraint. Reads and writes continue meanwhile.",
    bad="CREATE TABLE plays (duration_ms integer);\nALTER TABLE plays ADD CONSTRAINT "
    "chk_plays_duration_ms\n    CHECK (duration_ms >= 0) NOT VALID;",
    good="CREATE TABLE plays (\n"
    "    duration_ms integer CONSTRAINT chk_plays_duration_ms CHECK (duration_ms >= 0));",
    example="public.plays.chk_plays_duration_ms",
    fix="ALTER TABLE public.plays VALIDATE CONSTRAINT chk_plays_duration_ms;",
)
def check_not_valid(catalog: Catalog) -> Iterator[Found]:
    """Constraints of domains are reported too. From PostgreSQL 18 on, NOT NULL can be NOT VALID."""
    for unchecked in catalog.unchecked:
        if unchecked.is_inherited:
            continue
        name = ident(unchecked.name)
        where = f"{unchecked.owner}.{name}"
        kind = "TABLE" if unchecked.table else "DOMAIN"
        statement = f"ALTER {kind} {unchecked.owner} VALIDATE CONSTRAINT {name};"
        fix = Fix(Stage.CONSTRAINT, (statement,), frozenset([f"constraint {where}"]))
        what = "NOT NULL" if unchecked.is_not_null else "check"
        yield Found(catalog.by_oid.get(unchecked.table), where, f"{what} {name} is NOT VALID", fix)


@INTEGRITY.warning(
    "fk-duplicate",
    "Duplicate foreign key",
    reason="PostgreSQL checks each write twice. If the two keys differ in ON DELETE, one of them "
    "acts first, usually the older one. If it says RESTRICT, a delete is refused. If it says "
    "CASCADE, the delete goes through, although the other key says RESTRICT.",
    remedy="Drop one of them. SQL is printed if their definitions are the same.",
    bad=f"{USERS}\nCREATE TABLE plays (user_id uuid CONSTRAINT plays_user_id_fkey\n"
    "    REFERENCES users (id) ON DELETE CASCADE);\nALTER TABLE plays ADD CONSTRAINT "
    "plays_user_id_fkey1\n    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE RESTRICT;",
    good=GOOD,
    example="public.plays.plays_user_id_fkey1",
)
def fk_duplicate(catalog: Catalog) -> Iterator[Found]:
    """Two keys are duplicates if the same columns refer to the same columns, in any order. The
    newer key is reported. A partition's own key is a duplicate if its parent has the same key.
    """
    for table in catalog.all_tables:
        seen: dict[object, ForeignKey] = {}
        for key in (*_of_parents(table), *table.foreign_keys):
            targets = [target.name for target in key.target_columns]
            pairs = frozenset(zip(key.columns, targets, strict=True))
            older = seen.setdefault((key.target_oid, pairs), key)
            if older is key or key.table is not table:
                continue
            fix = None
            if _options(key) == _options(older) and older.is_valid:
                statement = alter_table(table, f"DROP CONSTRAINT {ident(key.name)}")
                all_of_it = claims(key, "key", "timing", "validity", "name")
                fix = Fix(Stage.DROP_KEY, (statement,), all_of_it)
            message = f"({columns(key.columns)}) refers to {key.target} by {ident(older.name)}, too"
            yield Found(table, key.identity, message, fix)


def _of_parents(table: Table) -> Iterator[ForeignKey]:
    """Return the foreign keys that a partition inherits from the tables above it."""
    if table.is_partition:
        for parent in table.parents:
            yield from _of_parents(parent)
            yield from parent.foreign_keys


def _options(key: ForeignKey) -> tuple[object, ...]:
    return (
        key.on_delete, key.on_update, key.match, key.set_columns, key.is_deferrable,
        key.is_enforced,
    )  # fmt: skip
