"""What `manage.py sync_roles` refuses: it says why, and changes nothing."""

import re

import psycopg
import pytest
from psycopg import sql

from tests.read_role.roles import PASSWORD, grants
from tests.support import (
    administer,
    database_url,
    is_one_clear_line,
    scratch_database,
    server_parameters,
)
from veza_site.read_role import ReadRoleError
from veza_site.read_role.sync import sync as synchronize
from veza_site.read_role.wanted import COMMENT, ReadRole

pytestmark = pytest.mark.django_db


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
