"""Filters find users by name: no URL gets an e-mail; nobody without users.read gets an answer."""

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.test import Client
from model_bakery import baker

from tests.attack.addresses import MODELS, address_of
from tests.attack.people import Knocking
from veza_core.models import Permission, Role, RolePermission, User
from veza_core.screens.listing import of_users

pytestmark = pytest.mark.django_db

#: Two of one account, and two without an account.
NAMES = ("listener", "listener@example.com", "nobody", "nobody@example.com")


@pytest.fixture
def listener() -> User:
    return baker.make(User, username="listener", email="listener@example.com")


def filters() -> Iterator[tuple[str, str]]:
    """The lists with their filters by a user."""
    for model in MODELS:
        for name in sorted(of_users(admin.site._registry[model].parameters())):
            yield address_of(model, "changelist"), name


def post(client: Client, path: str, name: str, value: str) -> tuple[int, str]:
    answer = client.post(path, {"filters": "1", name: value})
    return answer.status_code, answer.get("Location", "")


def test_no_address_of_a_list_gets_an_email(super_admin: Client, listener: User) -> None:
    assert len([*filters()]) > 15
    for path, name in filters():
        for value in NAMES[:2]:
            status, location = post(super_admin, path, name, value)
            assert (status, location) == (302, f"?{name}={listener.pk}")
        assert super_admin.get(path, {name: str(listener.pk)}).status_code == 200
        for value in NAMES:
            expected = 200 if value == "listener" else 400
            assert super_admin.get(path, {name: value}).status_code == expected
        assert post(super_admin, path, name, NAMES[3]) == (400, "")


def test_who_may_not_read_users_learns_no_name(knocking: Knocking, listener: User) -> None:
    """The answer is the same for names of accounts and for others."""
    bare, role = knocking("bare"), Role.objects.get(name="bare")
    tables = {model._meta.db_table for model in MODELS} - {"users"}
    for permission in Permission.objects.filter(name__in=[f"{table}.read" for table in tables]):
        baker.make(RolePermission, role=role, permission=permission)
    for path, name in filters():
        if path == address_of(User, "changelist"):
            continue
        assert bare.get(path, {name: str(listener.pk)}).status_code == 200
        for value in NAMES:
            for answer in (
                bare.get(path, {name: value}),
                bare.post(path, {"filters": "1", name: value}),
            ):
                assert answer.status_code == 400
                assert "you need users.read" in answer.text
