"""Operation: what works today, and fails on a day to come."""

from collections.abc import Iterator
from datetime import UTC, datetime

from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.facts import Sequence
from veza_core.schema.audit.quoting import ident
from veza_core.schema.audit.rule import Fix, Found, Severity, Stage, rule

#: How much of its numbers a sequence or a key may have used.
USED_PERCENT = 70

# Types by object identifier: smallint, integer.
_HIGHEST = {21: 32767, 23: 2147483647}


def known(analyzed: datetime | None) -> str:
    """Say how old the statistics are that a finding stands on."""
    if analyzed is None:
        return "by statistics of unknown age"
    moment = analyzed.astimezone(UTC)
    return f"by statistics of {moment:%Y-%m-%d %H:%M} UTC"


@rule(
    "key-near-end",
    "Sequence or integer key that is nearly full",
    Severity.ERROR,
    group="operation",
    reason="At its end every INSERT fails, and a wider column takes a rewrite under an exclusive "
    "lock, with all columns that refer to it: this work takes weeks and must begin early. A bigint "
    "sequence behind an integer column ends where the column does.",
    remedy="Move the key to bigint or, better, to a UUID, while it still has room.",
    bad="CREATE TABLE plays (number integer GENERATED ALWAYS AS IDENTITY);\n"
    "SELECT setval('plays_number_seq', 2000000000);",
    good="CREATE TABLE plays (number bigint GENERATED ALWAYS AS IDENTITY);\n"
    "SELECT setval('plays_number_seq', 2000000000);",
    example="public.plays_number_seq",
)
def key_near_end(catalog: Catalog) -> Iterator[Found]:
    """From 70 % on. Sequences that do not cycle, where this role may read them, in whatever schema
    if a column takes its default from them; integer and smallint columns of primary and foreign
    keys by statistics, whose age is said. Domains are looked through.
    """
    reported = set()
    for sequence in catalog.facts.sequences:
        table = catalog.by_oid.get(sequence.table or 0)
        column = table.columns.get(sequence.column or "") if table is not None else None
        end = _end(sequence, column.base_type if column is not None else 0)
        if (used := _used(sequence, end)) is not None and used >= USED_PERCENT:
            reported.add((sequence.table, sequence.column))
            message = f"{used} % are used: it is at {sequence.last} of {end}"
            yield Found(table, sequence.name, message)
    for key in catalog.facts.integers:
        table = catalog.by_oid.get(key.table)
        if table is None or key.highest is None:
            continue
        end = _HIGHEST[table.columns[key.column].base_type]
        if (used := 100 * key.highest // end) >= USED_PERCENT:
            reported |= {(part.oid, key.column) for part in table.partitions}
            if (key.table, key.column) in reported:
                continue
            where = f"{table.identity}.{ident(key.column)}"
            message = f"{used} % are used: {key.highest} of {end}, {known(key.analyzed)}"
            yield Found(table, where, message)


def _end(sequence: Sequence, type_oid: int) -> int:
    """The last number: the sequence's own, or the column's where that comes first."""
    if not sequence.is_ascending:
        return sequence.lowest
    return min(sequence.highest, _HIGHEST.get(type_oid, sequence.highest))


def _used(sequence: Sequence, end: int) -> int | None:
    if sequence.last is None:
        return None
    start = sequence.lowest if sequence.is_ascending else sequence.highest
    return 100 * abs(sequence.last - start) // max(abs(end - start), 1)


@rule(
    "table-unlogged",
    "Table whose rows a crash deletes",
    Severity.WARNING,
    group="operation",
    reason="An UNLOGGED table is empty after a crash or a failover, and on every replica and in "
    "each restore of a base backup. It is often what a data load has left.",
    remedy="ALTER TABLE … SET LOGGED, which rewrites it under an exclusive lock. For a cache that "
    "may be empty at any moment, an exception says so.",
    bad="CREATE UNLOGGED TABLE plays (id uuid);",
    good="CREATE TABLE plays (id uuid);",
    example="public.plays",
)
def table_unlogged(catalog: Catalog) -> Iterator[Found]:
    """Partitions too, each of which is logged or not."""
    for table in catalog.all_tables:
        if table.is_unlogged:
            yield Found(table, table.identity, "the table is UNLOGGED")


@rule(
    "extension-outdated",
    "Extension whose objects are of another version than its files",
    Severity.WARNING,
    group="operation",
    reason="The server's packages were upgraded, and the database still has the old functions: "
    "corrections do not reach it, and new databases have others.",
    remedy="Read the extension's notes, then ALTER EXTENSION … UPDATE.",
    bad="CREATE EXTENSION pg_trgm VERSION '1.3';",
    good="CREATE EXTENSION pg_trgm;",
    example="pg_trgm",
    fix="ALTER EXTENSION pg_trgm UPDATE;",
)
def extension_outdated(catalog: Catalog) -> Iterator[Found]:
    """Only where the server has the way from the one to the other; in any schema."""
    for extension in catalog.facts.extensions:
        name = ident(extension.name)
        fix = Fix(
            Stage.EXTENSION, (f"ALTER EXTENSION {name} UPDATE;",), frozenset([f"extension {name}"])
        )
        message = f"{name} is {extension.installed}, the server offers {extension.offered}"
        yield Found(None, name, message, fix)


@rule(
    "collation-changed",
    "Collation that sorts by another version than its indexes",
    Severity.ERROR,
    group="operation",
    reason="An update of the operating system's C library or of ICU changes the order of texts. "
    "Indexes that were built before are in the old order: searches miss rows, and unique indexes "
    "let duplicates in.",
    remedy="REINDEX (CONCURRENTLY) what sorts by it, look for duplicates first, then ALTER "
    "DATABASE or ALTER COLLATION … REFRESH VERSION, which only records the new version.",
    bad="-- A version that is not the server's, as after an update.\n"
    "DO $$ BEGIN EXECUTE format('CREATE COLLATION old (provider = %s, version = ''0'')',\n"
    "    CASE WHEN current_setting('server_version_num')::int < 170000\n"
    "    THEN 'icu, locale = ''und''' ELSE 'builtin, locale = ''C.UTF-8''' END); END $$;\n"
    "CREATE TABLE plays (title text COLLATE old PRIMARY KEY);",
    good='CREATE TABLE plays (title text COLLATE "C" PRIMARY KEY);',
    example="public.old",
)
def collation_changed(catalog: Catalog) -> Iterator[Found]:
    """The database's own collation, and others that some index of the database sorts by."""
    for collation in catalog.facts.collations:
        if collation.indexes:
            name = collation.name or f"database {ident(catalog.database)}"
            message = (
                f"recorded as version {collation.recorded}, the server has {collation.actual}: "
                f"{collation.indexes} index(es) sort by it"
            )
            yield Found(None, name, message)


@rule(
    "replica-identity",
    "Published table whose rows cannot be named",
    Severity.ERROR,
    group="operation",
    reason="Without a replica identity every UPDATE and DELETE on the publishing server fails, "
    "from the moment on that the table is in a publication: at once with FOR ALL TABLES.",
    remedy="Give the table a primary key, or REPLICA IDENTITY USING INDEX of a unique index over "
    "NOT NULL columns. REPLICA IDENTITY FULL works too, and reads the subscriber's whole table for "
    "each row where it finds no index.",
    bad="CREATE TABLE plays (id uuid);\nCREATE PUBLICATION everything FOR TABLE plays;",
    good="CREATE TABLE plays (id uuid PRIMARY KEY);\n"
    "CREATE PUBLICATION everything FOR TABLE plays;",
    example="public.plays",
)
def replica_identity(catalog: Catalog) -> Iterator[Found]:
    """Of publications that publish updates or deletes. A deferrable primary key is no identity."""
    tables = {table.identity: table for table in catalog.all_tables}
    for published in catalog.facts.without_identity:
        message = f"it has no replica identity, and publication {published.publications} needs one"
        yield Found(tables.get(published.table), published.table, message)


RULES = (key_near_end, table_unlogged, extension_outdated, collation_changed, replica_identity)
