"""`manage.py sync_roles`: what the role can read is proven by being it."""

import re
import uuid

import psycopg
import pytest
from psycopg import sql

from tests.clusters import running_cluster
from tests.support import (
    administer,
    database_environment,
    database_url,
    is_one_clear_line,
    manage,
    scratch_database,
    server_parameters,
)
from veza_core.db import embedded
from veza_core.secret_columns import SECRET_COLUMNS
from veza_site.read_role import ReadRoleError
from veza_site.read_role.sync import sync as synchronize
from veza_site.read_role.wanted import COMMENT, ReadRole, tables

pytestmark = pytest.mark.django_db

DENIED = psycopg.errors.InsufficientPrivilege
SECRETS = [(table, column) for table, columns in SECRET_COLUMNS.items() for column in columns]


@pytest.fixture(scope="module")
def database(django_db_setup, django_db_blocker):
    """A migrated database with a user in it."""
    with django_db_blocker.unblock(), scratch_database() as name:
        assert manage("migrate", **database_environment(name)).returncode == 0
        with psycopg.connect(**server_parameters(), dbname=name) as owner:
            owner.execute(
                "INSERT INTO users (email, username, password_hash) "
                "VALUES ('a@example.com', 'alice', 's3cret')"
            )
        yield name


@pytest.fixture
def role(database):
    """A role's name; what has become of it is dropped."""
    name = f"support_{uuid.uuid4().hex[:12]}"
    yield name
    with psycopg.connect(**server_parameters(), dbname=database, autocommit=True) as owner:
        if owner.execute("SELECT FROM pg_roles WHERE rolname = %s", [name]).rowcount:
            owner.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
            owner.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


PASSWORD = "s3cret pw"


@pytest.fixture
def sync(owner, database, role):
    """What the command calls: gives the statements."""

    def run(*, dry_run=False):
        return synchronize(owner, ReadRole(role, PASSWORD, database), dry_run=dry_run)

    return run


@pytest.fixture
def command(database, role):
    """The command itself, in a process of its own."""

    def run(*arguments, **environment):
        url = database_url(database, user=role, password=PASSWORD)
        defaults = {**database_environment(database), "DATABASE_SUPPORT_URL": url}
        return manage("sync_roles", *arguments, **{**defaults, **environment})

    return run


@pytest.fixture
def as_role(database, role):
    """Run one statement as the role, over a session of its own."""

    def run(statement, *settings):
        parameters = {**server_parameters(), "dbname": database, "user": role}
        with psycopg.connect(**parameters, password=PASSWORD) as session:
            for setting in settings:
                session.execute(setting)
            return session.execute(statement).fetchall()

    return run


@pytest.fixture
def owner(database):
    with psycopg.connect(**server_parameters(), dbname=database, autocommit=True) as session:
        yield session


def grants(owner, role):
    """All that the catalog says of a role, as a set."""
    rows = owner.execute(
        "SELECT relname, unnest(relacl)::text FROM pg_class "
        "UNION ALL SELECT attrelid::regclass || attname, unnest(attacl)::text FROM pg_attribute "
        "UNION ALL SELECT nspname, unnest(nspacl)::text FROM pg_namespace "
        "UNION ALL SELECT rolname || ' can log in', rolname FROM pg_roles WHERE rolcanlogin "
        "UNION ALL SELECT unnest(setconfig), setrole::regrole::text FROM pg_db_role_setting"
    )
    return {row for row in rows if role in row[1]}


def test_the_command(command, as_role, role):
    result = command()
    assert result.returncode == 0, result.stderr
    assert f"Role {role} is as it should be now: " in result.stdout
    assert as_role("SELECT username FROM users") == [("alice",)]


def test_what_it_reads(sync, as_role):
    assert sync()
    assert as_role("SELECT username, email, role, token_version FROM users") == [
        ("alice", "a@example.com", "user", 0)
    ]
    assert as_role("SELECT count(*) FROM users") == [(1,)]
    assert as_role("SELECT count(*) FROM tracks") == [(0,)]
    assert as_role("SELECT count(*) FROM django.veza_site_stafflogentry") == [(0,)]
    assert as_role("SELECT current_setting('default_transaction_read_only')") == [("on",)]
    assert as_role("SELECT current_setting('statement_timeout')") == [("10s",)]


