"""A restore brings back rows, definitions, owners, grants and sequences."""

import re
from pathlib import Path

import psycopg
import pytest

from tests import in_process, needs
from tests.backup.state import connect, differences, rows_in, rows_of, state_of
from tests.clusters import running_cluster
from tests.counts import SUMMARY
from tests.support import administer, database_environment, manage, scratch_database
from veza_core.db import embedded

pytestmark = pytest.mark.django_db

CHAT = Path(__file__).parents[1] / "deploy" / "chat.sql"
SPOIL = """
DROP TABLE track_likes, bitrate_adaptation_logs;
CREATE TABLE mistake (id serial PRIMARY KEY, user_id uuid REFERENCES users);
CREATE VIEW wrong AS SELECT email FROM users;
CREATE DOMAIN public.odd AS text;
CREATE PROCEDURE public.do_nothing() LANGUAGE sql AS 'SELECT';
CREATE TABLE django.more (id int);
ALTER TABLE users DROP COLUMN slug;
UPDATE users SET is_banned = true;
DELETE FROM playlists;
INSERT INTO django.django_migrations (app, name, applied) VALUES ('veza_core', '910_bad', now());
"""


def restore(path, name, *options, **environment):
    result = manage(
        "restore_db", str(path), *options, **{**database_environment(name), **environment}
    )
    assert result.returncode == 0, result.stderr
    return result


def test_into_an_empty_database(filled, archive):
    with scratch_database() as name:
        result = restore(archive, name)
        where, origin, restored, summary, verdict = result.stdout.splitlines()
        assert where.startswith(f"Connected to {name} on ")
        assert origin.startswith(f"{archive}: taken at ")
        assert f" from {filled} on " in origin
        assert restored.startswith(f"{archive}: restored in ")
        assert SUMMARY in summary
        assert re.fullmatch(r"Audit: 0 errors and 0 warnings, by \d+ rules\.", verdict)
        assert differences(state_of(filled), state_of(name)) == ""
        assert manage("migrate", "--check", **database_environment(name)).returncode == 0
        with connect(name) as database:
            (estimate,) = database.execute(
                "SELECT reltuples FROM pg_class WHERE oid = 'track_plays'::regclass"
            ).fetchone()
        assert estimate == 20_000


def test_from_an_older_major_version(tmp_path):
    """As in docs/operations.md, for a move to a new server: rows of every table, and the audit."""
    path = str(tmp_path / "a.dump")
    with running_cluster(needs.debian_programs(), auth="trust") as home:
        url = f"postgresql://postgres@/postgres?host={home}"
        seed = ["seed_demo", "--users=200", "--tracks=100", "--plays=500", "--verbosity=0"]
        for command in (["migrate", "--no-audit"], seed, ["backup_db", path]):
            result = in_process.run(url, tuple(command))
            assert result.returncode == 0, result.stderr
        with psycopg.connect(url) as old:
            before = rows_in(old)
    assert [
        table for table, (number, _) in before.items() if "public" in table and not number
    ] == []
    with scratch_database() as name:
        verdict = restore(path, name).stdout.splitlines()[-1]
        assert verdict.startswith("Audit: 0 errors and 0 warnings")
        assert rows_of(name) == before
        assert manage("migrate", "--check", **database_environment(name)).returncode == 0


def test_replaces_and_leaves_chat_alone(database, tmp_path):
    """With pg_dump 18, which writes a setting that PostgreSQL 15 does not know."""
    tools = ["--tools", str(embedded.program("pg_dump").parent)]
    archive = tmp_path / "newer.dump"
    with connect(database) as session:
        session.execute(CHAT.read_text())
    result = manage("backup_db", str(archive), *tools, **database_environment(database))
    assert result.returncode == 0, result.stderr
    before = state_of(database)
    with connect(database) as session:
        session.execute(SPOIL)
        session.execute("INSERT INTO chat.conversations (title) VALUES ('since then')")
    chat = {table: rows for table, rows in rows_of(database).items() if table[0] == "chat"}
    restore(archive, database, "--replace", "--noinput", *tools)
    after = state_of(database)
    for state in (before, after):
        state["chat"] = {t: state["rows"].pop(t) for t in list(state["rows"]) if t[0] == "chat"}
    assert after["chat"] == chat
    del before["chat"]
    assert differences(before, after) == ""


@pytest.fixture
def roles():
    """Two roles, one to own, one to be granted things."""
    administer("CREATE ROLE backup_owner LOGIN", 'CREATE ROLE "Backup reader"')
    yield
    administer("DROP ROLE backup_owner", 'DROP ROLE "Backup reader"')


GRANTS = """
GRANT USAGE ON SCHEMA public TO "Backup reader";
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO "Backup reader";
ALTER DEFAULT PRIVILEGES IN SCHEMA django GRANT SELECT ON SEQUENCES TO "Backup reader";
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
GRANT SELECT, INSERT (email) ON users TO "Backup reader" WITH GRANT OPTION;
GRANT USAGE ON TYPE user_role TO "Backup reader";
REVOKE ALL ON FUNCTION update_updated_at_column() FROM PUBLIC;
ALTER TABLE playlists OWNER TO backup_owner;
-- Looks like rows to who reads scripts by lines alone.
COMMENT ON TABLE rooms IS E'Oh\\nCOPY public.users (id) FROM stdin;\\n\\\\.\\n--';
"""


