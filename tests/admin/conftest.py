"""Signed-in staff, and a crowd of rows."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import get_resolver

from tests.admin.crowd import Crowd, fill
from tests.staff import make_staff, make_user, signed_in
from veza_core.models import User, UserRole


@pytest.fixture(autouse=True, scope="session")
def screens() -> None:
    """Import the URLs, which registers the screens."""
    assert get_resolver().url_patterns


@pytest.fixture(autouse=True)
def seldom_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages do not record the use of their session. Otherwise they would once a minute, with two
    more queries.
    """
    monkeypatch.setattr("veza_site.support.sessions.SEEN_EVERY", 3600)


@pytest.fixture
def staff(db: Any) -> User:
    """Somebody who may see everything."""
    return make_user("staff", role=UserRole.SUPER_ADMIN)


@pytest.fixture
def browser(staff: User) -> Client:
    return signed_in(staff)


@pytest.fixture
def bob(db: Any) -> User:
    """An ordinary user."""
    return make_user("bob")


@pytest.fixture
def support(db: Any) -> Client:
    """A member of the support team."""
    return signed_in(make_staff())


@pytest.fixture(scope="module")
def crowd(django_db_setup: None, django_db_blocker: Any) -> Iterator[Crowd]:
    """Many rows, in a transaction that ends with the module's tests."""
    with django_db_blocker.unblock(), transaction.atomic():
        assert str(connection.settings_dict["NAME"]).startswith("test_")
        with connection.cursor() as cursor:
            yield fill(cursor)
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def crowd_browser(crowd: Crowd) -> Client:
    # Not the name of `staff`, because these rows exist until the module ends.
    return signed_in(make_user("of_the_crowd", role=UserRole.SUPER_ADMIN))
