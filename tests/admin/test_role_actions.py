"""Granting and withdrawing roles: staff must have the permissions of the role."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client, RequestFactory
from django.utils import timezone
from model_bakery import baker

from tests.acting import ROW, entries, open_page, take, url
from tests.staff import grant, make_staff, signed_in
from veza_core.access import access_of
from veza_core.models import Permission, Role, RolePermission, User
from veza_core.screens.actions import addresses
from veza_core.screens.actions.action import ChangeContext, RefusedError

pytestmark = pytest.mark.django_db


@pytest.fixture
def chief() -> Client:
    return signed_in(make_staff("admin", "chief"))


def held(user: User) -> dict[str, Any]:
    """Map each role to its end in PostgreSQL, also roles that have ended."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, expires_at FROM user_roles JOIN roles ON roles.id = role_id "
            "WHERE user_id = %s",
            [user.pk],
        )
        return dict(cursor.fetchall())


def test_grant(chief: Client, bob: User):
    take(chief, bob, "grant_role", role="support", confirm="bob")
    assert held(bob) == {"support": None}
    assert access_of(bob).may("users", "update")
    assigned = bob.role_assignments.get()
    assert assigned.assigned_by == User.objects.get(username="chief")
    (entry,) = entries("users.grant_role")
    assert (entry.before, entry.after) == (
        {"role": None}, {"role": "support", "expires_at": None}
    )  # fmt: skip


def test_grant_until_a_day(chief: Client, bob: User):
    take(chief, bob, "grant_role", role="support", until="2099-03-04", confirm="bob")
    assert held(bob) == {"support": datetime(2099, 3, 5, tzinfo=UTC)}


@pytest.mark.parametrize("until", ["2020-01-01", "soon", "9999-12-31", "2026-02-31", "\0"])
def test_an_invalid_date(chief: Client, bob: User, until: str):
    assert take(chief, bob, "grant_role", role="support", until=until, confirm="bob"
                ).status_code == 200  # fmt: skip
    assert held(bob) == {}


def test_withdraw_ends_the_role_and_keeps_the_row(chief: Client):
    bob = make_staff("support", "bob")
    client = signed_in(bob)
    assert client.get("/admin/").status_code == 200
    take(chief, bob, "withdraw_role", role="support")
    assert held(bob)["support"] <= timezone.now()
    assert client.get("/admin/").status_code == 302
    # The pair is unique, so granting the role again uses the same row.
    take(chief, bob, "grant_role", role="support", confirm="bob")
    assert held(bob) == {"support": None}


def test_undo_of_a_withdrawal_fills_in_the_role_and_its_end(chief: Client, bob: User):
    grant(bob, "support", expires_at=datetime(2099, 3, 5, tzinfo=UTC))
    response = take(chief, bob, "withdraw_role", role="support")
    address = f"{url(bob, 'grant_role')}?role=support&until=2099-03-04"
    message = chief.get(response.headers["Location"]).content.decode()
    assert address.replace("&", "&amp;") in message
    request = RequestFactory().get("/")
    request.access = access_of(User.objects.get(username="chief"))
    (entry,) = entries("users.withdraw_role")
    assert addresses.undo_url_of(admin.site, request, entry) == address
    page = chief.get(address).content.decode()
    assert 'value="2099-03-04"' in page
    assert '<option value="support" selected>' in page


def test_undo_of_a_grant(chief: Client, bob: User):
    response = take(chief, bob, "grant_role", role="moderator", confirm="bob")
    message = chief.get(response.headers["Location"]).content.decode()
    assert f"{url(bob, 'withdraw_role')}?role=moderator" in message


def role_manager(*more: str) -> Client:
    """A user who may grant and withdraw roles, and has few other permissions."""
    user = make_staff("support", "manager")
    role = baker.make(Role, name="manager", display_name="Manager")
    for name in ("user_roles.create", "user_roles.delete", *more):
        baker.make(RolePermission, role=role, permission=Permission.objects.get(name=name))
    grant(user, "manager")
    return signed_in(user)


def test_only_what_one_holds_is_offered_and_taken(bob: User):
    client = role_manager()
    page = client.get(url(bob, "grant_role")).content.decode()
    assert 'value="support"' in page
    assert 'value="moderator"' not in page
    assert 'value="admin"' not in page
    for role in ("moderator", "admin", "super_admin", "nonsense", "\0", ""):
        take(client, bob, "grant_role", role=role, confirm="bob")
        assert held(bob) == {}


def test_a_role_that_grows_meanwhile_is_not_granted(bob: User):
    """When the form is sent, the role has permissions that the user lacks."""
    client = role_manager()
    seen = open_page(client, bob, "grant_role")
    baker.make(
        RolePermission,
        role=Role.objects.get(name="support"),
        permission=Permission.objects.get(name="users.delete"),
    )
    User.objects.get(username="manager").role_assignments.filter(role__name="support").delete()
    grant(User.objects.get(username="manager"), reader().name)
    sent = {"row": seen, "role": "support", "reason": "x", "confirm": "bob"}
    client.post(url(bob, "grant_role"), sent)
    assert held(bob) == {}


def reader() -> Role:
    role = baker.make(Role, name="reader", display_name="Reader")
    for name in ("admin.access", "users.read"):
        baker.make(RolePermission, role=role, permission=Permission.objects.get(name=name))
    return role


def test_without_the_permission_nobody_grants(bob: User):
    for role in ("support", "moderator"):
        client = signed_in(make_staff(role, f"{role}_user"))
        assert client.get(url(bob, "grant_role")).status_code == 403
        assert client.post(url(bob, "grant_role"), {"role": "support"}).status_code == 403


def test_two_people_do_not_undo_each_other(chief: Client, bob: User):
    seen = open_page(chief, bob, "grant_role")
    grant(bob, "moderator", expires_at=timezone.now() + timedelta(days=1))
    sent = {"row": seen, "role": "support", "reason": "x", "confirm": "bob"}
    assert chief.post(url(bob, "grant_role"), sent).status_code == 409
    assert list(held(bob)) == ["moderator"]


def test_no_role_left(chief: Client, bob: User):
    response = chief.get(url(bob, "withdraw_role"))
    assert response.status_code == 409
    assert "no role that you can withdraw" in response.content.decode()


def test_the_form_names_roles_as_people_read_them(chief: Client, bob: User):
    page = chief.get(url(bob, "grant_role")).content.decode()
    assert ">Moderator</option>" in page
    assert len(ROW.findall(page)) == 1


@pytest.mark.parametrize("name", ["grant_role", "withdraw_role"])
def test_the_change_itself_asks_for_the_rights(rf: RequestFactory, bob: User, name: str):
    """Not only the form, whose choices are read before the transaction."""
    role_manager()
    request = rf.post("/")
    request.access = access_of(User.objects.get(username="manager"))
    site_admin = admin.site._registry[User]
    (action,) = [one for one in site_admin.row_actions if one.name == name]
    work = ChangeContext(request, admin.site, {"role": "moderator", "until": None})
    if name == "withdraw_role":
        grant(bob, "moderator")
    with pytest.raises(RefusedError):
        action.change(bob, work)
    assert list(held(bob)) == (["moderator"] if name == "withdraw_role" else [])
