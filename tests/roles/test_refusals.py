"""What `manage.py sync_roles` refuses: it says why, and changes nothing."""

import re

import psycopg
import pytest
from psycopg import sql

from tests.roles.roles import PASSWORD, grants
from tests.support import (
    administer,
    database_url,
    is_one_clear_line,
    scratch_database,
    server_parameters,
)
from veza_site.roles import RoleError
from veza_site.roles.proof import UNBOUNDED
from veza_site.roles.sync import sync as synchronize
from veza_site.roles.wanted import READER, WRITER, LoginRole

pytestmark = pytest.mark.django_db


#: What others grant to the role, and its name in the message; {public} is PUBLIC, or a group.
GIVEN = [
    ("GRANT SELECT ON users TO PUBLIC", "SELECT public.users.password_hash"),
    ("GRANT SELECT (password_hash) ON users TO PUBLIC", "SELECT public.users.password_hash"),
    ("GRANT INSERT ON rooms TO PUBLIC", "INSERT public.rooms.id"),
    ("GRANT TRUNCATE ON rooms TO PUBLIC", "TRUNCATE public.rooms"),
    ("GRANT SELECT ON django.django_session TO PUBLIC", "SELECT django.django_session.session_key"),
    ("GRANT CREATE ON SCHEMA public TO PUBLIC", "create in schema public"),
    ("GRANT CREATE ON DATABASE {database} TO PUBLIC", "create in database"),
    ("CREATE VIEW rich AS SELECT password_hash FROM users; GRANT SELECT ON rich TO PUBLIC",
     "SELECT public.rich.password_hash"),
    ("CREATE MATERIALIZED VIEW rich AS SELECT password_hash FROM users;"
     " GRANT SELECT ON rich TO PUBLIC", "SELECT public.rich.password_hash"),
    ("CREATE SCHEMA other; CREATE TABLE other.secrets (word text);"
     " GRANT USAGE ON SCHEMA other TO PUBLIC; GRANT SELECT ON other.secrets TO PUBLIC",
     "SELECT other.secrets.word"),
    ("CREATE TABLE parts (id int) PARTITION BY LIST (id); GRANT DELETE ON parts TO PUBLIC",
     "DELETE public.parts"),
    ("CREATE FUNCTION hash_of(text) RETURNS text LANGUAGE sql SECURITY DEFINER"
     " AS 'SELECT password_hash FROM users WHERE username = $1'",
     "call hash_of(text), which runs as"),
    ("CREATE FUNCTION any_file(text) RETURNS text LANGUAGE internal AS 'pg_read_file_all'",
     "call any_file(text), whose language is not trusted"),
    ("GRANT CREATE ON DATABASE postgres TO PUBLIC", "create in database postgres"),
    ("CREATE SEQUENCE counted; GRANT USAGE ON SEQUENCE counted TO PUBLIC",
     "use sequence public.counted"),
    ("GRANT EXECUTE ON FUNCTION pg_read_file(text) TO PUBLIC", "call pg_read_file(text)"),
    ("GRANT SELECT ON pg_authid TO PUBLIC", "SELECT pg_catalog.pg_authid"),
    ("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC",
     "(ALTER DEFAULT PRIVILEGES)"),
    ("SELECT lo_create(4711); GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC",
     "use large object 4711"),
    ("GRANT SELECT (rolpassword) ON pg_authid TO PUBLIC",
     "SELECT pg_catalog.pg_authid.rolpassword"),
    ("GRANT UPDATE (prosrc) ON pg_proc TO PUBLIC", "UPDATE pg_catalog.pg_proc.prosrc"),
    ("GRANT SELECT ON pg_largeobject TO PUBLIC", "SELECT pg_catalog.pg_largeobject"),
    ("GRANT UPDATE ON information_schema.sql_features TO PUBLIC",
     "UPDATE information_schema.sql_features"),
    ("GRANT REFERENCES (id) ON users TO PUBLIC", "REFERENCES public.users.id"),
    ("GRANT TRIGGER ON users TO PUBLIC", "TRIGGER public.users"),
    ("GRANT UPDATE ON SEQUENCE django.django_migrations_id_seq TO PUBLIC",
     "use sequence django.django_migrations_id_seq"),
    ("GRANT SET ON PARAMETER log_statement TO PUBLIC", "set log_statement"),
    ("CREATE FOREIGN DATA WRAPPER far; GRANT USAGE ON FOREIGN DATA WRAPPER far TO PUBLIC",
     "use foreign-data wrapper far"),
    ("CREATE FOREIGN DATA WRAPPER far; CREATE SERVER away FOREIGN DATA WRAPPER far;"
     " GRANT USAGE ON FOREIGN SERVER away TO PUBLIC", "use foreign server away"),
    ("CREATE FOREIGN DATA WRAPPER far; CREATE SERVER away FOREIGN DATA WRAPPER far;"
     " CREATE FOREIGN TABLE afar (word text) SERVER away; GRANT SELECT ON afar TO PUBLIC",
     "SELECT public.afar.word"),
    ("GRANT CREATE ON TABLESPACE pg_default TO PUBLIC", "create in tablespace pg_default"),
    ("CREATE PROCEDURE emptied() LANGUAGE sql SECURITY DEFINER AS 'TRUNCATE rooms'",
     "call emptied(), which runs as"),
    ("CREATE ROLE {role}_giver; GRANT SELECT (id) ON users TO {role}_giver WITH GRANT OPTION;"
     " CREATE ROLE {role}; COMMENT ON ROLE {role} IS '{comment}'; SET ROLE {role}_giver;"
     " GRANT SELECT (id) ON users TO {role} WITH GRANT OPTION; RESET ROLE",
     "give SELECT on users.id to others"),
]  # fmt: skip


