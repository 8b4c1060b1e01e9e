"""A database that is not V1's, or whose history does not match, is refused before anything runs."""

import re

import psycopg
import pytest
from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from tests.counts import TABLES
from tests.in_process import default_database
from tests.support import (
    database_environment,
    is_one_clear_line,
    manage,
    run_command,
    schema_of,
    scratch_database,
    server_parameters,
)
from veza_core.db.operations import LEGACY_EXTENSIONS
from veza_core.schema.audit.service import audit_own

pytestmark = pytest.mark.django_db


def refused(name, *arguments):
    """Run migrate, check that it refuses and changes nothing, and return its message."""
    before = schema_of(**server_parameters(), dbname=name)
    result = manage("migrate", *arguments, **database_environment(name))
    assert is_one_clear_line(result), result.stderr
    assert schema_of(**server_parameters(), dbname=name) == before
    return result.stderr


def run_sql(name, *statements):
    with psycopg.connect(**server_parameters(), dbname=name, autocommit=True) as database:
        for statement in statements:
            database.execute(statement)


#: An object of each kind in `public`, with a name that is not V1's.
ADDITIONS = {
    "table public.extra": "CREATE TABLE extra (id int)",
    'table public."Odd Name"': 'CREATE TABLE "Odd Name" (id int)',
    "table public.parted": "CREATE TABLE parted (id int) PARTITION BY LIST (id)",
    "view public.everybody": "CREATE VIEW everybody AS SELECT 1 AS id",
    "materialized view public.counted": "CREATE MATERIALIZED VIEW counted AS SELECT 1 AS id",
    "sequence public.numbers": "CREATE SEQUENCE numbers",
    "foreign table public.far": (
        "CREATE FOREIGN DATA WRAPPER nobody; CREATE SERVER nowhere FOREIGN DATA WRAPPER nobody; "
        "CREATE FOREIGN TABLE far (id int) SERVER nowhere"
    ),
    "function public.one()": "CREATE FUNCTION one() RETURNS int LANGUAGE sql RETURN 1",
    "procedure public.nothing()": "CREATE PROCEDURE nothing() LANGUAGE sql AS 'SELECT 1'",
    "type public.mood": "CREATE TYPE mood AS ENUM ('good')",
    "type public.pair": "CREATE TYPE pair AS (one int, two int)",
    "type public.word": "CREATE DOMAIN word AS text",
    "collation public.plain": 'CREATE COLLATION plain FROM "C"',
    "text search configuration public.ts": "CREATE TEXT SEARCH CONFIGURATION ts (COPY = simple)",
}


@pytest.mark.parametrize("shown", ADDITIONS)
def test_a_database_of_somebody_else_s_is_refused(shown):
    with scratch_database() as name:
        run_sql(name, ADDITIONS[shown])
        with pytest.raises(CommandError, match="objects that V1 did not create") as refusal:
            run_command("migrate", database=name)
        assert shown in str(refusal.value)
        assert "audit_schema" in str(refusal.value)
        with psycopg.connect(**server_parameters(), dbname=name) as database:
            assert database.execute("SELECT to_regnamespace('django')").fetchone() == (None,)


def test_a_long_list_is_cut():
    with scratch_database() as name:
        run_sql(name, *[f"CREATE TABLE t{number:02} ()" for number in range(14)])
        assert "table public.t09 and 4 more" in refused(name)


#: Objects of another service on our tables, and event triggers.
GUESTS = {
    "users.notify": "CREATE TRIGGER notify AFTER INSERT ON users FOR EACH ROW "
    "EXECUTE FUNCTION chat.notify()",
    "users.listed": "CREATE POLICY listed ON users USING (id IN (SELECT id FROM chat.log))",
    "users.copied": "CREATE RULE copied AS ON DELETE TO users DO ALSO "
    "INSERT INTO chat.log VALUES (OLD.id)",
    "users.logged": "ALTER TABLE users ADD CONSTRAINT logged FOREIGN KEY (id) REFERENCES chat.log",
}
CHAT = (
    "CREATE SCHEMA chat",
    "CREATE TABLE chat.log (id uuid PRIMARY KEY)",
    "CREATE FUNCTION chat.notify() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TABLE chat.ddl (tag text)",
    "CREATE FUNCTION chat.note() RETURNS event_trigger LANGUAGE plpgsql "
    "AS 'BEGIN INSERT INTO chat.ddl VALUES (tg_tag); END'",
    "CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION chat.note()",
)


def findings(name):
    with default_database(name):
        return [f"{found.object} {found.message}" for found in audit_own(connection).findings]


def test_additions_to_ours_stop_no_migration_and_the_audit_names_them():
    """Also objects of a release's own RunSQL: the history shows that the database is ours."""
    with scratch_database() as name:
        run_command("migrate", "veza_core", "020", database=name)
        run_sql(name, *ADDITIONS.values(), *CHAT, *GUESTS.values())
        out, err = run_command("migrate", database=name)
        assert "veza_core.900_triggers_and_functions" in out
        assert re.search(r"Audit: [1-9]\d* errors .* audit_schema shows them", err)
        found = findings(name)
        for shown in ADDITIONS:
            thing = shown.split("public.")[1].strip('"').removesuffix("()")
            assert any(thing in line for line in found), (shown, found)
        for guest in GUESTS:
            assert any(f"{guest}: was not there" in line for line in found), (guest, found)
        # Objects that are not ours do not matter to the audit.
        assert not any("noted" in line for line in found)
        with psycopg.connect(**server_parameters(), dbname=name) as database:
            tags = {tag for (tag,) in database.execute("SELECT tag FROM chat.ddl")}
        assert {"CREATE TABLE", "CREATE INDEX"} <= tags