@pytest.mark.parametrize(("table", "column"), SECRETS)
def test_secrets_are_refused(sync, as_role, table, column):
    sync()
    for statement in (
        f"SELECT {column} FROM {table}",
        f"SELECT * FROM {table}",
        f"SELECT t FROM {table} t",
        f"SELECT to_jsonb(t) FROM {table} t",
        f"SELECT id FROM {table} WHERE {column} LIKE 's%'",
        f"SELECT id FROM {table} ORDER BY {column}",
        f"SELECT count({column}) FROM {table}",
        f"COPY {table} TO STDOUT",
        f"SELECT u.id FROM users u JOIN {table} t ON t.{column} = u.username",
    ):
        with pytest.raises(DENIED):
            as_role(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO users (email, username) VALUES ('b@example.com', 'bob')",
        "UPDATE users SET is_banned = true",
        "DELETE FROM users",
        "TRUNCATE users",
        "SELECT id FROM users FOR UPDATE",
        "UPDATE tracks SET title = ''",
        "INSERT INTO django.veza_site_note DEFAULT VALUES",
        "CREATE TABLE public.mine (id int)",
        "CREATE TABLE django.mine (id int)",
        "SELECT * FROM django.django_session",
        "SELECT * FROM django.otp_totp_totpdevice",
        "SELECT * FROM django.otp_static_statictoken",
        "SELECT * FROM django.axes_accessattempt",
        "SELECT pg_read_file('/etc/passwd')",
    ],
)
def test_all_else_is_refused_even_where_it_asks_to_write(sync, as_role, statement):
    """`default_transaction_read_only` is a default, that a session may change: grants decide."""
    sync()
    with pytest.raises(DENIED):
        as_role(statement, "SET transaction_read_only = off")


def test_nothing_is_written_by_mistake(sync, as_role):
    sync()
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        as_role("CREATE TEMP TABLE mine (id int)")


def test_again_changes_nothing(sync, owner, role):
    assert sync()
    before = grants(owner, role)
    assert len(before) > 28
    assert sync() == []
    assert grants(owner, role) == before


def test_dry_run(command, owner, as_role, role):
    result = command("--dry-run")
    assert result.returncode == 0, result.stderr
    assert "s3cret" not in result.stdout + result.stderr
    assert f'CREATE ROLE "{role}" LOGIN NOINHERIT PASSWORD' in result.stdout
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
        "REVOKE SELECT (email) ON users FROM {role}",
        "REVOKE SELECT ON tracks FROM {role}",
        "REVOKE USAGE ON SCHEMA django FROM {role}",
        "ALTER ROLE {role} IN DATABASE {database} SET default_transaction_read_only = off",
        "ALTER ROLE {role} IN DATABASE {database} RESET statement_timeout",
        "ALTER ROLE {role} NOLOGIN",
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


@pytest.mark.parametrize(
    ("grant", "words"),
    [
        ("GRANT SELECT ON users TO PUBLIC", "can read public.users.password_hash all the same"),
        ("GRANT INSERT ON rooms TO PUBLIC", "can write to public.rooms"),
        ("GRANT SELECT ON django.django_session TO PUBLIC", "can read django.django_session"),
        ("GRANT CREATE ON SCHEMA public TO PUBLIC", "can write to schema public"),
    ],
)
def test_what_public_may_is_said_and_not_revoked(sync, owner, role, grant, words):
    owner.execute(grant)
    try:
        with pytest.raises(ReadRoleError, match=re.escape(words)):
            sync()
        assert grants(owner, role) == set(), "nothing was changed"
    finally:
        owner.execute(grant.replace("GRANT", "REVOKE").replace(" TO ", " FROM "))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("ALTER ROLE {role} SUPERUSER", "is a superuser"),
        ("ALTER ROLE {role} CREATEROLE", "attribute of an administrator"),
        ("GRANT pg_read_all_data TO {role}", "is a member of pg_read_all_data"),
        ("ALTER TABLE rooms OWNER TO {role}", "owns something"),
        ("COMMENT ON ROLE {role} IS 'the Go API'", "was not made by this command"),
    ],
)
def test_a_role_that_is_more_than_that_is_left_alone(sync, owner, role, damage, words):
    sync()
    owner.execute(sql.SQL(damage).format(role=sql.Identifier(role)))
    before = grants(owner, role)
    try:
        with pytest.raises(ReadRoleError, match=words):
            sync()
        assert grants(owner, role) == before
    finally:
        owner.execute("ALTER TABLE rooms OWNER TO CURRENT_USER")


