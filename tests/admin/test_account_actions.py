"""The effects of actions on accounts, and the accounts on which staff may not act."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from model_bakery import baker

from tests.acting import columns, entries, take, url
from tests.admin.addresses import page_of
from tests.staff import grant, make_staff, make_user, signed_in
from veza_core.admin.account_actions import ACCOUNT_ACTIONS
from veza_core.admin.role_actions import ROLE_ACTIONS
from veza_core.models import (
    EmailVerificationToken,
    PasswordResetToken,
    Permission,
    RefreshToken,
    Role,
    RolePermission,
    User,
    UserRole,
    UserRoleAssignment,
    UserSession,
)
from veza_core.screens.actions import perform

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("action", "undo", "column", "value", "raised"),
    [
        ("ban", "unban", "is_banned", True, 1),
        ("deactivate", "reactivate", "is_active", False, 1),
        ("verify", "unverify", "is_verified", True, 0),
    ],
)
def test_there_and_back(
    support: Client, bob: User, action: str, undo: str, column: str, value: bool, raised: int
):
    assert take(support, bob, action, confirm="bob").status_code == 302
    assert columns(bob, column, "token_version") == (value, raised)
    assert take(support, bob, undo).status_code == 302
    assert columns(bob, column, "token_version") == (not value, raised)
    assert (entries(f"users.{action}")[0].after or {})[column] is value
    assert entries(f"users.{undo}")[0].before == {column: value}


def test_only_these_columns_change(support: Client, bob: User):
    before = columns(bob, "to_jsonb(users) - 'updated_at' - 'is_banned' - 'token_version'")
    take(support, bob, "ban", confirm="bob")
    assert columns(bob, "to_jsonb(users) - 'updated_at' - 'is_banned' - 'token_version'") == before


def test_unlock(support: Client, bob: User):
    refused = support.get(url(bob, "unlock"))
    assert refused.status_code == 409
    # With a link back to the account, or to the page where the action was chosen.
    assert f'href="{page_of(User, bob.pk)}">Back' in refused.content.decode()
    chosen = support.get(url(bob, "unlock"), {"next": "/admin/veza_core/user/?locked=now"})
    assert 'href="/admin/veza_core/user/?locked=now">Back' in chosen.content.decode()
    elsewhere = support.get(url(bob, "unlock"), {"next": "https://example.org/"})
    assert "example.org" not in elsewhere.content.decode()
    until = timezone.now() + timedelta(hours=1)
    User.objects.filter(pk=bob.pk).update(locked_until=until, failed_login_count=9)
    take(support, bob, "unlock")
    assert columns(bob, "locked_until", "failed_login_count") == (None, 0)
    (entry,) = entries("users.unlock")
    assert entry.before
    assert entry.before["failed_login_count"] == 9
    assert entry.after == {"locked_until": None, "failed_login_count": 0}


def test_unlock_goes_on_while_somebody_tries_to_sign_in(support: Client, bob: User):
    User.objects.filter(pk=bob.pk).update(failed_login_count=3)
    seen = support.get(url(bob, "unlock")).context["sent"][0]
    User.objects.filter(pk=bob.pk).update(failed_login_count=4)
    support.post(url(bob, "unlock"), {"row": seen, "reason": "asked to"})
    assert columns(bob, "failed_login_count") == (0,)


@pytest.mark.parametrize("action", ["revoke", "ban", "deactivate"])
def test_what_signs_out_ends_what_is_live(support: Client, bob: User, action: str):
    """Only Bob's rows that are not revoked and have not expired."""
    earlier, later = (timezone.now() + timedelta(days=days) for days in (-1, 1))
    for model in (UserSession, RefreshToken):
        baker.make(model, user=bob, expires_at=later, _quantity=2)
        baker.make(model, user=bob, expires_at=later, revoked_at=earlier)
        expired = baker.make(model, user=bob, expires_at=earlier)
        baker.make(model, user=make_user(f"other{model.__name__}"), expires_at=later)
    take(support, bob, action, confirm="bob")
    for model in (UserSession, RefreshToken):
        live = model._base_manager.filter(revoked_at=None)
        # The session ended when it expired, so it is not marked as revoked later.
        assert [one.expires_at for one in live.filter(user=bob)] == [expired.expires_at]
        assert live.exclude(user=bob).count() == 1
        assert model._base_manager.filter(revoked_at=earlier).count() == 1
    assert columns(bob, "token_version") == (1,)
    (entry,) = entries(f"users.{action}")
    assert (entry.after or {}).items() >= {
        "token_version": 1, "user_sessions_revoked": 2, "refresh_tokens_revoked": 2,
    }.items()  # fmt: skip
    # The page no longer shows them as live.
    page = support.get(f"/admin/veza_core/user/{bob.pk}/").content.decode()
    assert page.count('class="badge badge-good">Live') == 0


