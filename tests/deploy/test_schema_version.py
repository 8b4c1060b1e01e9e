"""The schema's version: who can read it, when it is written, and what does not remove it."""

import re
import uuid

import psycopg
import pytest
from django.conf import settings
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from tests import in_process
from tests.support import (
    administer,
    database_environment,
    database_url,
    is_one_clear_line,
    manage,
    manage_process,
    running_manage,
    scratch_database,
    server_parameters,
)
from veza_core.db.schema_version import (
    Version,
    comment_of,
    declared_version,
    read_version,
    write_version,
)
from veza_core.operations.reset import empty_schemas

pytestmark = pytest.mark.django_db

VERSION = str(declared_version())
COMMENT = "SELECT obj_description('public'::regnamespace, 'pg_namespace')"
#: The last migration of `public`.
_NAMES = [name for _, name in MigrationLoader(None).disk_migrations]
LAST = f"name = '{max(name for name in _NAMES if re.match('9[0-9]{2}_', name))}'"
#: The query of services in docs/services.md.
[ASKED] = re.findall(
    r"^    (SELECT substring\(obj_description.*)$",
    (settings.BASE_DIR / "docs/services.md").read_text("utf-8"),
    re.M,
)


def execute(name, *statements):
    with psycopg.connect(**server_parameters(), dbname=name, autocommit=True) as session:
        cursor = None
        for statement in statements:
            cursor = session.execute(statement)
        return cursor.fetchall() if cursor and cursor.description else None


@pytest.fixture
def copy(migrated):
    with scratch_database(f"TEMPLATE {migrated}") as name:
        yield name


@pytest.fixture
def role():
    name = f"role_{uuid.uuid4().hex}"
    administer(f"CREATE ROLE {name} LOGIN")
    yield name
    administer(f"DROP ROLE {name}")


def migrate(name, *arguments):
    return manage("migrate", *arguments, **database_environment(name))


