"""`reset_db` creates V1 again, and harms nothing outside, above all not schema `chat`."""

from pathlib import Path

import psycopg
import pytest

from tests.counts import SUMMARY
from tests.support import (
    database_environment,
    is_one_clear_line,
    manage,
    running_manage,
    schema_of,
    scratch_database,
    server_parameters,
)
from veza_core.db.schema_version import comment_of, declared_version

pytestmark = pytest.mark.django_db

CHAT = (Path(__file__).parent / "chat.sql").read_text()
USERS = "SELECT count(*) FROM users"
INSERT = "INSERT INTO users (email, username) VALUES ('a@x.co', 'anna')"
SIMILAR = "CREATE FUNCTION chat.near(text) RETURNS real LANGUAGE sql AS 'SELECT similarity($1, $1)'"


@pytest.fixture(scope="module")
def beside_chat(migrated, django_db_blocker):
    with django_db_blocker.unblock(), scratch_database(f"TEMPLATE {migrated}") as name:
        with psycopg.connect(**server_parameters(), dbname=name) as database:
            database.execute(CHAT)
            database.execute(INSERT)
        yield name


@pytest.fixture
def name(beside_chat):
    """A V1 database with a user in it, and a chat service next to it."""
    with scratch_database(f"TEMPLATE {beside_chat}") as copy:
        yield copy


def query(name, statement):
    with psycopg.connect(**server_parameters(), dbname=name) as database:
        cursor = database.execute(statement)
        return cursor.fetchall() if cursor.description else None


def fingerprint_of_chat(name):
    """Every definition in `chat`, and every row."""
    rows = [
        query(name, f"SELECT * FROM chat.{table} ORDER BY id")
        for table in ("conversations", "messages")
    ]
    return rows, schema_of("--schema=chat", **server_parameters(), dbname=name)


def reset(name, *arguments, **environment):
    environment = {**database_environment(name), **environment}
    return manage("reset_db", "--noinput", *arguments, **environment)


def test_recreates_v1_and_leaves_chat_alone(name):
    chat, before = fingerprint_of_chat(name), schema_of(**server_parameters(), dbname=name)
    query(name, "CREATE TABLE left_over (id int, at int); ALTER TABLE users DROP COLUMN slug")
    query(name, "CREATE STATISTICS left_over_id_at ON id, at FROM left_over")
    result = reset(name)
    assert result.returncode == 0, result.stderr
    assert SUMMARY in result.stdout
    assert query(name, USERS) == [(0,)]
    assert schema_of(**server_parameters(), dbname=name) == before
    assert fingerprint_of_chat(name) == chat


def test_works_on_an_empty_database():
    with scratch_database() as empty:
        result = reset(empty)
        assert result.returncode == 0, result.stderr
        assert SUMMARY in result.stdout


DEPENDENTS = {
    "table constraint messages_author_id_fkey on chat.messages": (
        "ALTER TABLE chat.messages ADD FOREIGN KEY (author_id) REFERENCES public.users"
    ),
    "view chat.authors": "CREATE VIEW chat.authors AS SELECT id FROM public.users",
    "materialized view chat.plays": (
        "CREATE MATERIALIZED VIEW chat.plays AS SELECT count(*) FROM public.track_plays"
    ),
    "function chat.name(public.users)": (
        "CREATE FUNCTION chat.name(public.users) RETURNS text LANGUAGE sql AS 'SELECT $1.username'"
    ),
    "trigger kept on chat.conversations": (
        "CREATE TRIGGER kept BEFORE UPDATE ON chat.conversations "
        "FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column()"
    ),
    'policy "Own" on chat.messages': (
        'CREATE POLICY "Own" ON chat.messages USING (author_id IN (SELECT id FROM public.users))'
    ),
    "default value for chat.messages.body": (
        "CREATE FUNCTION public.hello() RETURNS text LANGUAGE sql AS 'SELECT ''hi''::text'; "
        "ALTER TABLE chat.messages ALTER COLUMN body SET DEFAULT public.hello()"
    ),
}
TABLES_AND_COLUMNS = {
    "table column chat.messages.author_role": (
        "ALTER TABLE chat.messages ADD COLUMN author_role public.user_role"
    ),
    "table chat.old_rooms": "CREATE TABLE chat.old_rooms () INHERITS (public.rooms)",
}


@pytest.mark.parametrize(("shown", "statement"), [*DEPENDENTS.items(), *TABLES_AND_COLUMNS.items()])
def test_stops_at_what_depends_on_ours_from_outside(name, shown, statement):
    query(name, statement)
    chat = fingerprint_of_chat(name)
    result = reset(name)
    assert is_one_clear_line(result), result.stderr
    assert shown in result.stderr
    assert "Nothing was dropped" in result.stderr
    assert query(name, USERS) == [(1,)]
    assert fingerprint_of_chat(name) == chat


def test_drops_just_the_dependents_when_asked(name):
    chat = fingerprint_of_chat(name)
    for statement in DEPENDENTS.values():
        query(name, statement)
    result = reset(name, "--drop-dependents")
    assert result.returncode == 0, result.stderr
    for shown in DEPENDENTS:
        assert shown in result.stdout
    assert fingerprint_of_chat(name) == chat


@pytest.mark.parametrize(("shown", "statement"), TABLES_AND_COLUMNS.items())
def test_never_drops_a_table_or_a_column(name, shown, statement):
    query(name, statement)
    chat = fingerprint_of_chat(name)
    result = reset(name, "--drop-dependents")
    assert is_one_clear_line(result), result.stderr
    assert shown in result.stderr
    assert "would lose rows" in result.stderr
    assert query(name, USERS) == [(1,)]
    assert fingerprint_of_chat(name) == chat


