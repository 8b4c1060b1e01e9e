"""A database in which everybody knocks, with the second factor asked for."""

from typing import Any

import pytest
from django.test import Client

from tests.attack.people import Knocking


@pytest.fixture
def knocking(db: Any, settings: Any) -> Knocking:
    settings.SECOND_FACTOR_REQUIRED = True
    return Knocking()


@pytest.fixture
def super_admin(knocking: Knocking) -> Client:
    """A client that may do everything."""
    return knocking("super_admin")
