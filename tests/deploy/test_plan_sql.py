"""What `--plan` says of locks is what PostgreSQL takes: compared with pg_locks."""

import psycopg
import pytest

from tests.support import database_environment, manage, scratch_database, server_parameters
from veza_core.deploy.plan_sql import LOCKS, locks_of

pytestmark = pytest.mark.django_db

TABLES = """
CREATE TABLE parent (id uuid PRIMARY KEY);
CREATE TABLE child (id uuid PRIMARY KEY, parent_id uuid, name text);
ALTER TABLE child ADD CONSTRAINT child_parent_id_fkey FOREIGN KEY (parent_id)
    REFERENCES parent (id) NOT VALID;
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER t BEFORE UPDATE ON child FOR EACH ROW EXECUTE FUNCTION f();
"""

TAKEN = """
SELECT relname, mode FROM pg_locks JOIN pg_class ON pg_class.oid = relation
WHERE pid = pg_backend_pid() AND relname IN ('parent', 'child')
"""

STATEMENTS = [
    'CREATE INDEX "idx_child_name" ON "child" ("name")',
    "CREATE UNIQUE INDEX idx_child_name ON public.child (name) WHERE name IS NOT NULL",
    "CREATE TRIGGER t2 BEFORE UPDATE ON public.child FOR EACH ROW EXECUTE FUNCTION f()",
    "DROP TRIGGER t ON child",
    "COMMENT ON TABLE child IS 'x'",
    """COMMENT ON COLUMN "child"."name" IS 'x'""",
    "ALTER TABLE child VALIDATE CONSTRAINT child_parent_id_fkey",
    'ALTER TABLE "child" ADD CONSTRAINT "c2" FOREIGN KEY ("parent_id") REFERENCES "parent" ("id")',
    "ALTER TABLE child ADD COLUMN extra int",
    "ALTER TABLE child ADD CONSTRAINT c CHECK (name <> '')",
    "ALTER TABLE child ADD COLUMN other_id uuid CONSTRAINT x REFERENCES parent (id)",
    "CREATE TABLE grandchild (id uuid, child_id uuid REFERENCES child (id))",
    "INSERT INTO child (id) VALUES (gen_random_uuid())",
    "UPDATE child SET name = 'x'",
    "DELETE FROM child",
    "TRUNCATE child",
]


@pytest.fixture(scope="module")
def tables(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), scratch_database() as name:
        with psycopg.connect(**server_parameters(), dbname=name) as session:
            session.execute(TABLES)
        yield name


@pytest.mark.parametrize("statement", STATEMENTS)
def test_strongest_lock(tables, statement):
    with psycopg.connect(**server_parameters(), dbname=tables) as session:
        session.execute(statement)
        taken = {}
        for table, mode in session.execute(TAKEN).fetchall():
            words = "".join(f" {letter}" if letter.isupper() else letter for letter in mode)
            lock = words.removesuffix(" Lock").strip().upper()
            # What reads alone is not listed.
            if LOCKS.index(lock) > LOCKS.index("ROW SHARE"):
                taken[table] = max(taken.get(table, lock), lock, key=LOCKS.index)
        session.rollback()
    assert locks_of([statement]) == taken


def test_concurrent_index_lets_writes_through():
    statement = "CREATE INDEX CONCURRENTLY idx_child_name ON child (name)"
    assert locks_of([statement]) == {"child": "SHARE UPDATE EXCLUSIVE"}


def test_tables_that_the_migration_makes_are_nobody_elses():
    assert locks_of(["CREATE TABLE new (id uuid)", "CREATE INDEX i ON new (id)"]) == {}


def test_strongest_of_several_statements_counts():
    statements = ["ALTER TABLE child ADD COLUMN x int", "COMMENT ON TABLE child IS 'x'"]
    assert locks_of(statements) == {"child": "ACCESS EXCLUSIVE"}


def test_plan_changes_nothing_and_shows_sql_and_locks():
    with scratch_database() as name:
        environment = database_environment(name)
        result = manage("migrate", "--plan", **environment)
        assert result.returncode == 0, result.stderr
        assert 'CREATE TABLE "users"' in result.stdout
        assert "CREATE TRIGGER update_rooms_updated_at" in result.stdout
        assert "-- locks users in SHARE ROW EXCLUSIVE mode" in result.stdout
        assert "Planned operations:" in result.stdout
        with psycopg.connect(**server_parameters(), dbname=name) as database:
            assert database.execute("SELECT to_regnamespace('django')").fetchone() == (None,)