ADMIN_READS = """
from veza_core.models import User
from veza_streaming.models import Track
from django.contrib import admin
from django.db import DatabaseError
alias = admin.site.read_alias
user = User.objects.using(alias).defer("password").get()
print(alias, user.username, user._state.db, user.tracks.count())
for refused in (
    lambda: user.password,
    lambda: User.objects.using(alias).get(),
    lambda: User.objects.using(alias).update(is_banned=True),
):
    try:
        refused()
    except DatabaseError as error:
        print(type(error.__cause__).__name__)
user.is_verified = True
user.save(update_fields=["is_verified"])
Track(user=user, title="x", file_path="x").save()
print(User.objects.defer("password").get().is_verified, user.tracks.count())
"""


def test_the_admin_reads_over_it_and_writes_over_the_other(command, owner, database, role):
    assert command().returncode == 0
    result = manage(
        "shell",
        "--verbosity=0",
        "--command",
        ADMIN_READS,
        **database_environment(database),
        DATABASE_SUPPORT_URL=database_url(database, user=role, password=PASSWORD),
    )
    owner.execute("DELETE FROM tracks; UPDATE users SET is_verified = false")
    assert result.stdout.splitlines() == [
        "support alice support 0",
        "InsufficientPrivilege",
        "InsufficientPrivilege",
        "ReadOnlySqlTransaction",
        "True 1",
    ], result.stderr


def test_an_existing_role_may_be_given_over(sync, owner, role, as_role):
    owner.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
    with pytest.raises(ReadRoleError, match="COMMENT ON ROLE"):
        sync()
    owner.execute(
        sql.SQL("COMMENT ON ROLE {} IS {}").format(sql.Identifier(role), sql.Literal(COMMENT))
    )
    sync()
    assert as_role("SELECT username FROM users") == [("alice",)]


def test_what_is_wrong_is_one_line(command, database, role):
    me = server_parameters()["user"]
    for url, words in [
        ("", "DATABASE_SUPPORT_URL is not set"),
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
        pytest.raises(ReadRoleError, match="migrate first"),
    ):
        synchronize(owner, ReadRole(role, PASSWORD, empty), dry_run=False)


def test_without_the_right_to_make_roles(command, database, role):
    weak = f"{role}_weak"
    administer(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(weak)))
    try:
        result = command(DATABASE_URL=database_url(database, user=weak))
        assert is_one_clear_line(result), result.stderr
        assert "CREATEROLE" in result.stderr
    finally:
        administer(sql.SQL("DROP ROLE {}").format(sql.Identifier(weak)))


def test_the_password():
    """On a server that asks for one: it is set, kept while it fits, and mended."""
    with running_cluster(
        embedded.program("pg_ctl").parent, auth="scram-sha-256", password="owner"
    ) as home:
        server = {"host": str(home), "dbname": "postgres"}

        def count(password):
            with psycopg.connect(**server, user="support", password=password) as session:
                return session.execute("SELECT count(*) FROM users").fetchall()

        with psycopg.connect(**server, user="postgres", password="owner", autocommit=True) as owner:
            owner.execute("CREATE SCHEMA django")
            for schema, table in tables():
                names = ["id", *SECRET_COLUMNS.get(table, ())]
                columns = sql.SQL(" text, ").join(map(sql.Identifier, names))
                name = sql.Identifier(schema, table)
                owner.execute(sql.SQL("CREATE TABLE {} ({} text)").format(name, columns))
            assert synchronize(owner, ReadRole("support", "one's own", "postgres"), dry_run=False)
            assert count("one's own") == [(0,)]
            assert not synchronize(
                owner, ReadRole("support", "one's own", "postgres"), dry_run=False
            )
            [statement] = synchronize(
                owner, ReadRole("support", "another", "postgres"), dry_run=False
            )
            assert statement.startswith('ALTER ROLE "support" LOGIN PASSWORD')
            assert "another" not in statement
            assert count("another") == [(0,)]
            with pytest.raises(psycopg.OperationalError):
                count("one's own")