def test_grants_and_owners(roles, database, tmp_path):
    """Default privileges would grant the reader every recreated table."""
    with connect(database) as session:
        session.execute(GRANTS)
    path = tmp_path / "granted.dump"
    assert manage("backup_db", str(path), **database_environment(database)).returncode == 0
    before = state_of(database)
    with connect(database) as session:
        session.execute(
            "GRANT ALL ON password_reset_tokens TO PUBLIC; DROP TABLE playlists CASCADE"
        )
    restore(path, database, "--replace", "--noinput")
    assert differences(before, state_of(database)) == ""
    with connect(database) as session:
        assert session.execute(
            "SELECT has_table_privilege('Backup reader', 'refresh_tokens', 'SELECT')"
        ).fetchone() == (False,)


DEFINERS_OF_PUBLIC = """
SELECT proname FROM pg_proc, aclexplode(COALESCE(proacl, acldefault('f', proowner)))
WHERE prosecdef AND pronamespace = 'public'::regnamespace AND grantee = 0
"""


def test_missing_roles_are_named_first(database, tmp_path):
    administer("CREATE ROLE backup_gone")
    try:
        with connect(database) as session:
            session.execute("GRANT SELECT ON users TO backup_gone")
            session.execute("CREATE TABLE public.mistake (id int)")
        path = tmp_path / "granted.dump"
        assert manage("backup_db", str(path), **database_environment(database)).returncode == 0
        with connect(database) as session:
            session.execute("DROP OWNED BY backup_gone")
    finally:
        administer("DROP ROLE backup_gone")
    options = ["restore_db", str(path), "--replace", "--noinput"]
    result = manage(*options, **database_environment(database))
    assert result.returncode == 1
    assert "this server has no role backup_gone" in result.stderr
    result = restore(path, database, "--replace", "--noinput", "--no-privileges")
    with connect(database) as session:
        # As in the migration: PUBLIC cannot execute a function with its owner's privileges.
        assert session.execute(DEFINERS_OF_PUBLIC).fetchall() == []
    # The table that does not belong there is restored, and the audit reports it.
    assert re.search(r"Audit: [1-9]\d* errors? and \d+ warnings?: manage.py audit", result.stderr)


MAKE_OWNER = """
DO $$
DECLARE statement text;
BEGIN
    FOR statement IN
        SELECT format('ALTER %s %s OWNER TO backup_owner', identified.type, identified.identity)
        FROM pg_depend JOIN pg_namespace n ON n.oid = refobjid AND nspname IN ('public', 'django'),
            pg_identify_object(classid, objid, 0) AS identified
        WHERE refclassid = 'pg_namespace'::regclass
            AND identified.type IN ('table', 'type', 'function')
            AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = pg_depend.classid
                AND e.objid = pg_depend.objid AND e.deptype = 'e')
    LOOP
        EXECUTE statement;
    END LOOP;
    EXECUTE format('ALTER DATABASE %I OWNER TO backup_owner', current_database());
END $$;
ALTER SCHEMA django OWNER TO backup_owner;
"""


def test_a_role_without_privileges_but_its_own(roles, database, tmp_path):
    """As in production: the role owns what it created, and is not a superuser."""
    with connect(database) as session:
        session.execute(MAKE_OWNER)
        # From here on, every session in this database has that role.
        session.execute(f"ALTER ROLE postgres IN DATABASE {database} SET role = backup_owner")
    path = tmp_path / "owned.dump"
    result = manage("backup_db", str(path), **database_environment(database))
    assert result.returncode == 0, result.stderr
    before = state_of(database)
    with connect(database) as session:
        session.execute("DELETE FROM playlists; DROP TABLE track_likes")
    restore(path, database, "--replace", "--noinput")
    assert differences(before, state_of(database)) == ""


def test_what_a_server_keeps_of_columns_for_itself_is_left_there(database, tmp_path):
    """No server accepts an unknown option, but a pg_dump of another release writes it."""
    path = tmp_path / "options.dump"
    options = "SELECT attname, attoptions FROM pg_attribute WHERE attrelid = 'users'::regclass"
    with connect(database) as session:
        session.execute("ALTER TABLE users ALTER role SET (n_distinct = 5)")
        session.execute(
            "UPDATE pg_attribute SET attoptions = '{internal=1}' || attoptions "
            "WHERE attrelid = 'users'::regclass AND attnum > 0"
        )
    backup = manage("backup_db", str(path), **database_environment(database))
    assert backup.returncode == 0, backup.stderr
    with scratch_database() as name:
        restore(path, name)
        with connect(name) as session:
            rows = dict(session.execute(options).fetchall())
    assert "n_distinct=5" in rows["role"]
    assert not [each for each in rows.values() if "internal=1" in (each or [])]
