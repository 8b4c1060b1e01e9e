"""`manage.py sync_roles` creates and repairs the roles."""

import re

import psycopg
import pytest
from psycopg import sql

from tests.clusters import running_cluster
from tests.roles.roles import DENIED, grants
from veza_core.db import embedded
from veza_core.secret_columns import SECRET_COLUMNS
from veza_site.roles.sync import sync as synchronize
from veza_site.roles.wanted import READER, LoginRole, tables

pytestmark = pytest.mark.django_db


def test_the_command(command, as_role, role):
    result = command()
    assert result.returncode == 0, result.stderr
    assert f"Role {role} is up to date now: " in result.stdout
    told = f"{role} may connect to other databases of this server, and use what is granted to "
    assert told in result.stderr, "such as postgres and template1, as everybody may"
    assert as_role("SELECT username FROM users") == [("alice",)]


def test_a_second_run_changes_nothing(sync, owner, role):
    assert sync()
    before = grants(owner, role)
    assert len(before) > 28
    assert sync() == []
    assert grants(owner, role) == before


def test_dry_run(command, owner, as_role, role):
    result = command("--dry-run")
    assert result.returncode == 0, result.stderr
    assert "s3cret" not in result.stdout + result.stderr
    verifier = re.search(f"CREATE ROLE \"{role}\" LOGIN NOINHERIT PASSWORD '(.+)'", result.stdout)
    assert verifier[1].startswith("SCRAM-SHA-256$4096:"), "what is run sets the right password"
    assert grants(owner, role) == set()
    owner.execute(result.stdout)
    assert as_role("SELECT username FROM users") == [("alice",)]
    with pytest.raises(DENIED):
        as_role("SELECT password_hash FROM users")
    assert "CREATE ROLE" not in command("--dry-run").stdout


@pytest.mark.parametrize(
    "damage",
    [
        "GRANT SELECT ON users TO {role}",
        "GRANT SELECT (password_hash) ON users TO {role}",
        "GRANT UPDATE (is_banned) ON users TO {role}",
        "GRANT ALL ON ALL TABLES IN SCHEMA public, django TO {role}",
        "GRANT CREATE ON SCHEMA public TO {role}",
        "GRANT CREATE, TEMPORARY ON DATABASE postgres TO {role}",
        "REVOKE SELECT (email) ON users FROM {role}",
        "REVOKE SELECT ON tracks FROM {role}",
        "REVOKE USAGE ON SCHEMA django FROM {role}",
        "ALTER ROLE {role} IN DATABASE {database} SET default_transaction_read_only = off",
        "ALTER ROLE {role} IN DATABASE {database} RESET statement_timeout",
        "ALTER ROLE {role} NOLOGIN",
        "ALTER ROLE {role} INHERIT",
        "ALTER ROLE {role} IN DATABASE {database} SET search_path = pg_catalog",
        "ALTER ROLE {role} SET statement_timeout = 0",
        "GRANT EXECUTE ON FUNCTION pg_read_file(text), lo_create(oid) TO {role}",
        "GRANT TEMPORARY, CREATE ON DATABASE {database} TO {role}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {role}",
        "ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO {role}",
        "GRANT SELECT ON tracks TO {role} WITH GRANT OPTION",
        "GRANT SELECT (email) ON users TO {role} WITH GRANT OPTION;"
        " SET ROLE {role}; GRANT SELECT (email) ON users TO PUBLIC; RESET ROLE",
        "GRANT USAGE ON SCHEMA public TO {role} WITH GRANT OPTION",
        "GRANT SELECT (rolpassword) ON pg_authid TO {role}",
        "GRANT USAGE ON SCHEMA pg_toast TO {role}",
        "GRANT CREATE ON TABLESPACE pg_default TO {role}",
        "GRANT SET ON PARAMETER log_statement TO {role}",
        "GRANT USAGE ON LANGUAGE plpgsql TO {role}",
        "GRANT USAGE ON TYPE user_role TO {role}",
        "CREATE FOREIGN DATA WRAPPER far; CREATE SERVER away FOREIGN DATA WRAPPER far;"
        " GRANT USAGE ON FOREIGN SERVER away TO {role};"
        " GRANT USAGE ON FOREIGN DATA WRAPPER far TO {role}",
    ],
)
def test_repair(sync, owner, role, database, damage):
    sync()
    right = grants(owner, role)
    names = {"role": sql.Identifier(role), "database": sql.Identifier(database)}
    owner.execute(sql.SQL(damage).format(**names))
    assert grants(owner, role) != right
    assert sync()
    assert grants(owner, role) == right


def test_it_may_connect_and_gives_that_to_nobody(sync, owner, role, database):
    """Also if PUBLIC may not connect; a second run then has nothing to do."""
    sync()
    names = {"role": sql.Identifier(role), "database": sql.Identifier(database)}
    giving = "GRANT CONNECT ON DATABASE {database} TO {role} WITH GRANT OPTION"
    owner.execute(sql.SQL(giving).format(**names))
    sync()
    acl = "SELECT datacl::text FROM pg_database WHERE datname = current_database()"
    assert f"{role}=c/" in owner.execute(acl).fetchone()[0]
    with owner.transaction(force_rollback=True):
        owner.execute(
            sql.SQL(
                "REVOKE CONNECT ON DATABASE {database} FROM PUBLIC;"
                "REVOKE CONNECT ON DATABASE {database} FROM {role}"
            ).format(**names)
        )
        assert len(sync()) == 1
        assert sync() == []


def test_grants_of_others_are_never_touched(sync, owner, role):
    other = f"{role}_api"
    owner.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(other)))
    try:
        owner.execute(
            sql.SQL("GRANT SELECT, INSERT, UPDATE ON users TO {}").format(sql.Identifier(other))
        )
        before = owner.execute("SELECT relacl::text FROM pg_class WHERE relname = 'users'")
        acl = before.fetchone()[0]
        sync()
        after = owner.execute("SELECT relacl::text FROM pg_class WHERE relname = 'users'")
        assert after.fetchone()[0] == acl
    finally:
        owner.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(other)))
        owner.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(other)))


def test_the_password():
    """On a server that requires one: it is set, kept while it is correct, and repaired."""
    with running_cluster(
        embedded.program("pg_ctl").parent, auth="scram-sha-256", password="owner"
    ) as home:
        server = {"host": str(home), "dbname": "postgres"}

        def count(password):
            with psycopg.connect(**server, user="support", password=password) as session:
                return session.execute("SELECT count(*) FROM users").fetchall()

        # As in a URL with several servers. The role's own sessions are read-only.
        writes = {"target_session_attrs": "read-write", "autocommit": True}
        with psycopg.connect(**server, user="postgres", password="owner", **writes) as owner:
            owner.execute("CREATE SCHEMA django")
            for schema, table in tables():
                names = ["id", *SECRET_COLUMNS.get(table, ())]
                columns = sql.SQL(" text, ").join(map(sql.Identifier, names))
                name = sql.Identifier(schema, table)
                owner.execute(sql.SQL("CREATE TABLE {} ({} text)").format(name, columns))

            def synchronized(password):
                role = LoginRole(READER, "support", password, "postgres")
                return synchronize(owner, role, dry_run=False, revoke_from_public=True)

            assert synchronized("one's own")
            assert count("one's own") == [(0,)]
            assert not synchronized("one's own")
            [statement] = synchronized("another")
            assert statement.startswith('ALTER ROLE "support" LOGIN NOINHERIT PASSWORD')
            assert "another" not in statement
            assert count("another") == [(0,)]
            with pytest.raises(psycopg.OperationalError):
                count("one's own")
