"""`--plan` shows the real SQL and locks, because it runs the migrations in another database."""

import pytest
from django.db import connection, migrations
from django.db.migrations import Migration

from tests.in_process import default_database
from tests.support import administer, run_command, schema_of, scratch_database, server_parameters
from veza_core.operations.deploy.executor import Executor, MigrationReport
from veza_core.operations.deploy.plan_sql import read_sql

pytestmark = pytest.mark.django_db

TABLES = """
CREATE TABLE parent (id uuid PRIMARY KEY);
CREATE TABLE child (id uuid PRIMARY KEY, parent_id uuid CONSTRAINT fk REFERENCES parent, name text);
CREATE INDEX idx_child_id ON child (id);
CREATE TABLE "Odd Name" (id int);
"""

#: Also locks that the text does not show: on the referenced table, on an index's table.
LOCKS = {
    "CREATE INDEX i ON child (name)": {"child": "SHARE"},
    "DROP INDEX idx_child_id": {"child": "ACCESS EXCLUSIVE"},
    "DROP TABLE child": {"child": "ACCESS EXCLUSIVE", "parent": "ACCESS EXCLUSIVE"},
    "ALTER TABLE child RENAME TO kid": {"child": "ACCESS EXCLUSIVE"},
    "ALTER TABLE child DROP CONSTRAINT fk": {
        "child": "ACCESS EXCLUSIVE",
        "parent": "ACCESS EXCLUSIVE",
    },
    "CREATE TABLE new (id uuid REFERENCES child); CREATE INDEX j ON new (id)": {
        "child": "SHARE ROW EXCLUSIVE"
    },
    "COMMENT ON TABLE child IS 'x'; UPDATE child SET name = 'x'": {
        "child": "SHARE UPDATE EXCLUSIVE"
    },
    "DO $$ BEGIN EXECUTE 'LOCK TABLE \"Odd Name\" IN EXCLUSIVE MODE'; END $$": {
        '"Odd Name"': "EXCLUSIVE"
    },
    "SELECT count(*) FROM child": {},
}
#: PostgreSQL refuses some of a migration's statements in a transaction, but not others.
LOCKS_WITHOUT_A_TRANSACTION = {
    "CREATE INDEX CONCURRENTLY i ON child (name)": {"child": "SHARE UPDATE EXCLUSIVE"},
    "DROP INDEX CONCURRENTLY idx_child_id": {"child": "SHARE UPDATE EXCLUSIVE"},
    "REINDEX TABLE CONCURRENTLY child": {"child": "SHARE UPDATE EXCLUSIVE"},
    "CREATE INDEX i ON child (name)": {"child": "SHARE"},
    "VACUUM parent": {},
}


def a_migration(name, sql, *, atomic=True):
    operations = [migrations.RunSQL(sql)]
    return type("Migration", (Migration,), {"operations": operations, "atomic": atomic})(
        name, "veza_core"
    )


def planned(*pending):
    """The plan of these, on a database with an empty history."""
    with scratch_database() as name, default_database(name):
        return list(read_sql(Executor(connection, 5.0, MigrationReport()), list(pending)))


def test_locks_are_the_ones_that_postgresql_takes():
    for sql, expected in LOCKS.items():
        _, found = planned(a_migration("1", TABLES), a_migration("2", sql))
        assert (sql, found.locks) == (sql, expected)
        assert sql.split(";")[0] in "\n".join(found.statements)


def test_locks_of_migrations_without_a_transaction():
    for sql, expected in LOCKS_WITHOUT_A_TRANSACTION.items():
        _, found = planned(a_migration("1", TABLES), a_migration("2", sql, atomic=False))
        assert (sql, found.locks) == (sql, expected)


def test_a_migration_that_fails_on_an_empty_database_is_shown_without_locks():
    one, two, three = planned(
        a_migration("1", TABLES),
        a_migration("2", "DROP TABLE made_by_hand"),
        a_migration("3", "DROP TABLE child"),
    )
    assert one.locks == {}
    for found in (two, three):
        assert found.locks is None
        assert 'table "made_by_hand" does not exist' in found.unknown
        assert "DROP TABLE" in "\n".join(found.statements)


@pytest.mark.parametrize(
    "history",
    [[], [("sessions",)], [("auth", "0003")], [("veza_core", "010")], [("veza_streaming", "041")]],
    ids=str,
)
def test_any_history_and_several_apps_at_once(history):
    with scratch_database() as name:
        for target in history:
            run_command("migrate", *target, "--no-audit", database=name)
        before = schema_of(**server_parameters(), dbname=name)
        out, err = run_command("migrate", "--plan", database=name)
        assert err == ""
        assert "CREATE TRIGGER update_rooms_updated_at" in out
        assert "-- locks users in SHARE ROW EXCLUSIVE mode" in out
        assert "-- locks: " not in out
        assert "Planned operations:" in out
        assert schema_of(**server_parameters(), dbname=name) == before
        run_command("migrate", "--no-audit", database=name)
        assert "-- " not in run_command("migrate", "--plan", database=name)[0]


def test_a_role_without_createdb_gets_only_the_sql():
    with scratch_database() as name:
        role = f"role_{name}"
        administer(f"CREATE ROLE {role}", f"ALTER ROLE postgres IN DATABASE {name} SET role={role}")
        try:
            out, _ = run_command("migrate", "--plan", database=name)
        finally:
            administer(f"ALTER ROLE postgres IN DATABASE {name} RESET role", f"DROP ROLE {role}")
        assert "permission denied to create database" in out
        assert 'CREATE TABLE "users"' in out
        assert "-- locks users" not in out
