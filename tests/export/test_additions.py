"""The changes of a later migration are written as SQL, which changes V1 in the same way."""

import pytest
from django.db import connection
from django.db.migrations import CreateModel, Migration
from django.db.migrations.loader import MigrationLoader

from tests.support import database_url
from veza_core.db.operations import (
    AddEnumValue,
    InsertPermissions,
    KeepUpdatedAt,
    SetStorageParameters,
)
from veza_core.schema.export import ExportError
from veza_core.schema.export.additions import changes
from veza_core.schema.export.exporting import read_all
from veza_core.schema.export.files import render_later
from veza_core.schema.export.groups import MigrationGroup, later_groups, v1_groups
from veza_core.schema.snapshot.drift import compare

GROUP = MigrationGroup("veza_core", "901_change", ())

CHANGES = {
    "a table with a trigger": """
        CREATE TABLE labels (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL,
            user_id uuid CONSTRAINT labels_user_id_fkey REFERENCES users ON DELETE SET NULL);
        CREATE INDEX idx_labels_user_id ON labels (user_id);
        COMMENT ON TABLE labels IS 'Labels';
        CREATE TRIGGER update_labels_updated_at BEFORE UPDATE ON labels
            FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()""",
    "a column": """
        ALTER TABLE users ADD COLUMN mood varchar(20) DEFAULT 'good' NOT NULL
            CONSTRAINT chk_users_mood CHECK (mood <> '');
        COMMENT ON COLUMN users.mood IS 'How it is'""",
    "a foreign key to a new table": """
        CREATE TABLE a_label (id uuid PRIMARY KEY);
        ALTER TABLE rooms ADD COLUMN label_id uuid
            CONSTRAINT rooms_label_id_fkey REFERENCES a_label ON DELETE SET NULL""",
    "an index": "CREATE INDEX idx_users_last_login_at ON users (last_login_at DESC)",
    "a replaced index": """
        DROP INDEX idx_rooms_name; CREATE INDEX idx_rooms_name ON rooms (name, created_at)""",
    "a type with values": "CREATE TYPE mood AS ENUM ('good'); COMMENT ON TYPE mood IS 'x'",
    "a value at the end": "ALTER TYPE track_status ADD VALUE 'hidden'",
    "a value before the first": "ALTER TYPE track_status ADD VALUE 'draft' BEFORE 'uploading'",
    "a value between": "ALTER TYPE track_status ADD VALUE 'checked' AFTER 'processing'",
    "a replaced function": """
        CREATE OR REPLACE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql
        SET search_path = '' AS $$ BEGIN NEW.updated_at = statement_timestamp(); RETURN NEW; END; $$
        """,
    "a new function": "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "a changed default": "ALTER TABLE users ALTER COLUMN is_active SET DEFAULT false",
    "a dropped default": "ALTER TABLE users ALTER COLUMN is_active DROP DEFAULT",
    "a changed type": "ALTER TABLE rooms ALTER COLUMN name TYPE varchar(200)",
    "NOT NULL": "ALTER TABLE rooms ALTER COLUMN description SET NOT NULL",
    "NULL": "ALTER TABLE rooms ALTER COLUMN name DROP NOT NULL",
    "comments": "COMMENT ON TABLE rooms IS 'x'; COMMENT ON COLUMN rooms.name IS NULL",
    "a replaced check": """
        ALTER TABLE rooms DROP CONSTRAINT chk_rooms_max_members;
        ALTER TABLE rooms ADD CONSTRAINT chk_rooms_max_members CHECK (max_members > 1)""",
    "storage parameters": """
        ALTER TABLE rooms SET (fillfactor = 50, toast.autovacuum_enabled = off);
        ALTER TABLE users RESET (fillfactor); ALTER TABLE tracks SET (fillfactor = 80)""",
    "options of columns": """
        ALTER TABLE rooms ALTER COLUMN name SET (n_distinct = 5);
        ALTER TABLE rooms ALTER COLUMN name SET STATISTICS 500""",
    "the fill factor of a key's index": "ALTER INDEX rooms_pkey SET (fillfactor = 70)",
    "comments on a constraint, an index and a trigger": """
        COMMENT ON CONSTRAINT rooms_pkey ON rooms IS 'x'; COMMENT ON INDEX idx_rooms_name IS 'y';
        COMMENT ON TRIGGER update_rooms_updated_at ON rooms IS 'z'""",
    "a renamed column": "ALTER TABLE rooms RENAME COLUMN max_members TO seats",
    "renamed columns, a dropped one and an added one": """
        ALTER TABLE rooms RENAME COLUMN name TO title; ALTER TABLE rooms DROP COLUMN max_members;
        ALTER TABLE rooms RENAME COLUMN description TO about; ALTER TABLE rooms ADD COLUMN x int""",
    "dropped objects": """
        ALTER TABLE rooms DROP COLUMN description; DROP TABLE bitrate_adaptation_logs;
        DROP TRIGGER update_rooms_updated_at ON rooms; DROP INDEX idx_rooms_name;
        CREATE TYPE one AS ENUM ('a')""",
    "dropped tables that refer to each other": """
        DROP TABLE permissions, role_permissions, roles, user_roles""",
}


@pytest.fixture
def session(migrated, connect):
    """A session whose changes are rolled back."""
    session = connect(database_url(migrated))
    session.execute("SET default_transaction_read_only = off")
    return session


