"""A database that is not V1's, or whose history does not fit, is refused before anything runs."""

import psycopg
import pytest

from tests.counts import TABLES
from tests.support import (
    database_environment,
    is_one_clear_line,
    manage,
    schema_of,
    scratch_database,
    server_parameters,
)

pytestmark = pytest.mark.django_db


def refused(name, *arguments):
    """Run migrate, see that it refuses and changes nothing, and return what it says."""
    before = schema_of(**server_parameters(), dbname=name)
    result = manage("migrate", *arguments, **database_environment(name))
    assert is_one_clear_line(result), result.stderr
    assert schema_of(**server_parameters(), dbname=name) == before
    return result.stderr


def run_sql(name, *statements):
    with psycopg.connect(**server_parameters(), dbname=name, autocommit=True) as database:
        for statement in statements:
            database.execute(statement)


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("CREATE TABLE users (id bigserial PRIMARY KEY)", "users, users_id_seq"),
        ('CREATE TABLE "Odd Name" (id int)', "Odd Name"),
        ("CREATE VIEW everybody AS SELECT 1 AS id", "everybody"),
        ("CREATE SEQUENCE numbers", "numbers"),
        (
            "CREATE FUNCTION update_updated_at_column() RETURNS int LANGUAGE sql RETURN 1",
            "function update_updated_at_column",
        ),
        ("CREATE TYPE user_role AS ENUM ('user')", "type user_role"),
    ],
)
def test_public_holds_what_v1_did_not_make(statement, shown):
    with scratch_database() as name:
        run_sql(name, statement)
        message = refused(name)
        assert f"what V1 did not make: {shown}." in message
        assert "audit_schema" in message


def test_a_long_list_is_cut():
    with scratch_database() as name:
        run_sql(name, *[f"CREATE TABLE t{number:02} ()" for number in range(14)])
        assert "t00, t01, t02, t03, t04, t05, t06, t07, t08, t09 and 4 more" in refused(name)


def test_other_schemas_and_extensions_are_no_obstacle():
    with scratch_database() as name:
        run_sql(
            name,
            "CREATE SCHEMA chat",
            "CREATE TABLE chat.messages (id uuid PRIMARY KEY)",
            "CREATE EXTENSION citext",
        )
        result = manage("migrate", **database_environment(name))
        assert result.returncode == 0, result.stderr


@pytest.fixture
def v1(migrated):
    with scratch_database(f'TEMPLATE "{migrated}"') as name:
        yield name


def test_history_was_emptied(v1):
    run_sql(v1, "TRUNCATE django.django_migrations")
    message = refused(v1)
    assert "holds the tables of V1" in message
    assert "emptied or lost" in message


def test_history_lacks_a_migration_that_others_build_on(v1):
    run_sql(v1, "DELETE FROM django.django_migrations WHERE name = '040_streaming_core'")
    message = refused(v1)
    assert "veza_streaming.041_streaming_analytics is applied before its dependency" in message
    assert "was edited" in message


def test_migration_was_renamed(v1):
    run_sql(
        v1,
        "UPDATE django.django_migrations SET name = '900_triggers' "
        "WHERE name = '900_triggers_and_functions'",
    )
    message = refused(v1)
    assert "(veza_core.900_triggers)" in message
    assert "(veza_core.900_triggers_and_functions)" in message
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
        "DELETE FROM django.django_migrations WHERE name = '900_triggers_and_functions'",
    )
    message = refused(v1)
    assert "rooms" in message
    assert "not there" in message


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