def test_any_role_reads_it_without_a_grant(copy, role):
    execute(copy, "REVOKE ALL ON SCHEMA public FROM PUBLIC", f"SET ROLE {role}")
    assert execute(copy, f"SET ROLE {role}", ASKED) == [(VERSION,)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(copy, f"SET ROLE {role}", "SELECT FROM public.users")


def test_not_before_all_of_it_is_there():
    with scratch_database() as name:
        first = migrate(name, "veza_core", "010")
        assert "schema public: " in first.stdout
        assert execute(name, ASKED) == [(None,)]
        last = migrate(name)
        assert f"schema public {VERSION}: " in last.stdout
        assert execute(name, ASKED) == [(VERSION,)]


REFUSE = """
CREATE FUNCTION trap.refuse() RETURNS event_trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no comment'; END $$
"""


def test_it_is_committed_with_the_last_migration_or_neither(copy):
    execute(
        copy,
        "COMMENT ON SCHEMA public IS NULL",
        f"DELETE FROM django.django_migrations WHERE {LAST}",
        "CREATE SCHEMA trap",
        REFUSE,
        "CREATE EVENT TRIGGER trap ON ddl_command_start WHEN TAG IN ('COMMENT') "
        "EXECUTE FUNCTION trap.refuse()",
    )
    recorded = f"SELECT count(*) FROM django.django_migrations WHERE {LAST}"
    result = migrate(copy, "--fake")
    assert is_one_clear_line(result), result.stderr
    assert (execute(copy, recorded), execute(copy, ASKED)) == ([(0,)], [(None,)])
    execute(copy, "DROP EVENT TRIGGER trap")
    assert migrate(copy, "--fake").returncode == 0
    assert (execute(copy, recorded), execute(copy, ASKED)) == ([(1,)], [(VERSION,)])


@pytest.mark.process
def test_a_lock_on_the_schema_rolls_both_back_and_both_are_tried_again(copy):
    forget = f"DELETE FROM django.django_migrations WHERE {LAST}"
    execute(copy, forget, "COMMENT ON SCHEMA public IS NULL")
    arguments = ("migrate", "--fake", "--lock-timeout", "0.2", "--no-audit")
    with psycopg.connect(**server_parameters(), dbname=copy) as session:
        session.execute("COMMENT ON SCHEMA public IS 'held'")
        with running_manage(*arguments, **database_environment(copy)) as process:
            assert any("lock timeout, rolled back" in line for line in process.stderr)
            session.rollback()
            assert process.wait(60) == 0
    assert execute(copy, ASKED) == [(VERSION,)]


def test_somebody_elses_comment_stays_and_a_lost_version_is_written_again(copy):
    theirs = "Veza schema: ask the platform team\nVeza schema of 28 tables"
    execute(copy, f"COMMENT ON SCHEMA public IS '{theirs}'")
    audit = manage("audit_schema", "--rule", "drift", **database_environment(copy))
    assert f"schema public: version was {VERSION}, is none" in " ".join(audit.stdout.split())
    assert "Nothing to do" in migrate(copy).stdout
    assert execute(copy, COMMENT) == [(f"{theirs}\n{comment_of(VERSION)}",)]
    assert execute(copy, ASKED) == [(VERSION,)]
    execute(copy, "ALTER TABLE users RENAME TO people")
    assert VERSION in manage("status", **database_environment(copy)).stdout


def test_an_emptied_schema_has_no_version(copy):
    execute(copy, f"COMMENT ON SCHEMA public IS 'ours\n{comment_of('0.9.0')}'")
    with in_process.default_database(copy):
        empty_schemas(connections["default"], [], 5)
        assert read_version(connections["default"]) is None
    assert execute(copy, COMMENT) == [("ours",)]


@pytest.mark.parametrize("comment", ["NULL", "'standard public schema'", "'Veza schema 0.1.0'"])
def test_comments_of_postgresql_and_earlier_versions_are_replaced(copy, comment):
    execute(copy, f"COMMENT ON SCHEMA public IS {comment}")
    with in_process.default_database(copy):
        write_version(connections["default"], Version(2, 0, 1))
    assert execute(copy, COMMENT) == [("Veza schema 2.0.1",)]


def test_a_restore_brings_the_version_of_its_file(copy, tmp_path):
    environment = database_environment(copy)
    told = {}
    for version in ("0.9.0", None):
        comment = f"'by hand\n{comment_of(version)}'" if version else "NULL"
        execute(copy, f"COMMENT ON SCHEMA public IS {comment}")
        file = tmp_path / f"{version}.dump"
        told[version] = manage("backup_db", str(file), **environment).stdout
    assert "tables of schema 0.9.0, " in told["0.9.0"]
    assert "of schema" not in told[None]
    execute(copy, "COMMENT ON SCHEMA public IS 'theirs\nVeza schema 3.0.0'")
    arguments = ("--replace", "--confirm", copy)
    result = manage("restore_db", str(tmp_path / "0.9.0.dump"), *arguments, **environment)
    assert ", schema 0.9.0\n" in result.stdout
    assert "schema public 0.9.0: " in result.stdout
    assert execute(copy, COMMENT) == [("theirs\nVeza schema 0.9.0",)]
    manage("restore_db", str(tmp_path / "None.dump"), *arguments, **environment)
    assert execute(copy, COMMENT) == [("theirs",)]


@pytest.mark.process
def test_a_role_that_cannot_write_it_is_told_before_the_first_statement(role):
    with scratch_database() as name:
        database = sql.Identifier(name)
        administer(sql.SQL("GRANT ALL ON DATABASE {} TO {}").format(database, sql.Identifier(role)))
        execute(name, f"GRANT ALL ON SCHEMA public TO {role}")
        result = manage_process("migrate", DATABASE_URL=database_url(name, user=role))
        assert is_one_clear_line(result), result.stderr
        assert f'ALTER SCHEMA public OWNER TO "{role}"' in result.stderr
        execute(name, f"ALTER SCHEMA public OWNER TO {role}")
        # The embedded server has no contrib package, and is refused for that.
        again = manage_process("migrate", DATABASE_URL=database_url(name, user=role))
        assert "schema public" not in again.stderr
        assert again.returncode == 0 or "has no extension pgcrypto" in again.stderr


@pytest.mark.parametrize(
    "text", ["", "1", "1.0", "1.0.0.0", "01.0.0", "1.0.0-rc1", "v1.0.0", "1.0.0 "]
)
def test_invalid_versions(text):
    with pytest.raises(ValueError, match="is not a version"):
        Version.parse(text)


def test_versions_in_their_order():
    texts = ["1.0.0-dev", "1.0.0", "1.0.1", "1.2.0-dev", "1.2.0", "1.10.0", "2.0.0-dev"]
    versions = [Version.parse(text) for text in texts]
    assert versions == sorted(versions)
    assert [str(version) for version in versions] == texts
