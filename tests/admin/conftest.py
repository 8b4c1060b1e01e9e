"""Staff who are signed in, and rows in all 28 tables."""

from typing import Any

import pytest
from django.test import Client
from model_bakery import baker

from veza_core.models import User, UserRole


@pytest.fixture
def staff(db: Any) -> User:
    return baker.make(
        User, username="staff", role=UserRole.SUPER_ADMIN, is_active=True, is_banned=False
    )


@pytest.fixture
def browser(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client
