"""Objects by model-bakery, and hashes that take no time."""

import pytest
from model_bakery import baker

from veza_core.passwords import BCryptPasswordHasher

# A number of baker's choice would not pass checks such as `position >= 0`.
baker.generators.add("django.db.models.IntegerField", lambda: 1)


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch):
    """bcrypt's least cost, 1 ms in place of 200."""
    monkeypatch.setattr(BCryptPasswordHasher, "rounds", 4)
