"""squawk checks the SQL of migrations after V1 for `lint_migrations`."""

from django.conf import settings
from django.db.migrations.loader import MigrationLoader

from tests.deploy.later import a_migration
from tests.schema import contract
from veza_core.operations.deploy.lint import headings
from veza_core.operations.deploy.lint.squawk import squawk
from veza_core.schema.v1 import LAST_OF_V1, v1_migrations

CONFIGURATION = settings.BASE_DIR / ".squawk.toml"
SLOW = "CREATE INDEX idx_users_locked_until ON users (locked_until);"
QUICK = "CREATE INDEX CONCURRENTLY idx_users_locked_until ON users (locked_until);"


def said(sql, *, atomic):
    """squawk's findings on a migration."""
    migration = a_migration(atomic=atomic, name="910_index", app="veza_core")
    return [*map(str, squawk({migration: [sql]}, CONFIGURATION))]


def test_v1_is_what_its_last_migration_depends_on():
    names = contract.parse(contract.DOCUMENT.read_text()).migrations
    found = sorted(name for _, name in v1_migrations(MigrationLoader(None)))
    assert found == [name for name in names if name <= LAST_OF_V1[1]]


def test_an_index_that_stops_writes_is_found():
    [finding] = said(SLOW, atomic=True)
    assert finding.startswith("veza_core.910_index: ")
    assert "(squawk: require-concurrent-index-creation)" in finding
    assert finding.endswith(headings.anchor(headings.INDEX))


def test_one_that_does_not_is_not():
    assert said(QUICK, atomic=False) == []


def test_concurrently_within_a_transaction_is_found():
    [finding] = said(QUICK, atomic=True)
    assert "ban-concurrent-index-creation-in-transaction" in finding
    assert finding.endswith(headings.anchor(headings.NO_TRANSACTION))


def test_invalid_sql_is_found():
    assert "syntax-error" in said("ALTER TABBLE users", atomic=True)[0]