@pytest.fixture
def undone(owner):
    """The owner's session, in a transaction that is rolled back."""
    with owner.transaction(force_rollback=True):
        yield owner


@pytest.fixture
def copied(migrated, django_db_blocker, role):
    """The owner's session, in a separate database with a separate role."""
    with (
        django_db_blocker.unblock(),
        scratch_database(f"TEMPLATE {migrated}") as name,
        psycopg.connect(**server_parameters(), dbname=name, autocommit=True) as owner,
    ):
        yield owner
        owner.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))


def make(owner, role, kind=READER, **options):
    wanted = LoginRole(kind, role, PASSWORD, owner.info.dbname)
    return synchronize(owner, wanted, dry_run=False, **options)


#: Privileges that the role that writes has anyway, because it signs people in.
SIGN_IN = ("SELECT public.users.password_hash", "SELECT django.django_session.session_key")


@pytest.mark.parametrize(
    ("kind", "grant", "words"),
    [
        *((READER, *given) for given in GIVEN),
        *((WRITER, *given) for given in GIVEN if given[1] not in SIGN_IN),
    ],
)
def test_grants_by_others_are_named(undone, role, kind, grant, words):
    names = {"database": undone.info.dbname, "role": role, "comment": kind.comment}
    for name, value in names.items():
        grant = grant.replace(f"{{{name}}}", value)
    undone.execute(grant)
    before = grants(undone, role)
    with pytest.raises(RoleError, match=re.escape(words)):
        make(undone, role, kind, revoke_from_public=True)
    assert grants(undone, role) == before, "nothing was changed"


def test_the_right_to_lock_and_rewrite_tables(undone, role):
    # A privilege since PostgreSQL 17; before, only the owner could do this.
    right = "MAINTAIN" if undone.info.server_version >= 170000 else "TRIGGER"
    undone.execute(f"GRANT {right} ON users TO PUBLIC")
    with pytest.raises(RoleError, match=rf"{right} public\.users"):
        make(undone, role, revoke_from_public=True)


def test_a_dry_run_says_nothing_only_where_nothing_is_wrong(sync, owner):
    sync()
    assert sync(dry_run=True) == []
    with owner.transaction(force_rollback=True):
        owner.execute("GRANT DELETE ON rooms TO PUBLIC")
        with pytest.raises(RoleError, match=r"DELETE public\.rooms"):
            sync(dry_run=True)


