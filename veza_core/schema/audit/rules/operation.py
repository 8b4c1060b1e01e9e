"""Operation: problems that do no harm today, but will later."""

from collections.abc import Iterator
from datetime import UTC, datetime

from veza_core.counted import counted
from veza_core.schema.audit.catalog import Catalog, Sequence
from veza_core.schema.audit.rule import OPERATION, Fix, Found, Stage
from veza_core.schema.quoting import ident

#: A sequence or a key is reported if it has used so much of its numbers.
USED_PERCENT = 70

# Types by object identifier: smallint, integer.
_HIGHEST = {21: 32767, 23: 2147483647}


def known(analyzed: datetime | None) -> str:
    """Say how old the statistics behind a finding are."""
    if analyzed is None:
        return "by statistics of unknown age"
    moment = analyzed.astimezone(UTC)
    return f"by statistics of {moment:%Y-%m-%d %H:%M} UTC"


@OPERATION.error(
    "key-near-end",
    "Sequence or integer key that is nearly full",
    reason="When it is full, every INSERT fails. A wider column needs a rewrite under an "
    "exclusive lock, and so do all columns that refer to it. This work takes weeks, and must "
    "begin early. A bigint sequence for an integer column ends where the column ends.",
    remedy="Move the key to bigint or, better, to a UUID, before it is full.",
    bad="CREATE TABLE plays (number integer GENERATED ALWAYS AS IDENTITY);\n"
    "SELECT setval('plays_number_seq', 2000000000);",
    good="CREATE TABLE plays (number bigint GENERATED ALWAYS AS IDENTITY);\n"
    "SELECT setval('plays_number_seq', 2000000000);",
    example="public.plays_number_seq",
)
def key_near_end(catalog: Catalog) -> Iterator[Found]:
    """A sequence or a key is reported if 70 % of its numbers are used. The rule checks sequences
    without CYCLE that this role may read, in any schema if a column takes its default from them. It
    also checks integer and smallint columns of primary and foreign keys, by statistics, and says
    how old these are. The type under a domain counts.
    """
    reported = set()
    for sequence in catalog.sequences:
        table = catalog.by_oid.get(sequence.table or 0)
        column = table.columns.get(sequence.column or "") if table is not None else None
        end = _end(sequence, column.base_type if column is not None else 0)
        if (used := _used(sequence, end)) is not None and used >= USED_PERCENT:
            reported.add((sequence.table, sequence.column))
            message = f"{used} % are used: it is at {sequence.last} of {end}"
            yield Found(table, sequence.identity, message)
    for oid, name, analyzed, highest in catalog.integers:
        table = catalog.by_oid.get(oid)
        if table is None or highest is None:
            continue
        end = _HIGHEST[table.columns[name].base_type]
        if (used := 100 * highest // end) >= USED_PERCENT:
            reported |= {(part.oid, name) for part in table.partitions}
            if (oid, name) in reported:
                continue
            message = f"{used} % are used: {highest} of {end}, {known(analyzed)}"
            yield Found(table, f"{table.identity}.{ident(name)}", message)


def _end(sequence: Sequence, type_oid: int) -> int:
    """Return the last number: the sequence's own, or the column's if that is lower."""
    if not sequence.is_ascending:
        return sequence.lowest
    return min(sequence.highest, _HIGHEST.get(type_oid, sequence.highest))


def _used(sequence: Sequence, end: int) -> int | None:
    if sequence.last is None or sequence.cycles:
        return None
    start = sequence.lowest if sequence.is_ascending else sequence.highest
    return 100 * abs(sequence.last - start) // max(abs(end - start), 1)


@OPERATION.warning(
    "table-unlogged",
    "Unlogged table, which is empty after a crash",
    reason="An UNLOGGED table is empty after a crash or a failover, on every replica, and in each "
    "restore of a base backup. Often it is left over from a data load.",
    remedy="Run ALTER TABLE … SET LOGGED, which rewrites it under an exclusive lock. If it is a "
    "cache that may be empty at any time, add an exception.",
    bad="CREATE UNLOGGED TABLE plays (id uuid);",
    good="CREATE TABLE plays (id uuid);",
    example="public.plays",
)
def table_unlogged(catalog: Catalog) -> Iterator[Found]:
    """Each partition is checked, because each is logged or unlogged by itself."""
    for table in catalog.all_tables:
        if table.is_unlogged:
            yield Found(table, table.identity, "the table is UNLOGGED")


@OPERATION.warning(
    "extension-outdated",
    "Extension older than the server's version of it",
    reason="After an upgrade of the server's packages, the database keeps the old functions of "
    "the extension. It does not get their corrections, and it differs from new databases.",
    remedy="Read the release notes of the extension, then run ALTER EXTENSION … UPDATE.",
    bad="CREATE EXTENSION pg_trgm VERSION '1.3';",
    good="CREATE EXTENSION pg_trgm;",
    example="pg_trgm",
    fix="ALTER EXTENSION pg_trgm UPDATE;",
)
def extension_outdated(catalog: Catalog) -> Iterator[Found]:
    """An extension in any schema is reported, if the server has an update path to its version."""
    for extension, installed, offered in catalog.outdated_extensions:
        name = ident(extension)
        fix = Fix(
            Stage.EXTENSION, (f"ALTER EXTENSION {name} UPDATE;",), frozenset([f"extension {name}"])
        )
        yield Found(None, name, f"{name} is {installed}, the server offers {offered}", fix)


@OPERATION.error(
    "collation-changed",
    "Collation whose version changed since its indexes were built",
    reason="An update of the operating system's C library or of ICU can change how texts are "
    "sorted. Indexes that were built before keep the old order: searches miss rows, and unique "
    "indexes accept duplicates.",
    remedy="Look for duplicates, and REINDEX (CONCURRENTLY) the indexes that use the collation. "
    "Then run ALTER DATABASE or ALTER COLLATION … REFRESH VERSION, which only records the new "
    "version.",
    bad="-- A version that is not the server's, as after an update.\n"
    "DO $$ BEGIN EXECUTE format('CREATE COLLATION old (provider = %s, version = ''0'')',\n"
    "    CASE WHEN current_setting('server_version_num')::int < 170000\n"
    "    THEN 'icu, locale = ''und''' ELSE 'builtin, locale = ''C.UTF-8''' END); END $$;\n"
    "CREATE TABLE plays (title text COLLATE old PRIMARY KEY);",
    good='CREATE TABLE plays (title text COLLATE "C" PRIMARY KEY);',
    example="public.old",
)
def collation_changed(catalog: Catalog) -> Iterator[Found]:
    """The rule checks the database's own collation, and each collation that an index uses."""
    for name, recorded, actual, indexes in catalog.changed_collations:
        if indexes:
            message = (
                f"recorded as version {recorded}, the server has {actual}: "
                f"{counted(indexes, 'index uses', 'indexes use')} it"
            )
            yield Found(None, name or f"database {ident(catalog.database)}", message)


@OPERATION.error(
    "replica-identity",
    "Published table without a replica identity",
    reason="As soon as such a table is in a publication, every UPDATE and DELETE on it fails. A "
    "publication FOR ALL TABLES contains it at once.",
    remedy="Give the table a primary key, or set REPLICA IDENTITY USING INDEX with a unique index "
    "over NOT NULL columns. REPLICA IDENTITY FULL works too, but the subscriber reads its whole "
    "table for each row if it finds no index.",
    bad="CREATE TABLE plays (id uuid);\nCREATE PUBLICATION everything FOR TABLE plays;",
    good="CREATE TABLE plays (id uuid PRIMARY KEY);\n"
    "CREATE PUBLICATION everything FOR TABLE plays;",
    example="public.plays",
)
def replica_identity(catalog: Catalog) -> Iterator[Found]:
    """Publications that publish updates or deletes are checked. A deferrable primary key is not a
    replica identity.
    """
    tables = {table.identity: table for table in catalog.all_tables}
    for name, publications in catalog.without_identity:
        message = f"it has no replica identity, and publication {publications} needs one"
        yield Found(tables.get(name), name, message)