def test_a_table_in_the_way_of_a_pending_migration():
    with scratch_database() as name:
        run_command("migrate", "veza_core", "020", database=name)
        run_sql(name, "CREATE VIEW rooms AS SELECT 1 AS id")
        with pytest.raises(
            CommandError, match="would create rooms, which already exists in schema public"
        ):
            run_command("migrate", database=name)


def shipped(name):
    with psycopg.connect(**server_parameters(), dbname="postgres") as database:
        query = "SELECT FROM pg_available_extensions WHERE name = %s"
        return database.execute(query, [name]).fetchone() is not None


def extensions_of(name):
    with psycopg.connect(**server_parameters(), dbname=name) as database:
        query = "SELECT extname, extnamespace::regnamespace::text FROM pg_extension"
        return dict(database.execute(query).fetchall())


def test_other_schemas_and_extensions_are_no_obstacle(settings):
    """The objects of an extension belong to it, in any schema."""
    settings.DEBUG = True
    with scratch_database() as name:
        run_sql(
            name,
            "CREATE SCHEMA chat",
            "CREATE TABLE chat.messages (id uuid PRIMARY KEY)",
            "CREATE EXTENSION citext",
            "CREATE EXTENSION pg_stat_statements",
            "CREATE SCHEMA extensions",
            # Which every server ships, the embedded one too.
            "CREATE EXTENSION pg_trgm SCHEMA extensions",
            "CREATE EXTENSION unaccent SCHEMA extensions",
        )
        for legacy in filter(shipped, LEGACY_EXTENSIONS):
            run_sql(name, f'CREATE EXTENSION "{legacy}" SCHEMA extensions')
        # V1's indexes name its operators.
        statement = "ALTER EXTENSION pg_trgm SET SCHEMA public"
        assert f"extension pg_trgm is in schema extensions: {statement}" in refused(name)
        run_sql(name, statement)
        run_command("migrate", database=name)
        assert [line for line in findings(name) if "extension" in line] == []
        # Nor after a reset, which does not move them.
        before = extensions_of(name)
        assert before["unaccent"] == "extensions"
        run_command("reset_db", "--noinput", database=name)
        assert extensions_of(name) == before


@pytest.fixture
def v1(migrated):
    with scratch_database(f'TEMPLATE "{migrated}"') as name:
        yield name


def test_history_was_emptied(v1):
    run_sql(v1, "TRUNCATE django.django_migrations")
    message = refused(v1)
    assert "has the tables of V1" in message
    assert "emptied or lost" in message


def test_history_lacks_a_migration_that_others_build_on(v1):
    run_sql(v1, "DELETE FROM django.django_migrations WHERE name = '040_streaming_core'")
    message = refused(v1)
    assert "veza_streaming.041_streaming_analytics is applied before its dependency" in message
    assert "was edited" in message


def last_migration():
    """One of our migrations on which no other depends: 900, until a later one exists."""
    graph = MigrationLoader(None).graph
    last = [node for node in graph.leaf_nodes() if not graph.node_map[node].children]
    return next(node for node in last if node[0] in settings.PUBLIC_SCHEMA_APPS)


def test_migration_was_renamed(v1):
    app, name = last_migration()
    run_sql(
        v1,
        f"UPDATE django.django_migrations SET name = '{name[:6]}' "
        f"WHERE app = '{app}' AND name = '{name}'",
    )
    message = refused(v1)
    assert f"({app}.{name[:6]})" in message
    assert f"({app}.{name})" in message
    assert "renamed" in message


def test_database_is_ahead_of_the_release(v1):
    run_sql(
        v1,
        "INSERT INTO django.django_migrations (app, name, applied) "
        "VALUES ('veza_core', '910_labels', CURRENT_TIMESTAMP)",
    )
    assert "older than the database, which also has veza_core.910_labels" in refused(v1)


def test_recorded_tables_are_missing(v1):
    run_sql(
        v1,
        "DROP TABLE rooms",
        f"DELETE FROM django.django_migrations WHERE name = '{last_migration()[1]}'",
    )
    message = refused(v1)
    assert "rooms" in message
    assert "they are missing" in message


@pytest.mark.parametrize(
    "target",
    [
        ["veza_core", "zero"],
        ["veza_core", "020"],
        ["sessions", "zero"],
        ["veza_core", "zero", "--plan"],
        ["veza_core", "010", "--fake"],
    ],
)
def test_backwards_is_refused(v1, target):
    message = refused(v1, *target)
    assert "restore a backup" in message
    assert "reset_db" in message


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (["nothing"], "No installed app with label 'nothing'"),
        (["veza_core", "0"], "several migrations that begin with 0"),
        (["veza_core", "099"], "no migration that begins with 099"),
        (["messages"], "messages has no migrations"),
    ],
)
def test_target_that_is_not_there(v1, target, words):
    assert words in refused(v1, *target)


def test_kill_before_the_signals_is_made_good(v1):
    run_sql(v1, "TRUNCATE django.auth_permission, django.django_content_type CASCADE")
    assert manage("migrate", **database_environment(v1)).returncode == 0
    with psycopg.connect(**server_parameters(), dbname=v1) as database:
        (count,) = database.execute("SELECT count(*) FROM django.auth_permission").fetchone()
    assert count >= TABLES * 4