def test_what_is_refused_has_no_button(support: Client):
    """For the own account, and for one with more permissions, the page gives the reason instead."""
    me = User.objects.get(username="alice")
    boss = make_user("boss", role=UserRole.SUPER_ADMIN)
    for account, why in ((me, "your own account"), (boss, "permissions here that you do not have")):
        page = support.get(f"/admin/veza_core/user/{account.pk}/").content.decode()
        assert url(account, "ban") not in page
        assert why in page
        assert url(account, "note") in page


def test_no_role_is_preselected_and_without_roles_there_is_no_withdraw_button(bob: User):
    client = signed_in(make_staff("admin"))
    page = client.get(f"/admin/veza_core/user/{bob.pk}/").content.decode()
    assert url(bob, "grant_role") in page
    assert url(bob, "withdraw_role") not in page
    assert "Withdraw a role" not in page, "nor a line about it on the page of everybody"
    form = client.get(url(bob, "grant_role")).content.decode()
    assert '<option value="" selected>Choose a role</option>' in form
    assert take(client, bob, "grant_role", confirm="bob", role="").status_code == 200
    assert not bob.role_assignments.exists()
    grant(bob, "support")
    assert url(bob, "withdraw_role") in client.get(
        f"/admin/veza_core/user/{bob.pk}/"
    ).content.decode()  # fmt: skip


@pytest.mark.parametrize("action", ["ban", "deactivate", "revoke"])
def test_the_other_account_is_signed_out_at_its_next_request(action: str):
    support_user = make_staff(username="colleague")
    other = signed_in(support_user)
    assert other.get("/admin/").status_code == 200
    take(signed_in(make_staff()), support_user, action, confirm="colleague")
    response = other.get("/admin/")
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/admin/login/")


KNOWN = {action.name: action for action in (*ACCOUNT_ACTIONS, *ROLE_ACTIONS)}
ON_ACCOUNTS = list(KNOWN)


def test_a_suspension_has_an_end(support: Client, bob: User):
    baker.make(UserSession, user=bob, expires_at=timezone.now() + timedelta(days=9))
    User.objects.filter(pk=bob.pk).update(failed_login_count=3)
    take(support, bob, "suspend", confirm="bob", days="7", reason="cool down")
    assert columns(bob, "locked_until = now() + interval '7 days'", "token_version") == (True, 1)
    assert not UserSession.objects.filter(user=bob, revoked_at=None).exists()
    page = support.get(f"/admin/veza_core/user/{bob.pk}/").content.decode()
    assert "<b>Suspended</b> until" in page
    assert "cool down" in page
    for shown in (page, support.get("/admin/veza_core/user/?locked=now").content.decode()):
        assert ">Suspended</span>" in shown
        assert ">Locked</span>" not in shown
    # An undo that is a separate action.
    take(support, bob, "unlock")
    assert columns(bob, "locked_until") == (None,)
    assert take(support, bob, "suspend", confirm="bob", days="8").status_code == 200


def test_changing_an_email_invalidates_what_was_sent_to_the_old_one(support: Client, bob: User):
    earlier, later = (timezone.now() + timedelta(days=days) for days in (-1, 1))
    User.objects.filter(pk=bob.pk).update(is_verified=True)
    for model, more in (
        (EmailVerificationToken, {"email": "b@example.com"}),
        (PasswordResetToken, {}),
    ):
        baker.make(model, user=bob, expires_at=later, **more)
        baker.make(model, expires_at=later, **more)
    baker.make(PasswordResetToken, user=bob, expires_at=earlier)
    take(support, bob, "change_email", confirm="bob", email="New@Example.com")
    assert columns(bob, "email", "is_verified", "token_version") == ("new@example.com", False, 1)
    for model in (EmailVerificationToken, PasswordResetToken):
        assert not model.objects.filter(user=bob, used_at=None, expires_at__gt=earlier).exists()
        assert model.objects.exclude(user=bob).get().used_at is None
    page = support.get(f"/admin/veza_core/user/{bob.pk}/").content.decode()
    assert "email=bob%40example.com" in page


@pytest.mark.parametrize("email", ["alice@example.com", "bob@localhost", "bób@example.com"])
def test_an_impossible_email_is_reported(support: Client, bob: User, email: str):
    response = take(support, bob, "change_email", confirm="bob", email=email)
    assert response.status_code in (200, 409)
    assert 'role="alert"' in response.content.decode()
    assert columns(bob, "email") == ("bob@example.com",)


def test_a_deleted_account_comes_back(support: Client, bob: User):
    bob.soft_delete()
    assert support.get(url(bob, "restore")).status_code == 403
    admin = signed_in(make_staff("admin", username="carol"))
    assert take(admin, bob, "restore").status_code == 302
    assert columns(bob, "deleted_at") == (None,)