def test_what_was_changed_is_written(db, session, subtests):
    before, _ = read_all(session)
    for name, statements in CHANGES.items():
        with subtests.test(name):
            with session.transaction(force_rollback=True):
                session.execute(statements)
                after, _ = read_all(session)
            assert compare(before, after)
            text = "\n\n".join(changes(before, after))
            with session.transaction(force_rollback=True):
                session.execute("SET LOCAL search_path = ''")
                session.execute(text)
                loaded, _ = read_all(session)
            assert [str(each) for each in compare(after, loaded)] == []


def test_objects_of_any_name_are_dropped(db, session):
    before, _ = read_all(session)
    session.execute("""
        CREATE TYPE "Mood (old)" AS ENUM ('a'); CREATE TABLE "My Table" (mood "Mood (old)");
        CREATE FUNCTION "One, two"("Mood (old)", numeric(5, 2)[]) RETURNS int
            LANGUAGE sql AS 'SELECT 1';
        CREATE FUNCTION "Select"() RETURNS int LANGUAGE sql AS 'SELECT 1'""")
    after, _ = read_all(session)
    session.execute("SET LOCAL search_path = ''")
    session.execute("\n\n".join(changes(after, before)))
    session.execute("SET LOCAL search_path = public")
    loaded, _ = read_all(session)
    assert [str(each) for each in compare(before, loaded)] == []


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ("CREATE SEQUENCE numbers", "cannot write numbers"),
        ("ALTER TABLE rooms REPLICA IDENTITY FULL", "rooms: .* a change of replica identity"),
        ("UPDATE roles SET display_name = 'X'", "changed or deleted reference rows of roles"),
        ("DELETE FROM roles WHERE name = 'admin'", "changed or deleted reference rows of"),
        ("INSERT INTO rooms (name) VALUES ('x')", "rows into rooms"),
        ("DROP EXTENSION pg_trgm CASCADE", "cannot drop extension pg_trgm"),
    ],
)
def test_what_cannot_be_written_is_an_error(db, session, statements, message):
    before, rows_before = read_all(session)
    with session.transaction(force_rollback=True):
        session.execute(statements)
        with pytest.raises(ExportError, match=message):
            render_later(GROUP, before, *_after(session, rows_before))


def _after(session, rows_before):
    after, rows = read_all(session)
    return after, rows_before, rows


def with_later(*added):
    """A loader with added migrations after V1, each: app, name, operations, dependencies."""
    loader = MigrationLoader(None)
    for app, name, operations, _ in added:
        made = type("Migration", (Migration,), {"operations": operations})
        migration = loader.disk_migrations[app, name] = made(name, app)
        loader.graph.add_node((app, name), migration)
    for app, name, _, dependencies in added:
        for dependency in dependencies:
            loader.graph.add_dependency(None, (app, name), dependency)
    return loader


V1 = ("veza_core", "900_triggers_and_functions")


def test_a_later_migration_is_no_part_of_v1():
    table = CreateModel("Label", [], {"db_table": "labels"})
    # The last number of the app, so that it comes after all existing ones.
    loader = with_later(("veza_media", "989_labels", [table], [V1]))
    assert [group.name for group in v1_groups(loader)] == [
        group.name for group in v1_groups(MigrationLoader(None))
    ]
    *_, last = (group for group in later_groups(loader) if group.app == "veza_media")
    assert last == MigrationGroup("veza_media", "989_labels", ("labels",))


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ([("veza_core", "0901_x", [], [V1])], "would be loaded before 900_"),
        (
            [
                ("veza_core", "901_x", [], [("veza_streaming", "940_y")]),
                ("veza_streaming", "940_y", [], [V1]),
            ],
            r"veza_core.901_x depends on veza_streaming.940_y",
        ),
        (
            [("veza_core", "940_x", [], [V1]), ("veza_streaming", "940_x", [], [V1])],
            "two migrations are named 940_x",
        ),
    ],
)
def test_names_by_which_files_would_load_too_early(added, message):
    with pytest.raises(ExportError, match=message):
        later_groups(with_later(*added))


def test_operations_can_be_run_again(cursor_rows):
    """In a database that has their trigger, rows and parameters already, they change nothing."""
    before = cursor_rows()
    for operation in (
        KeepUpdatedAt("rooms"),
        InsertPermissions("rooms", moderator=["update"]),
        SetStorageParameters("tracks", fillfactor=95),
    ):
        for _ in range(2):
            with connection.schema_editor(atomic=False) as editor:
                operation.database_forwards("veza_core", editor, None, None)
    assert cursor_rows() == before


@pytest.fixture
def cursor_rows(live):
    return lambda: read_all(live)


def test_operations_cannot_be_undone():
    for operation in (
        KeepUpdatedAt("x"),
        InsertPermissions("x"),
        AddEnumValue("x", "y"),
        SetStorageParameters("x", fillfactor=95),
    ):
        assert not operation.reversible
        assert operation.reduces_to_sql


def test_rows_and_grants_of_a_table(live):
    with connection.schema_editor(atomic=False) as editor:
        InsertPermissions("labels", support=["update"], moderator=["delete"]).database_forwards(
            "veza_core", editor, None, None
        )
    found = live.execute("""
        SELECT roles.name, string_agg(action, ' ' ORDER BY action) FROM roles
        JOIN role_permissions ON role_id = roles.id
        JOIN permissions ON permissions.id = permission_id
        WHERE resource = 'labels' GROUP BY roles.name ORDER BY 1
    """).fetchall()
    assert found == [
        ("admin", "create delete read update"),
        ("moderator", "delete read update"),
        ("support", "read update"),
    ]


def test_an_action_that_does_not_exist():
    with pytest.raises(ValueError, match="not an action: write"):
        InsertPermissions("x", support=["write"])
