"""Who may do what: the RBAC tables, with every request."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from model_bakery import baker

from tests.counts import TABLES
from tests.staff import grant, make_staff, make_user, signed_in
from veza_core.access import Access, access_of
from veza_core.models import Permission, Role, RolePermission, User, UserRole

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def test_a_user_without_a_role_may_do_nothing():
    access = access_of(make_user())
    assert not access.may_enter
    assert access.permissions == frozenset()
    assert not access.may("tracks", "read")


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("support", ["tracks.read", "users.update"], ["tracks.update", "user_roles.create"]),
        ("moderator", ["tracks.delete", "users.update"], ["user_roles.create", "users.delete"]),
        ("admin", ["user_roles.create", "users.delete"], []),
    ],
)
def test_roles(role, may, may_not):
    access = access_of(make_staff(role))
    assert access.may_enter
    assert not access.is_super
    assert [name for name in may if not access.may(*name.split("."))] == []
    assert [name for name in may_not if access.may(*name.split("."))] == []


def test_one_query(django_assert_num_queries):
    user = make_staff("moderator")
    grant(user, "support")
    with django_assert_num_queries(1) as queries:
        access = access_of(user)
    assert "password_hash" not in queries[0]["sql"]
    assert len(access.permissions) == TABLES + 1 + 4 + 10


def test_a_super_admin_may_do_everything():
    access = access_of(make_user(role=UserRole.SUPER_ADMIN))
    assert access.may_enter
    assert access.may("anything", "at all")
    assert access.may_grant(frozenset({"tracks.read"}))


@pytest.mark.parametrize("role", [role for role in UserRole if role != UserRole.SUPER_ADMIN])
def test_no_other_value_of_users_role_gives_a_right(role):
    access = access_of(make_user(role=role))
    assert not access.may_enter
    assert not access.permissions


def test_a_role_ends_by_itself():
    user = make_user()
    held = grant(user, "support", expires_at=timezone.now() + HOUR)
    assert access_of(user).may_enter
    held.expires_at = timezone.now() - timedelta(seconds=1)
    held.save()
    assert not access_of(user).may_enter


def test_an_expired_role_does_not_limit_a_valid_one():
    user = make_staff("support")
    grant(user, "moderator", expires_at=timezone.now() - HOUR)
    access = access_of(user)
    assert access.may("tracks", "read")
    assert not access.may("tracks", "update")


def test_permissions_without_access_to_the_site_are_worth_nothing():
    user = make_user()
    role = baker.make(Role, name="reader")
    baker.make(RolePermission, role=role, permission=Permission.objects.get(name="tracks.read"))
    grant(user, "reader")
    access = access_of(user)
    assert access.permissions == {"tracks.read"}
    assert not access.may("tracks", "read")
    assert not access.may_grant(frozenset())


def test_nobody_grants_more_than_they_hold():
    access = access_of(make_staff("moderator"))
    assert access.may_grant(frozenset({"tracks.read", "tracks.update"}))
    assert not access.may_grant(frozenset({"tracks.read", "user_roles.create"}))


BARRED = [
    {"deleted_at": timezone.now()},
    {"is_banned": True},
    {"is_active": False},
]


@pytest.mark.parametrize("values", BARRED, ids=lambda values: next(iter(values)))
@pytest.mark.parametrize("role", ["user", "super_admin"])
def test_barred_accounts_may_do_nothing(values, role):
    user = make_user(role=role)
    grant(user, "admin")
    User.objects.update(**values)
    access = access_of(user)
    assert access == Access(AnonymousUser())
    assert not access.may_enter


def test_a_lock_removes_no_permission():
    """Failed sign-ins set it, and anybody can cause them."""
    user = make_staff()
    User.objects.update(locked_until=timezone.now() + timedelta(days=1))
    assert access_of(user).may_enter


def test_anonymous_and_unknown(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert not access_of(AnonymousUser()).may_enter
    assert not access_of(User()).may_enter


def test_permissions_are_read_with_every_request():
    user = make_staff()
    client = signed_in(user)
    assert client.get("/admin/").status_code == 200
    user.role_assignments.all().delete()
    response = client.get("/admin/")
    assert response.status_code == 302
    assert response["Location"] == "/admin/login/?next=/admin/"
    grant(user, "support")
    assert client.get("/admin/").status_code == 302, "the session itself has ended"


def test_djangos_own_log_is_not_read(rf):
    """Its query would select the whole account, the hash included."""
    assert admin.site.get_log_entries(rf.get("/")).query.is_empty()


def test_no_page_reads_the_hash(django_assert_max_num_queries):
    client = signed_in(make_staff())
    # Fourteen, and the two that begin and end their transaction: here a savepoint.
    with django_assert_max_num_queries(16) as queries:
        assert client.get("/admin/").status_code == 200
    assert not [query for query in queries if "password_hash" in query["sql"]]
