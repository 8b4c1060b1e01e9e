"""Time: `created_at`, `updated_at`, `deleted_at`, and no timestamp without zone (rule 2)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.fixes import (
    alter_table,
    create_index,
    index_name,
    inheriting,
    is_free,
    relation,
    set_default,
)
from veza_core.schema.audit.meaning import Referral
from veza_core.schema.audit.objects import SOFT_DELETE, TIMESTAMP, TIMESTAMPTZ, Column, Table
from veza_core.schema.audit.rule import TIME, Fix, Found, Stage
from veza_core.schema.audit.rules.examples import TABLE
from veza_core.schema.audit.rules.triggers import create_trigger
from veza_core.schema.quoting import ident, literal

ROW_TIMES = ("created_at", "updated_at")
DEFAULT = "CURRENT_TIMESTAMP"

_COMMENTS = {
    "created_at": "When the row was inserted",
    "updated_at": "When the row was last updated, set by a trigger",
}


def _columns(catalog: Catalog) -> Iterator[tuple[Table, Column]]:
    """Go through the two columns of all tables that do not inherit them."""
    for table in catalog.tables:
        for name in ROW_TIMES:
            column = table.columns.get(name)
            if column is not None and not column.is_inherited:
                yield table, column


@TIME.error(
    "timestamps-missing",
    "Table without created_at or updated_at",
    reason="For support, synchronisation and debugging, people need to know when a row was "
    "created and when it last changed.",
    remedy="Add the column, and the trigger for updated_at. Existing rows get the time of the "
    "statement, because their real time is unknown. PostgreSQL does not rewrite the table.",
    bad="CREATE TABLE plays (id uuid PRIMARY KEY,\n"
    "    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP);",
    good=TABLE,
    example="public.plays.created_at",
    fix="""
ALTER TABLE public.plays ADD COLUMN created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP;
COMMENT ON COLUMN public.plays.created_at IS 'When the row was inserted';""",
    changes="SELECT * returns one more column, and an INSERT without a list of columns has one "
    "more.",
)
def timestamps_missing(catalog: Catalog) -> Iterator[Found]:
    """If a table inherits from a parent that lacks the column too, only the parent is reported."""
    for table in catalog.tables:
        for name in ROW_TIMES:
            if name in table.columns or any(name not in up.columns for up in table.parents):
                continue
            where = f"{table.identity}.{name}"
            fix = None if table.is_typed else _add(catalog, table, name)
            yield Found(table, where, f"the table has no {name}", fix)


def _add(catalog: Catalog, table: Table, name: str) -> Fix | None:
    """Add the column with its comment, and with what other rules then require.

    For updated_at, this is a trigger, also on tables that inherit. For created_at, it is the index
    of the feed. None if the name of this index is taken.
    """
    where = f"{table.identity}.{name}"
    statements = [
        alter_table(table, f"ADD COLUMN {name} timestamptz NOT NULL DEFAULT {DEFAULT}"),
        f"COMMENT ON COLUMN {where} IS {literal(_COMMENTS[name])};",
    ]
    claims = {f"column {where}"}
    if name == "updated_at":
        for each in (table, *inheriting(catalog, table)):
            trigger = create_trigger(catalog, each)
            statements += [each for each in trigger.statements if each not in statements]
            claims |= trigger.claims
    otherwise: Mapping[str, tuple[str, ...]] = {}
    if name == "created_at" and (owner := _owner_of_feed(catalog, table)) is not None:
        index = create_index(catalog, table, owner.columns, descending=name)
        if index is None:
            return None
        statements += index.statements
        otherwise = index.otherwise
        # An index on the owner alone would be the beginning of this one.
        claims |= index.claims | {relation(table.schema, index_name(table, owner.columns))}
    return Fix(Stage.COLUMN, tuple(statements), frozenset(claims), otherwise=otherwise)


def _owner_of_feed(catalog: Catalog, table: Table) -> Referral | None:
    """Return the owner of the rows, if the table becomes a feed with created_at."""
    column = Column(0, "created_at", TIMESTAMPTZ, -1, True, "", "", True, DEFAULT, True)
    with_it = replace(table, columns={**table.columns, column.name: column})
    return catalog.meaning.owner(with_it) if catalog.meaning.is_feed(with_it) else None


@TIME.error(
    "timestamps-type",
    "created_at or updated_at that is not TIMESTAMPTZ",
    reason="Without a zone, each client may read the time as a different moment.",
    remedy="If you know that the values are UTC, use ALTER COLUMN … TYPE timestamptz USING … AT "
    "TIME ZONE 'UTC', which rewrites the table. No SQL is printed, because only you know the zone.",
    bad="CREATE TABLE plays (created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP);",
    good=TABLE,
    example="public.plays.created_at",
)
def timestamps_type(catalog: Catalog) -> Iterator[Found]:
    """`timestamptz(3)` and a domain over timestamptz count as timestamptz."""
    for table, column in _columns(catalog):
        if column.base_type != TIMESTAMPTZ:
            message = f"{column.name} is {column.type_name}, not timestamptz"
            yield Found(table, f"{table.identity}.{column.name}", message)


@TIME.error(
    "timestamps-nullable",
    "Nullable created_at or updated_at",
    reason="A row without a time is missing in every list that is sorted or filtered by it.",
    remedy="Fill in the NULLs, then SET NOT NULL. The SQL first checks, without blocking writes, "
    "that there are no NULLs, so that SET NOT NULL is quick. It fails if there are some.",
    bad="CREATE TABLE plays (created_at timestamptz DEFAULT CURRENT_TIMESTAMP);",
    good=TABLE,
    example="public.plays.created_at",
    fix="""
