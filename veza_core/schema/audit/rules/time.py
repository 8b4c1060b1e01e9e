"""Time: `created_at`, `updated_at`, `deleted_at`, and no timestamp without zone (rule 2)."""

from collections.abc import Iterator

from veza_core.schema.audit.catalog import (
    SOFT_DELETE,
    TIMESTAMP,
    TIMESTAMPTZ,
    Catalog,
    Column,
    Table,
)
from veza_core.schema.audit.fixes import alter_table, is_free, set_default
from veza_core.schema.audit.quoting import ident
from veza_core.schema.audit.rule import Fix, Found, Severity, Stage, rule
from veza_core.schema.audit.rules.examples import TABLE

COLUMNS = ("created_at", "updated_at")
DEFAULT = "CURRENT_TIMESTAMP"


def _columns(catalog: Catalog) -> Iterator[tuple[Table, Column]]:
    """Go through the two columns wherever they exist and no parent answers for them."""
    for table in catalog.tables:
        for name in COLUMNS:
            column = table.columns.get(name)
            if column is not None and not column.is_inherited:
                yield table, column


@rule(
    "timestamps-missing",
    "Table without created_at or updated_at",
    Severity.ERROR,
    group="time",
    reason="When a row came to be and when it last changed is asked of every table, by support, "
    "by synchronisation and by whoever looks for the cause of an error.",
    remedy="Add the column. Rows that exist get the time of the statement, since nobody knows "
    "better. PostgreSQL does not rewrite the table for it.",
    bad="CREATE TABLE plays (id uuid PRIMARY KEY,\n"
    "    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP);",
    good=TABLE,
    example="public.plays.created_at",
)
def timestamps_missing(catalog: Catalog) -> Iterator[Found]:
    """A column that a parent lacks too is reported with the parent, which hands it down."""
    for table in catalog.tables:
        for name in COLUMNS:
            if name in table.columns or any(name not in up.columns for up in table.parents):
                continue
            clause = f"ADD COLUMN {name} timestamptz NOT NULL DEFAULT {DEFAULT}"
            where = f"{table.identity}.{name}"
            claims = frozenset([f"column {where}"])
            fix = (
                None if table.is_typed else Fix(Stage.COLUMN, (alter_table(table, clause),), claims)
            )
            yield Found(table, where, f"the table has no {name}", fix)


@rule(
    "timestamps-type",
    "created_at or updated_at that is not TIMESTAMPTZ",
    Severity.ERROR,
    group="time",
    reason="A time without its zone is another moment for every client that reads it.",
    remedy="Where the values are known to be UTC: ALTER COLUMN … TYPE timestamptz USING … AT TIME "
    "ZONE 'UTC'. No SQL is printed, since only you know the zone; the table is rewritten.",
    bad="CREATE TABLE plays (created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP);",
    good=TABLE,
    example="public.plays.created_at",
)
def timestamps_type(catalog: Catalog) -> Iterator[Found]:
    """A precision (`timestamptz(3)`) or a domain over timestamptz is no other type."""
    for table, column in _columns(catalog):
        if column.base_type != TIMESTAMPTZ:
            message = f"{column.name} is {column.type_name}, not timestamptz"
            yield Found(table, f"{table.identity}.{column.name}", message)


@rule(
    "timestamps-nullable",
    "created_at or updated_at that may be NULL",
    Severity.ERROR,
    group="time",
    reason="A row without its time drops out of every list that is sorted or filtered by it.",
    remedy="Fill in the NULLs, then SET NOT NULL. The SQL proves first, beside running writes, "
    "that none is left, so that the last step takes no time; it stops where one is.",
    bad="CREATE TABLE plays (created_at timestamptz DEFAULT CURRENT_TIMESTAMP);",
    good=TABLE,
    example="public.plays.created_at",
)
def timestamps_nullable(catalog: Catalog) -> Iterator[Found]:
    """A domain that is NOT NULL makes the column so. One that is NOT VALID lets the NULLs stay
    that are there (PostgreSQL 18).
    """
    for table, column in _columns(catalog):
        if column.unchecked_not_null is not None:
            where = f"{table.identity}.{column.name}"
            message = f"{column.name} may still have NULLs: its NOT NULL is NOT VALID"
            yield Found(table, where, message, _validate(table, column.unchecked_not_null, where))
        if not column.not_null:
            where = f"{table.identity}.{column.name}"
            yield Found(table, where, f"{column.name} may be NULL", _set_not_null(table, column))


