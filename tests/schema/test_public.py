"""Rule 9 of the Standard: what is in schema public, and what is not."""

import re
from io import StringIO

import pytest
from django.core.management import call_command

proves = pytest.mark.proves


@proves("9. **`public` holds the tables of this page and nothing else.**")
def test_objects_of_public(cursor, document):
    """Everything that PostgreSQL records as being in the schema, except the extensions' objects.

    Indexes, constraints, triggers and row types are recorded as parts of their tables instead.
    """
    cursor.execute("""
        SELECT (pg_identify_object(classid, objid, objsubid)).type,
            (pg_identify_object(classid, objid, objsubid)).identity
        FROM pg_depend d
        WHERE refclassid = 'pg_namespace'::regclass AND refobjid = 'public'::regnamespace
            AND classid <> 'pg_extension'::regclass AND NOT EXISTS (
                SELECT FROM pg_depend e
                WHERE (e.classid, e.objid) = (d.classid, d.objid) AND e.deptype = 'e'
            )
    """)
    assert set(cursor.fetchall()) == {
        *(("table", f"public.{name}") for name in document.tables),
        *(("type", f"public.{name}") for name in document.enums),
        *(
            ("function", f"public.{name}()")
            for table in document.tables.values()
            for definition in table.triggers.values()
            for name in re.findall(r"EXECUTE FUNCTION (\w+)", definition)
        ),
    }


def test_tables_are_plain(cursor):
    """No partition, child, view, unlogged table, row security or rule."""
    cursor.execute("""
        SELECT relname FROM pg_class c
        WHERE relnamespace = 'public'::regnamespace AND relkind <> 'i'
            AND (relkind, relpersistence, relispartition, relrowsecurity, relhasrules)
                IS DISTINCT FROM ('r'::"char", 'p'::"char", false, false, false)
            OR EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid)
    """)
    assert cursor.fetchall() == []


@proves("No other table and no index has storage parameters.")
def test_storage_of_indexes_and_of_long_values(cursor):
    """Those of tables are in the contract."""
    cursor.execute("""
        SELECT c.oid::regclass::text FROM pg_class c
        WHERE reloptions IS NOT NULL AND (relnamespace = 'public'::regnamespace AND relkind = 'i'
            OR c.oid IN (SELECT reltoastrelid FROM pg_class
                         WHERE relnamespace = 'public'::regnamespace))
    """)
    assert cursor.fetchall() == []


@proves("Django's own tables live in schema `django`.")
def test_tables_of_django(cursor):
    cursor.execute("""
        SELECT nspname, array_agg(relname::text ORDER BY relname)
        FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND nspname <> 'public'
            AND nspname <> 'information_schema' AND nspname !~ '^pg_'
        GROUP BY nspname
    """)
    (found,) = cursor.fetchall()
    assert found[0] == "django"
    assert {
        "auth_group",
        "auth_group_permissions",
        "auth_permission",
        "django_admin_log",
        "django_content_type",
        "django_migrations",
        "django_session",
    } <= set(found[1])


@proves(
    "Schema `chat` belongs to another service and is never created, altered or dropped here.",
    "This table is only for old clients; the new chat is in schema `chat`",
)
def test_chat_is_left_alone(cursor, settings):
    cursor.execute("SELECT to_regnamespace('chat')")
    assert cursor.fetchone() == (None,)
    cursor.execute(
        "SELECT app, name FROM django.django_migrations WHERE app = ANY (%s)",
        [settings.PUBLIC_SCHEMA_APPS],
    )
    for migration in cursor.fetchall():
        output = StringIO()
        call_command("sqlmigrate", *migration, stdout=output)
        texts_and_comments = r"'[^']*'|--.*"
        assert not re.search(r"\bchat\b", re.sub(texts_and_comments, "", output.getvalue()))


@proves("- Rule 9: a reference from `django` to `public` has no constraint. So")
def test_no_constraint_leaves_a_schema(cursor):
    cursor.execute("""
        SELECT k.conname FROM pg_constraint k
        JOIN pg_class source ON source.oid = k.conrelid
        JOIN pg_class target ON target.oid = k.confrelid
        WHERE k.contype = 'f' AND source.relnamespace <> target.relnamespace
    """)
    assert cursor.fetchall() == []


@proves("Nothing in V1 depends on them: `gen_random_uuid()` is built in.")
def test_nothing_depends_on_the_legacy_extensions(cursor):
    cursor.execute("SELECT 'gen_random_uuid()'::regprocedure::oid < 16384")
    assert cursor.fetchone() == (True,)
    cursor.execute("""
        SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
        FROM pg_extension x
        JOIN pg_depend member ON member.refobjid = x.oid AND member.deptype = 'e'
        JOIN pg_depend d ON (d.refclassid, d.refobjid) = (member.classid, member.objid)
        WHERE extname IN ('pgcrypto', 'uuid-ossp') AND NOT EXISTS (
            SELECT FROM pg_depend own
            WHERE (own.classid, own.objid) = (d.classid, d.objid)
                AND own.refobjid = x.oid AND own.deptype = 'e'
        )
    """)
    assert cursor.fetchall() == []


@proves("The search indexes below depend on the extension `pg_trgm`.")
def test_search_indexes_depend_on_pg_trgm(cursor, document):
    cursor.execute("""
        SELECT DISTINCT d.objid::regclass::text
        FROM pg_extension x
        JOIN pg_depend member ON member.refobjid = x.oid AND member.deptype = 'e'
        JOIN pg_depend d ON (d.refclassid, d.refobjid) = (member.classid, member.objid)
        WHERE extname = 'pg_trgm' AND d.classid = 'pg_class'::regclass
    """)
    found = {name for (name,) in cursor.fetchall()}
    assert found == {
        name for table in document.tables.values() for name in table.indexes if "_trgm" in name
    }
    assert found