ALTER TABLE public.plays ADD CONSTRAINT chk_created_at_not_null \
CHECK (created_at IS NOT NULL) NOT VALID;
ALTER TABLE public.plays VALIDATE CONSTRAINT chk_created_at_not_null;
ALTER TABLE public.plays ALTER COLUMN created_at SET NOT NULL;
ALTER TABLE public.plays DROP CONSTRAINT chk_created_at_not_null;""",
    changes="A write of a NULL is refused.",
)
def timestamps_nullable(catalog: Catalog) -> Iterator[Found]:
    """NOT NULL of a domain counts. NOT NULL NOT VALID (PostgreSQL 18) does not, because existing
    rows may still have NULL.
    """
    for table, column in _columns(catalog):
        where = f"{table.identity}.{column.name}"
        if column.unchecked_not_null is not None:
            message = f"{column.name} may still have NULLs: its NOT NULL is NOT VALID"
            # It checks the rows without blocking writes.
            clause = f"VALIDATE CONSTRAINT {ident(column.unchecked_not_null)}"
            fix = Fix(Stage.DEFAULT, (alter_table(table, clause),), frozenset([f"null of {where}"]))
            yield Found(table, where, message, fix)
        if not column.not_null:
            yield Found(table, where, f"{column.name} may be NULL", _set_not_null(table, column))


def _set_not_null(table: Table, column: Column) -> Fix | None:
    """Add a valid check first, so that SET NOT NULL needs no scan under an exclusive lock."""
    check = f"chk_{column.name}_not_null"
    if not is_free(table, check):
        return None
    add = f"ADD CONSTRAINT {check} CHECK ({ident(column.name)} IS NOT NULL) NOT VALID"
    validate = alter_table(table, f"VALIDATE CONSTRAINT {check}")
    bind = alter_table(table, f"ALTER COLUMN {ident(column.name)} SET NOT NULL")
    drop = alter_table(table, f"DROP CONSTRAINT {check}")
    return Fix(
        # After the default: without one, an INSERT would fail.
        Stage.CONSTRAINT,
        (alter_table(table, add), validate, bind, drop),
        frozenset([f"null of {table.identity}.{column.name}"]),
        otherwise={validate: (drop,), bind: (drop,)},
    )


@TIME.error(
    "timestamps-default",
    "created_at or updated_at without DEFAULT CURRENT_TIMESTAMP",
    reason="Several services insert with plain SQL, and the database sets the time. All tables "
    "spell the default in the same way, so that schemas can be compared as text. now() means the "
    "same. clock_timestamp() and statement_timestamp() do not. A quoted 'now' is always the time "
    "of CREATE TABLE.",
    remedy="Set the default; existing rows do not change.",
    bad="CREATE TABLE plays (created_at timestamptz NOT NULL DEFAULT now());",
    good=TABLE,
    example="public.plays.created_at",
    fix="ALTER TABLE public.plays ALTER COLUMN created_at SET DEFAULT CURRENT_TIMESTAMP;",
    changes="An INSERT without the column gets the time. Before, it failed or got another value.",
)
def timestamps_default(catalog: Catalog) -> Iterator[Found]:
    """The default of a domain counts, and so does a precision: `CURRENT_TIMESTAMP(3)`."""
    for table, column in _columns(catalog):
        default = column.default or ""
        if default == DEFAULT or (default.startswith(f"{DEFAULT}(") and default.endswith(")")):
            continue
        has = f"the default {default}" if default else "no default"
        fits = column.base_type in (TIMESTAMPTZ, TIMESTAMP) and not column.generated
        fix = set_default(table, column.name, DEFAULT) if fits else None
        where = f"{table.identity}.{column.name}"
        yield Found(table, where, f"{column.name} has {has}, not {DEFAULT}", fix)


@TIME.error(
    "timestamp-without-time-zone",
    "Timestamp without time zone",
    reason="Without a zone, each client may read the time as a different moment.",
    remedy="If you know that the values are UTC, use ALTER COLUMN … TYPE timestamptz USING … AT "
    "TIME ZONE 'UTC', which rewrites the table. No SQL is printed, because only you know the zone.",
    bad="CREATE TABLE plays (started_at timestamp);",
    good="CREATE TABLE plays (started_at timestamptz(3), ended_at timestamptz);",
    example="public.plays.started_at",
)
def timestamp_without_time_zone(catalog: Catalog) -> Iterator[Found]:
    """Arrays and domains are reported too. created_at, updated_at and deleted_at have their own
    rules. This rule checks them only where those do not apply (`--profile any`).
    """
    for found, column in _timestamps(catalog):
        if column not in (*ROW_TIMES, SOFT_DELETE):
            yield found


def every_timestamp_without_time_zone(catalog: Catalog) -> Iterator[Found]:
    """Find the same also in created_at, updated_at and deleted_at."""
    for found, _ in _timestamps(catalog):
        yield found


def _timestamps(catalog: Catalog) -> Iterator[tuple[Found, str]]:
    for table, column in catalog.columns_by_type.get(TIMESTAMP, ()):
        name = ident(column.name)
        message = f"{name} is {column.type_name}"
        yield Found(table, f"{table.identity}.{name}", message), column.name


@TIME.error(
    "deleted-at-type",
    "deleted_at that is not a nullable TIMESTAMPTZ",
    reason="NULL means that the row is live, and all partial indexes depend on this. With a "
    "default, each new row would be deleted at once.",
    remedy="Make it a nullable timestamptz without a default. The SQL does everything except a "
    "change of type.",
    bad="CREATE TABLE plays (deleted_at timestamptz NOT NULL DEFAULT 'infinity');",
    good="CREATE TABLE plays (deleted_at timestamptz);",
    example="public.plays.deleted_at",
    fix="""
