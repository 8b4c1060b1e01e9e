"""What all tests share: objects by model-bakery, hashes that take no time, and one mark."""

import pytest
from model_bakery import baker

from tests.support import database_environment, manage, scratch_database
from veza_core.passwords import BCryptPasswordHasher

# A number of baker's choice would not pass checks such as `position >= 0`.
for field in ("SmallIntegerField", "IntegerField", "BigIntegerField"):
    baker.generators.add(f"django.db.models.{field}", lambda: 1)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "proves(*sentences): the sentences of docs/schema.md that this test proves; "
        "tests/schema/test_document.py sees to it that none is left without a test",
    )


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """bcrypt's least cost, 1 ms in place of 200."""
    monkeypatch.setattr(BCryptPasswordHasher, "rounds", 4)


@pytest.fixture(scope="session")
def migrated(django_db_setup, django_db_blocker):
    """The name of a database with V1 and no rows but the migrations': to copy, not to change."""
    with django_db_blocker.unblock(), scratch_database() as name:
        result = manage("migrate", "--no-audit", **database_environment(name))
        assert result.returncode == 0, result.stderr
        yield name