def state_for(action: str) -> dict[str, Any]:
    return {
        "unban": {"is_banned": True},
        "reactivate": {"is_active": False},
        "verify": {"is_verified": False},
        "unverify": {"is_verified": True},
        "unlock": {"failed_login_count": 1},
        "restore": {"deleted_at": timezone.now()},
    }.get(action, {})


# Banned and deactivated users are not signed in, so "unban" and "reactivate" cannot occur.
@pytest.mark.parametrize(
    "action", [a for a in ON_ACCOUNTS if a not in ("unban", "reactivate", "restore")]
)
def test_nobody_acts_on_their_own_account(action: str):
    alice = make_staff("admin")
    User.objects.filter(pk=alice.pk).update(**state_for(action))
    client = signed_in(alice)
    assert "your own account" in client.get(url(alice, action)).content.decode()
    before = columns(alice, "to_jsonb(users)")
    alice.refresh_from_db()
    sent = {
        "row": f"{alice.pk}.{KNOWN[action].seen(alice)}",
        "reason": "x",
        "confirm": "alice",
        "role": "support",
    }
    assert client.post(url(alice, action), sent).status_code == 403
    assert columns(alice, "to_jsonb(users)") == before


@pytest.mark.parametrize("action", ON_ACCOUNTS)
@pytest.mark.parametrize("greater", ["super_admin", "admin", "ended", "admin of the API"])
def test_nobody_acts_on_an_account_with_permissions_that_they_lack(action: str, greater: str):
    """Alice lacks one permission of Bob's role. After his role has ended, she may act."""
    alice = make_staff("moderator")
    for name in ("user_roles.create", "user_roles.delete", "users.delete"):
        give(alice, name)
    bob = make_user("bob", **state_for(action))
    grant(bob, "support")
    if greater == "super_admin":
        User.all_objects.filter(pk=bob.pk).update(role=UserRole.SUPER_ADMIN)
    elif greater == "admin of the API":
        User.all_objects.filter(pk=bob.pk).update(role=UserRole.ADMIN)
    else:
        ended = timezone.now() - timedelta(seconds=1)
        grant(bob, "admin", expires_at=ended if greater == "ended" else None)
    client = signed_in(alice)
    page = client.get(url(bob, action))
    if greater == "ended":
        assert page.status_code == 200
        return
    assert page.status_code == 403
    assert "has permissions here that you do not have" in page.content.decode()
    # The POST of such a form is refused too.
    bob.refresh_from_db()
    sent = {"row": f"{bob.pk}.{KNOWN[action].seen(bob)}", "reason": "x", "confirm": "bob",
            "days": "7", "email": "new@example.com",
            "role": "moderator" if action == "grant_role" else "support"}  # fmt: skip
    before = columns(bob, "to_jsonb(users)")
    assert client.post(url(bob, action), sent).status_code == 403
    assert columns(bob, "to_jsonb(users)") == before
    assert bob.role_assignments.count() == (2 if greater == "admin" else 1)


def give(user: User, permission: str) -> None:
    role = baker.make(Role, name=permission, display_name=permission)
    baker.make(RolePermission, role=role, permission=Permission.objects.get(name=permission))
    grant(user, role.name)


def test_a_kind_of_account_without_more_permissions_does_not_prevent_a_ban(
    support: Client, bob: User
):
    User.objects.filter(pk=bob.pk).update(role=UserRole.SUPPORT)
    assert take(support, bob, "ban", confirm="bob").status_code == 302


def test_permissions_are_checked_again_after_the_row_is_locked(monkeypatch: Any, bob: User):
    alice = make_staff("moderator")
    client = signed_in(alice)
    lock = perform._lock

    def withdrawn_meanwhile(*arguments: Any) -> Any:
        rows = lock(*arguments)
        UserRoleAssignment.objects.filter(user=alice).delete()
        return rows

    monkeypatch.setattr(perform, "_lock", withdrawn_meanwhile)
    assert take(client, bob, "ban", confirm="bob").status_code == 403
    assert columns(bob, "is_banned") == (False,)
    assert entries("users.ban") == []


def test_permissions_of_inactive_roles_count_too():
    """A banned admin is an admin again after the ban is lifted, so support may not lift it."""
    bob = make_staff("admin", username="bob", is_banned=True)
    assert signed_in(make_staff()).get(url(bob, "unban")).status_code == 403


def test_deleted_accounts_are_left_alone(support: Client, bob: User):
    bob.soft_delete()
    assert support.get(url(bob, "ban")).status_code == 409
    page = support.get(f"/admin/veza_core/user/{bob.pk}/").content.decode()
    assert url(bob, "ban") not in page
    assert url(bob, "note") in page
