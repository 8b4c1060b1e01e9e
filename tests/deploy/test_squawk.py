"""squawk looks at migrations after V1, as `make lint` asks it to."""

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, migrations
from django.db.migrations.loader import MigrationLoader
from veza_core.operations.deploy.squawk import read_later_sql, squawk

from tests.schema import contract
from veza_core.operations.deploy.v1 import LAST_OF_V1, v1_migrations

pytestmark = pytest.mark.django_db

CONFIGURATION = settings.BASE_DIR / ".squawk.toml"
SLOW = "CREATE INDEX idx_users_locked_until ON users (locked_until);"
QUICK = "CREATE INDEX CONCURRENTLY idx_users_locked_until ON users (locked_until);"


def after_v1(sql, *, atomic):
    """What is read from a loader to which a migration was added, as a file on disk would be."""
    loader = MigrationLoader(connection)
    operation = migrations.RunSQL(sql)
    added = type(
        "Migration", (migrations.Migration,), {"operations": [operation], "atomic": atomic}
    )
    added.dependencies = [("veza_core", "900_triggers_and_functions")]
    key = ("veza_core", "910_index")
    loader.disk_migrations[key] = added(key[1], key[0])
    loader.graph.add_node(key, loader.disk_migrations[key])
    loader.graph.add_dependency(loader.disk_migrations[key], key, added.dependencies[0])
    return read_later_sql(connection, loader)


def test_v1_is_what_its_last_migration_depends_on():
    names = contract.parse(contract.DOCUMENT.read_text()).migrations
    found = sorted(name for _, name in v1_migrations(MigrationLoader(None)))
    assert found == [name for name in names if name <= LAST_OF_V1[1]]


def test_an_index_that_stops_writes_is_found():
    findings = squawk(after_v1(SLOW, atomic=True), CONFIGURATION)
    assert "veza_core.910_index.sql" in findings
    assert "require-concurrent-index-creation" in findings


def test_one_that_does_not_is_not():
    assert squawk(after_v1(QUICK, atomic=False), CONFIGURATION) == ""


def test_concurrently_within_a_transaction_is_found():
    findings = squawk(after_v1(QUICK, atomic=True), CONFIGURATION)
    assert "ban-concurrent-index-creation-in-transaction" in findings


def test_command(capsys, monkeypatch):
    monkeypatch.setattr("veza_core.operations.deploy.squawk.read_later_sql", lambda *_: [])
    call_command("lint_migrations")
    assert "No migrations after V1." in capsys.readouterr().out
    later = after_v1(SLOW, atomic=True)
    monkeypatch.setattr("veza_core.operations.deploy.squawk.read_later_sql", lambda *_: later)
    with pytest.raises(CommandError, match="squawk has findings"):
        call_command("lint_migrations")
    assert "require-concurrent-index-creation" in capsys.readouterr().out