def test_what_each_database_gives_everybody(copied, role):
    """Temporary tables, large objects, our locks: reported, accepted, or revoked from PUBLIC."""
    harmful = ["temporary tables", "large objects", "stop migrate by its advisory lock"]
    with pytest.raises(RoleError) as refusal:
        make(copied, role)
    assert all(words in str(refusal.value) for words in harmful)
    with pytest.raises(RoleError) as refusal:
        make(copied, role, accepted=["temporary-tables", "large-objects"])
    assert [words in str(refusal.value) for words in harmful] == [False, False, True]
    assert make(copied, role, accepted=[thing.name for thing in UNBOUNDED])
    place = {**server_parameters(), "dbname": copied.info.dbname}
    attacks = ["SELECT pg_advisory_lock(1986362977)", "SELECT pg_try_advisory_xact_lock(1, 2)",
               "SELECT lo_create(0)", "SELECT lo_from_bytea(0, 'x')", "SELECT lo_get(1)",
               "CREATE TEMPORARY TABLE much (id int)"]  # fmt: skip
    assert make(copied, role, revoke_from_public=True)
    for attack in attacks:
        with psycopg.connect(**{**place, "user": role}, password=PASSWORD) as session:
            session.execute("SET default_transaction_read_only = off; COMMIT")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(attack)
    assert make(copied, role) == []


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("ALTER ROLE {role} SUPERUSER", "is a superuser"),
        ("ALTER ROLE {role} CREATEROLE", "attribute of an administrator"),
        ("GRANT pg_read_all_data TO {role}", "is a member of pg_read_all_data"),
        ("GRANT pg_write_all_data TO {role} WITH ADMIN OPTION", "is a member of"),
        ("ALTER ROLE {role} BYPASSRLS", "attribute of an administrator"),
        ("ALTER ROLE {role} REPLICATION", "attribute of an administrator"),
        ("ALTER ROLE {role} VALID UNTIL '2020-01-01'", "may not connect"),
        ("ALTER ROLE {role} CONNECTION LIMIT 0", "may not connect"),
        ("ALTER TABLE rooms OWNER TO {role}", "owns objects"),
        ("COMMENT ON ROLE {role} IS 'the Go API'", "was not created by this command"),
    ],
)
def test_a_role_with_more_privileges_is_left_alone(sync, owner, role, damage, words):
    sync()
    owner.execute(sql.SQL(damage).format(role=sql.Identifier(role)))
    before = grants(owner, role)
    try:
        with pytest.raises(RoleError, match=words):
            sync()
        assert grants(owner, role) == before
    finally:
        owner.execute("ALTER TABLE rooms OWNER TO CURRENT_USER")


def test_an_existing_role_may_be_given_over(sync, owner, role, as_role):
    owner.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
    with pytest.raises(RoleError, match="COMMENT ON ROLE"):
        sync()
    owner.execute(
        sql.SQL("COMMENT ON ROLE {} IS {}").format(
            sql.Identifier(role), sql.Literal(READER.comment)
        )
    )
    sync()
    assert as_role("SELECT username FROM users") == [("alice",)]


def test_what_is_wrong_is_one_line(command, database, role):
    me = server_parameters()["user"]
    for url, words in [
        ("", "neither DATABASE_SUPPORT_URL nor DATABASE_WEB_URL is set"),
        (database_url("another", user=role), "names database another"),
        (database_url(database, user=me), "the role of DATABASE_URL"),
        ("nonsense", "DATABASE_SUPPORT_URL is not a URL"),
    ]:
        result = command(DATABASE_SUPPORT_URL=url)
        assert is_one_clear_line(result), result.stderr
        assert words in result.stderr


def test_a_database_that_is_not_migrated(role):
    with (
        scratch_database() as empty,
        psycopg.connect(**server_parameters(), dbname=empty, autocommit=True) as owner,
        pytest.raises(RoleError, match="migrate first"),
    ):
        synchronize(owner, LoginRole(READER, role, PASSWORD, empty), dry_run=False)


def test_without_the_privilege_to_create_roles(command, database, role):
    weak = f"{role}_weak"
    administer(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(weak)))
    try:
        result = command(DATABASE_URL=database_url(database, user=weak))
        assert is_one_clear_line(result), result.stderr
        assert "CREATEROLE" in result.stderr
    finally:
        administer(sql.SQL("DROP ROLE {}").format(sql.Identifier(weak)))