def _validate(table: Table, constraint: str, where: str) -> Fix:
    """Return the fix that checks the rows beside running writes."""
    statement = alter_table(table, f"VALIDATE CONSTRAINT {ident(constraint)}")
    return Fix(Stage.DEFAULT, (statement,), frozenset([f"null of {where}"]))


def _set_not_null(table: Table, column: Column) -> Fix | None:
    """A valid check makes SET NOT NULL skip its scan under an exclusive lock."""
    check = f"chk_{column.name}_not_null"
    if not is_free(table, check):
        return None
    return Fix(
        Stage.DEFAULT,
        (
            alter_table(
                table,
                f"ADD CONSTRAINT {check} CHECK ({ident(column.name)} IS NOT NULL) NOT VALID",
            ),
            alter_table(table, f"VALIDATE CONSTRAINT {check}"),
            alter_table(table, f"ALTER COLUMN {ident(column.name)} SET NOT NULL"),
            alter_table(table, f"DROP CONSTRAINT {check}"),
        ),
        frozenset([f"null of {table.identity}.{column.name}"]),
    )


@rule(
    "timestamps-default",
    "created_at or updated_at without DEFAULT CURRENT_TIMESTAMP",
    Severity.ERROR,
    group="time",
    reason="Several services insert with plain SQL, and the database gives the time. It is "
    "written in one way, the standard's, so that two schemas can be compared as text: now() means "
    "the same, clock_timestamp() and statement_timestamp() do not, and a quoted 'now' is the "
    "moment of CREATE TABLE for ever.",
    remedy="Set the default; rows that exist are not touched.",
    bad="CREATE TABLE plays (created_at timestamptz NOT NULL DEFAULT now());",
    good=TABLE,
    example="public.plays.created_at",
)
def timestamps_default(catalog: Catalog) -> Iterator[Found]:
    """A domain's default counts; so does a precision, `CURRENT_TIMESTAMP(3)`."""
    for table, column in _columns(catalog):
        default = column.default or ""
        if default == DEFAULT or (default.startswith(f"{DEFAULT}(") and default.endswith(")")):
            continue
        has = f"the default {default}" if default else "no default"
        fits = column.base_type in (TIMESTAMPTZ, TIMESTAMP) and not column.generated
        fix = set_default(table, column.name, DEFAULT) if fits else None
        where = f"{table.identity}.{column.name}"
        yield Found(table, where, f"{column.name} has {has}, not {DEFAULT}", fix)


@rule(
    "timestamp-without-time-zone",
    "Timestamp without time zone",
    Severity.ERROR,
    group="time",
    reason="A time without its zone is another moment for every client that reads it.",
    remedy="Where the values are known to be UTC: ALTER COLUMN … TYPE timestamptz USING … AT TIME "
    "ZONE 'UTC'. No SQL is printed, since only you know the zone; the table is rewritten.",
    bad="CREATE TABLE plays (started_at timestamp);",
    good="CREATE TABLE plays (started_at timestamptz(3), ended_at timestamptz);",
    example="public.plays.started_at",
)
def timestamp_without_time_zone(catalog: Catalog) -> Iterator[Found]:
    """Arrays and domains too; the three standard columns have rules of their own."""
    for table, column in catalog.columns_by_type.get(TIMESTAMP, ()):
        if column.name not in (*COLUMNS, SOFT_DELETE):
            name = ident(column.name)
            yield Found(table, f"{table.identity}.{name}", f"{name} is {column.type_name}")


@rule(
    "deleted-at-type",
    "deleted_at that is not a nullable TIMESTAMPTZ",
    Severity.ERROR,
    group="time",
    reason="NULL says that the row is live, and every partial index counts on it; a default would "
    "delete each row at its birth.",
    remedy="Make it a nullable timestamptz without a default. The SQL does what needs no change "
    "of type.",
    bad="CREATE TABLE plays (deleted_at timestamptz NOT NULL DEFAULT 'infinity');",
    good="CREATE TABLE plays (deleted_at timestamptz);",
    example="public.plays.deleted_at",
)
def deleted_at_type(catalog: Catalog) -> Iterator[Found]:
    """Type, NOT NULL and default, in one finding."""
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


RULES = (
    timestamps_missing,
    timestamps_type,
    timestamps_nullable,
    timestamps_default,
    timestamp_without_time_zone,
    deleted_at_type,
)
