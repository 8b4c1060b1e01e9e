"""For a database that cannot be distributed, `distribute` prints one line and changes nothing."""

import pytest

from tests.distribute.nodes import database_on_all_nodes
from tests.distribute.test_layouts import KEYS, SPREAD
from tests.support import database_environment, is_one_clear_line, manage


@pytest.fixture(scope="module")
def empty(citus):
    with database_on_all_nodes() as node:
        yield node


@pytest.fixture(scope="module")
def migrated_here(citus):
    with database_on_all_nodes() as node:
        node.done("migrate", "--verbosity", "0")
        yield node


def refused(node, *arguments):
    result = node.manage("distribute", *arguments)
    assert is_one_clear_line(result), result.stderr
    assert node.rows(SPREAD) == []
    return result.stderr


def test_v1_is_not_there(empty):
    assert "migrations are not applied: run manage.py migrate first" in refused(empty)


def test_no_worker(citus):
    with database_on_all_nodes(workers=0) as node:
        assert "has no active worker: SELECT citus_add_node(" in refused(node)


@pytest.mark.parametrize(
    ("change", "back", "told"),
    [
        (
            "ALTER TABLE users ALTER COLUMN role DROP DEFAULT",
            "ALTER TABLE users ALTER COLUMN role SET DEFAULT 'user'",
            "the audit finds 1 error; the first is drift (public.users.role (default))",
        ),
        (
            "CREATE UNIQUE INDEX idx_track_history_action ON track_history (action)",
            "DROP INDEX idx_track_history_action",
            "track_history cannot be distributed: idx_track_history_action would be unique",
        ),
        (
            "CREATE TABLE stranger (play_id uuid REFERENCES track_plays)",
            "DROP TABLE stranger",
            "track_plays cannot be distributed: stranger refers to it",
        ),
        (
            "ALTER TABLE track_plays ADD CONSTRAINT other FOREIGN KEY (user_id) "
            "REFERENCES users ON DELETE RESTRICT",
            "ALTER TABLE track_plays DROP CONSTRAINT other",
            "track_plays cannot be distributed: its foreign key other is not CASCADE or SET NULL",
        ),
    ],
)
def test_what_is_not_v1(migrated_here, change, back, told):
    node = migrated_here
    node.session.execute(change)
    keys = node.rows(KEYS)
    try:
        assert told in refused(node)
        assert told in refused(node, "--dry-run")
        assert node.rows(KEYS) == keys
    finally:
        node.session.execute(back)


def test_no_extension(migrated, db):
    """Uses the other tests' database, on a server without Citus."""
    result = manage("distribute", "--dry-run", **database_environment(migrated))
    assert is_one_clear_line(result), result.stderr
    assert "has no extension citus" in result.stderr
