"""The live catalog is what docs/schema.md says: nothing is missing, and there is nothing else."""

import pytest

from tests import counts

proves = pytest.mark.proves


@proves("9. **`public` holds the tables of this page and nothing else.**")
def test_tables(live, document):
    assert live.tables.keys() == document.tables.keys()
    assert document.tables.keys() >= {name for _, tables in document.storage for name in tables}


def test_how_many_there_are(live):
    """`tests.counts`, which all other tests use, counts the objects of the database."""
    tables = live.tables.values()
    foreign_keys = [
        text
        for table in tables
        for text in table.constraints.values()
        if text.startswith("FOREIGN KEY")
    ]
    assert len(live.tables) == counts.TABLES
    assert len(foreign_keys) == counts.FOREIGN_KEYS
    assert sum(len(table.indexes) for table in tables) == counts.INDEXES
    assert sum(len(table.triggers) for table in tables) == counts.TRIGGERS


@proves(
    "The contract for `public`. A Go API and Rust stream and chat servers read and write the same "
    "tables with plain SQL, so everything here holds in PostgreSQL itself, not only in Python: "
    "types, defaults, checks, foreign keys, triggers. Names are exact.",
    "`update_updated_at_column()` (with a fixed `search_path`) and the 28 triggers, written out "
    "one by one.",
)
@pytest.mark.parametrize("kind", ["columns", "constraints", "indexes", "triggers", "storage"])
def test_every_table(live, document, subtests, kind):
    for name in live.tables.keys() | document.tables.keys():
        with subtests.test(name):
            there = getattr(live.tables.get(name), kind, None)
            assert there == getattr(document.tables.get(name), kind, None)


def test_enum_types(cursor, document):
    cursor.execute("""
        SELECT typname, array_agg(enumlabel::text ORDER BY enumsortorder)
        FROM pg_enum JOIN pg_type t ON t.oid = enumtypid
        WHERE typnamespace = 'public'::regnamespace GROUP BY typname
    """)
    assert dict(cursor.fetchall()) == document.enums


@proves(
    "The extensions `pgcrypto` and `uuid-ossp` are for old clients.",
    "The search indexes below depend on the extension `pg_trgm`.",
    "The embedded server of this project does not have the first two, so only there they are "
    "left out.",
)
def test_extensions(cursor, document, settings):
    """The embedded server lacks some; any other server has all of them."""
    expected = set(document.extensions)
    if "EMBEDDED" in settings.DATABASES["default"]:
        cursor.execute("SELECT name FROM pg_available_extensions")
        missing = expected - {name for (name,) in cursor.fetchall()}
        assert missing <= {"pgcrypto", "uuid-ossp"}
        expected -= missing
    cursor.execute("""
        SELECT extname FROM pg_extension WHERE extnamespace = 'public'::regnamespace
    """)
    assert {name for (name,) in cursor.fetchall()} == expected


@proves(
    "The checks that are triggers use three more functions, each with a fixed `search_path`: "
    "`check_parent_track()`, `check_version_track()` and `refuse_another_track()`. The first "
    "two read the other row with the privileges of their owner, as a foreign key does, and PUBLIC"
    " cannot execute them."
)
def test_functions(cursor):
    cursor.execute("""
        SELECT proname, lanname, prorettype::regtype::text, pronargs, proconfig, prosecdef,
            trim(regexp_replace(prosrc, '\\s+', ' ', 'g'))
        FROM pg_proc JOIN pg_language l ON l.oid = prolang
        WHERE pronamespace = 'public'::regnamespace AND NOT EXISTS (
            SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid
                AND deptype = 'e'
        )
    """)
    found = cursor.fetchall()
    for _, *what, _, _ in found:
        assert what == ["plpgsql", "trigger", 0, ['search_path=""']]
    bodies = {name: body for name, *_, body in found}
    body = "BEGIN NEW.updated_at = CURRENT_TIMESTAMP; RETURN NEW; END;"
    assert bodies["update_updated_at_column"] == body
    definers = {name for name, *_, definer, _ in found if definer}
    assert definers == {"check_parent_track", "check_version_track"}
    cursor.execute("""
        SELECT proname FROM pg_proc, aclexplode(COALESCE(proacl, acldefault('f', proowner)))
        WHERE prosecdef AND pronamespace = 'public'::regnamespace AND grantee = 0
    """)
    assert cursor.fetchall() == []


def test_migrations(cursor, document, settings):
    """The document's chapters are the migrations."""
    cursor.execute(
        "SELECT name FROM django.django_migrations WHERE app = ANY (%s)",
        [settings.PUBLIC_SCHEMA_APPS],
    )
    assert sorted(name for (name,) in cursor.fetchall()) == document.migrations


@proves("- Every table, column, enum type and function has a comment, with the unit.")
def test_comments(cursor):
    cursor.execute("""
        SELECT c.oid::regclass::text FROM pg_class c
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
            AND obj_description(c.oid, 'pg_class') IS NULL
        UNION ALL
        SELECT format('%s.%s', attrelid::regclass, attname)
        FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
            AND attnum > 0 AND NOT attisdropped AND col_description(attrelid, attnum) IS NULL
        UNION ALL
        SELECT oid::regtype::text FROM pg_type
        WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'
            AND obj_description(oid, 'pg_type') IS NULL
        UNION ALL
        SELECT oid::regprocedure::text FROM pg_proc
        WHERE oid IN (SELECT tgfoid FROM pg_trigger WHERE NOT tgisinternal)
            AND obj_description(oid, 'pg_proc') IS NULL
    """)
    assert cursor.fetchall() == []


def test_units(cursor, subtests):
    """If a number has a unit, its comment says which."""
    units = {"_ms": r"\yms\y|milliseconds", "bitrate": "kbit/s", "band": "kbit/s", "_size": "bytes"}
    units |= {"sample_rate": "Hz", "_rate": "percent|Hz"}
    for part, unit in units.items():
        with subtests.test(part):
            cursor.execute(
                """
                SELECT format('%%s.%%s', attrelid::regclass, attname),
                    col_description(attrelid, attnum) ~ %s
                FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
                WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0
                    AND strpos(attname, %s) > 0 AND atttypid <> 'text'::regtype
                """,
                [unit, part],
            )
            found = dict(cursor.fetchall())
            assert found
            assert [column for column, says_so in found.items() if not says_so] == []
