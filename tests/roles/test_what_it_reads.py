"""What the role of `manage.py sync_roles` can read, tested as this role."""

import psycopg
import pytest

from tests.roles.roles import DENIED, PASSWORD
from tests.support import database_environment, database_url, manage
from veza_core.secret_columns import SECRET_COLUMNS

pytestmark = pytest.mark.django_db


SECRETS = [
    (table, column) for table, columns in SECRET_COLUMNS.items() for column in sorted(columns)
]


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
        "SELECT * FROM django.veza_site_attemptcount",
        "SELECT * FROM django.veza_site_staffsession",
        "SELECT pg_read_file('/etc/passwd')",
    ],
)
def test_all_else_is_refused_even_where_it_asks_to_write(sync, as_role, statement):
    """A session can change `default_transaction_read_only`, so the grants decide."""
    sync()
    with pytest.raises(DENIED):
        as_role(statement, "SET transaction_read_only = off")


def test_nothing_is_written_by_mistake(sync, as_role):
    sync()
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        as_role("CREATE TEMP TABLE mine (id int)")


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
