"""The printed SQL takes the locks and does the work that its comments say."""

import psycopg
import pytest

from tests.audit.fixing import execute, fixes, load_examples, one, report
from veza_core.schema.audit.effects import Lock, Work, effect

#: The strongest of a session's locks on objects that existed before its transaction.
STRONGEST = """
SELECT l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.pid = pg_backend_pid() AND n.nspname = ANY(%s) AND c.oid = ANY(%s)
ORDER BY array_position(ARRAY['AccessExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock',
    'ShareUpdateExclusiveLock'], l.mode) LIMIT 1
"""
MODES = {
    "AccessExclusiveLock": Lock.ACCESS_EXCLUSIVE,
    "ShareRowExclusiveLock": Lock.SHARE_ROW_EXCLUSIVE,
    "ShareLock": Lock.SHARE,
    "ShareUpdateExclusiveLock": Lock.SHARE_UPDATE_EXCLUSIVE,
}
FILES = """
SELECT c.oid, c.relfilenode FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%s)
"""


def files(connection, *schemas):
    """The files of tables and indexes, by object identifier."""
    return dict(connection.execute(FILES, [list(schemas)]).fetchall())


def check_effects(connection, schemas, statements):
    """Run each statement in a transaction, and compare its locks and files."""
    for statement in statements:
        said = effect(statement)
        before = files(connection, *schemas)
        if said.is_concurrent:
            connection.commit()
            connection.autocommit = True
            connection.execute(statement)
            connection.autocommit = False
        else:
            connection.rollback()
            connection.execute(statement)
            row = connection.execute(STRONGEST, [schemas, list(before)]).fetchone()
            held = MODES.get(row[0], Lock.NONE) if row else Lock.NONE
            assert held == said.lock, statement
            connection.commit()
        is_new = bool(set(files(connection, *schemas).values()) - set(before.values()))
        assert is_new <= (said.work in (Work.REWRITE, Work.BUILD) or " ON ONLY " in statement)


def test_locks_and_rewrites_are_as_documented(make_database):
    url = make_database("audit_effects")
    schemas = load_examples(url)
    execute(
        url,
        "CREATE TABLE public.parted (id uuid, user_id uuid) PARTITION BY HASH (id)",
        "CREATE TABLE public.parted_0 PARTITION OF public.parted FOR VALUES WITH (MODULUS 2, "
        "REMAINDER 0)",
        "CREATE TABLE public.parted_1 PARTITION OF public.parted FOR VALUES WITH (MODULUS 2, "
        "REMAINDER 1)",
        "CREATE TABLE public.users (id uuid PRIMARY KEY)",
    )
    statements = {}
    for each in sorted(fixes(report(url, *schemas)).values(), key=lambda fix: fix.stage):
        statements |= dict.fromkeys(each.statements)
    with psycopg.connect(url) as connection:
        check_effects(connection, schemas, statements)
    assert {Lock.SHARE, Lock.SHARE_ROW_EXCLUSIVE} < {effect(each).lock for each in statements}


def test_an_unknown_statement_is_treated_as_the_worst_case():
    assert effect("CLUSTER public.plays;").work == Work.REWRITE
    assert effect('ALTER TABLE public."x VALIDATE CONSTRAINT" SET SCHEMA y;').work == Work.REWRITE


VARCHAR = "CREATE TABLE plays (id uuid PRIMARY KEY, source varchar, other text);"


@pytest.mark.parametrize(
    "more",
    [
        "CREATE INDEX ON plays (other) WHERE source <> ''",
        "CREATE INDEX ON plays (lower(source))",
        "ALTER TABLE plays ADD CHECK (source <> '')",
        "CREATE TABLE heir () INHERITS (plays); CREATE INDEX ON heir (lower(source))",
        "CREATE VIEW seen AS SELECT source FROM plays",
    ],
)
def test_text_is_not_printed_where_it_costs_more_than_the_catalog(scratch, more):
    scratch.run(f"{VARCHAR} {more}")
    assert one(scratch, "type-varchar-unbounded", "public.plays.source").fix is None


@pytest.mark.parametrize(
    "more",
    [
        "",
        "CREATE INDEX ON plays (source)",
        "CREATE UNIQUE INDEX ON plays (source, other) INCLUDE (id)",
        "ALTER TABLE plays ADD UNIQUE (source)",
        "ALTER TABLE plays ADD FOREIGN KEY (source) REFERENCES plays (source)",
        "CREATE TABLE heir () INHERITS (plays); CREATE INDEX ON heir (source)",
        "CREATE STATISTICS pair ON source, other FROM plays",
    ],
)
def test_text_that_is_printed_rewrites_nothing(scratch, more):
    unique = "ALTER TABLE plays ADD UNIQUE (source);" if "FOREIGN" in more else ""
    scratch.run(f"{VARCHAR} {unique} {more}")
    fix = one(scratch, "type-varchar-unbounded", "public.plays.source").fix
    before = files(scratch.connection, "public")
    scratch.run(fix.sql)
    # An index may be a new object with the same file.
    assert set(files(scratch.connection, "public").values()) == set(before.values())