def test_extensions_survive_with_all_who_use_them(name):
    query(name, SIMILAR)
    query(name, "ALTER TABLE chat.messages ADD near real DEFAULT public.similarity('a', 'a')")
    chat = fingerprint_of_chat(name)
    oid = query(name, "SELECT oid FROM pg_extension WHERE extname = 'pg_trgm'")
    result = reset(name)
    assert result.returncode == 0, result.stderr
    assert query(name, "SELECT oid FROM pg_extension WHERE extname = 'pg_trgm'") == oid
    assert fingerprint_of_chat(name) == chat


def test_owner_grants_and_default_privileges_of_public_stay(name):
    query(
        name,
        "GRANT USAGE ON SCHEMA public TO pg_monitor; REVOKE ALL ON SCHEMA public FROM PUBLIC; "
        "ALTER SCHEMA public OWNER TO pg_database_owner; COMMENT ON SCHEMA public IS 'ours'; "
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO pg_monitor",
    )
    asked = (
        "SELECT nspowner, nspacl, obj_description(pg_namespace.oid), defaclobjtype, defaclacl "
        "FROM pg_namespace JOIN pg_default_acl ON defaclnamespace = pg_namespace.oid "
        "WHERE nspname = 'public'"
    )
    before = query(name, asked)
    assert reset(name).returncode == 0
    # Of the comment, only the schema's version belongs to the project.
    [(*facts, comment, kind, acl)] = query(name, asked)
    assert comment == f"ours\n{comment_of(declared_version())}"
    assert [(*facts, comment.splitlines()[0], kind, acl)] == before
    assert query(name, "SELECT has_table_privilege('pg_monitor', 'users', 'SELECT')") == [(True,)]


def test_sessions_in_the_way_are_listed_and_nothing_is_dropped(name):
    parameters = {**server_parameters(), "dbname": name, "application_name": "go-api"}
    with psycopg.connect(**parameters) as session:
        session.execute(USERS)
        result = reset(name, "--lock-timeout", "0.2")
        assert is_one_clear_line(result), result.stderr
        assert f"pid {session.info.backend_pid} (go-api" in result.stderr
        assert "--close-sessions" in result.stderr
        assert session.execute(USERS).fetchall() == [(1,)]


def test_sessions_in_the_way_are_closed_when_asked(name):
    parameters = {**server_parameters(), "dbname": name, "application_name": "go-api"}
    with (
        psycopg.connect(**parameters, autocommit=True) as idle,
        psycopg.connect(**parameters) as busy,
    ):
        busy.execute(USERS)
        result = reset(name, "--close-sessions")
        assert result.returncode == 0, result.stderr
        assert f"pid {busy.info.backend_pid} (go-api" in result.stdout
        assert idle.execute(USERS).fetchall() == [(0,)]
        with pytest.raises(psycopg.errors.AdminShutdown):
            busy.execute(USERS)


@pytest.mark.parametrize(
    "arguments", [[], ["--drop-dependents", "--close-sessions"], ["--verbosity", "3"]]
)
def test_refuses_when_debug_is_off(name, arguments):
    result = reset(name, *arguments, DEBUG="0", SECRET_KEY="x" * 60)
    assert is_one_clear_line(result), result.stderr
    assert "DEBUG is off" in result.stderr
    assert query(name, USERS) == [(1,)]


@pytest.mark.parametrize(("typed", "code", "users"), [("{}", 0, 0), ("other", 1, 1), ("", 1, 1)])
def test_asks_for_the_name(name, typed, code, users):
    with running_manage("reset_db", **database_environment(name)) as run:
        out, err = run.communicate(typed.format(name) + "\n", timeout=60)
    assert run.returncode == code, err
    assert name in out
    assert query(name, USERS) == [(users,)]


@pytest.mark.parametrize("line", [1, 2, 5, 25])
def test_killed_at_any_time_a_second_run_repairs(name, line):
    chat, before = fingerprint_of_chat(name), schema_of(**server_parameters(), dbname=name)
    with running_manage("reset_db", "--noinput", **database_environment(name)) as run:
        for _ in range(line):
            run.stdout.readline()
        run.kill()
    assert fingerprint_of_chat(name) == chat
    assert reset(name).returncode == 0
    assert schema_of(**server_parameters(), dbname=name) == before
    assert fingerprint_of_chat(name) == chat


def test_takes_the_place_of_django_extensions():
    assert "django-extensions" not in manage("reset_db", "--help").stdout
    told = " ".join(manage("reset_db", "--help").stdout.split())
    assert "nothing in other schemas changes, except by --drop-dependents" in told


def test_publications_that_name_our_tables(name):
    query(name, "CREATE PUBLICATION search FOR TABLE users, chat.messages")
    query(name, "CREATE PUBLICATION everything FOR TABLES IN SCHEMA public, django")
    result = reset(name)
    assert is_one_clear_line(result)
    assert "publication search of table users" in result.stderr
    assert "publication everything of schema django" in result.stderr
    assert query(name, USERS) == [(1,)]

    result = reset(name, "--drop-dependents")
    assert result.returncode == 0, result.stderr
    assert "publication search of table users" in result.stdout
    kept = query(name, "SELECT pubname, schemaname, tablename FROM pg_publication_tables")
    assert ("search", "chat", "messages") in kept
    assert ("everything", "public", "users") in kept
    assert not [row for row in kept if row[0] == "search" and row[1] != "chat"]