ALTER TABLE public.plays ALTER COLUMN deleted_at DROP NOT NULL, \
ALTER COLUMN deleted_at DROP DEFAULT;""",
    changes="A row that is inserted without the column is live.",
)
def deleted_at_type(catalog: Catalog) -> Iterator[Found]:
    """One finding names all that is wrong: type, NOT NULL and default."""
    for table in catalog.tables:
        column = table.columns.get(SOFT_DELETE)
        if column is None or column.is_inherited:
            continue
        wrong, clauses = [], []
        if column.base_type != TIMESTAMPTZ:
            wrong.append(f"is {column.type_name}, not timestamptz")
        if column.not_null:
            wrong.append("is NOT NULL")
            clauses.append(f"ALTER COLUMN {SOFT_DELETE} DROP NOT NULL")
        if column.default is not None and not column.default.startswith("NULL::"):
            wrong.append(f"has the default {column.default}")
            clauses.append(f"ALTER COLUMN {SOFT_DELETE} DROP DEFAULT")
        if not wrong:
            continue
        where = f"{table.identity}.{SOFT_DELETE}"
        fix = None
        in_key = table.primary_key is not None and SOFT_DELETE in table.primary_key.keys
        if clauses and column.domain is None and not column.generated and not in_key:
            claim = frozenset([f"default of {where}"])
            fix = Fix(Stage.DEFAULT, (alter_table(table, *clauses),), claim)
        yield Found(table, where, f"{SOFT_DELETE} {' and '.join(wrong)}", fix)
