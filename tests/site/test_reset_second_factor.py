"""Only staff with the permission can reset a colleague's second factor; nobody their own."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from model_bakery import baker

from tests.acting import entries, open_page, take, url
from tests.attack.people import sign_in
from tests.staff import grant, make_staff, make_user, post_sign_in, signed_in
from veza_core.models import Permission, RolePermission, User, UserRole, UserSession
from veza_site.support import sessions

pytestmark = pytest.mark.django_db

NAME = "reset_second_factor"


@pytest.fixture(autouse=True)
def _required(settings):
    settings.SECOND_FACTOR_REQUIRED = True


@pytest.fixture
def chief():
    return sign_in(make_staff("admin", "chief"))


def enrolled(role="support", username="colleague"):
    """A member of staff with an authenticator and a recovery code."""
    user = make_staff(role, username)
    TOTPDevice.objects.create(user=user, confirmed=True)
    codes = StaticDevice.objects.create(user=user, name="recovery codes")
    StaticToken.objects.create(device=codes, token="something")
    return user


def has_one(user):
    return TOTPDevice.objects.filter(user=user).exists()


def test_the_colleague_is_out_and_sets_up_a_new_one(chief):
    colleague = enrolled()
    theirs = sign_in(colleague)
    baker.make(UserSession, user=colleague, expires_at=timezone.now() + timedelta(days=1))
    assert theirs.get("/admin/").status_code == 200
    assert url(colleague, NAME) in chief.get(f"/admin/veza_core/user/{colleague.pk}/").text
    assert take(chief, colleague, NAME, confirm="colleague", reason="lost phone").status_code == 302
    assert theirs.get("/admin/").status_code == 302
    assert not StaticToken.objects.exists()
    assert not UserSession.objects.filter(user=colleague, revoked_at=None).exists()
    (entry,) = entries(f"users.{NAME}")
    assert (entry.reason, entry.subject_id) == ("lost phone", str(colleague.pk))
    assert entry.before.items() >= {"second_factor": "set up", "token_version": 0}.items()
    assert entry.after.items() >= {"second_factor": "none", "token_version": 1}.items()
    again = sign_in(colleague, second_factor=False)
    assert post_sign_in(again, "colleague").status_code == 302
    assert "Set up your second factor" in again.get("/admin/second-factor/").text
    # There is nothing left to reset, and the page says so.
    TOTPDevice.objects.filter(user=colleague).delete()
    page = chief.get(url(colleague, NAME))
    assert page.status_code == 409
    assert "colleague has no second factor" in page.text


def test_the_second_of_two_concurrent_resets_changes_nothing(chief):
    colleague = enrolled()
    seen = open_page(chief, colleague, NAME)
    sent = {"row": seen, "reason": "lost phone", "confirm": "colleague"}
    assert chief.post(url(colleague, NAME), sent).status_code == 302
    TOTPDevice.objects.create(user=colleague, confirmed=True)
    assert chief.post(url(colleague, NAME), sent).status_code == 409
    assert has_one(colleague)


def test_the_resetting_admin_must_give_a_code_again(chief):
    colleague = enrolled()
    session = chief.session
    session[sessions.SECOND_FACTOR_AT] -= 3600
    session.save()
    page = take(chief, colleague, NAME, confirm="colleague")
    assert "Type a code of your authenticator." in page.text
    assert has_one(colleague)


def test_never_one_s_own(chief):
    me = User.objects.get(username="chief")
    page = chief.get(url(me, NAME))
    assert page.status_code == 403
    assert "your own account" in page.text
    seen = f"{me.pk}.{me.token_version}"
    sent = {"row": seen, "reason": "x", "confirm": "chief"}
    assert chief.post(url(me, NAME), sent).status_code == 403
    assert has_one(me)


def test_never_of_accounts_with_more_permissions(chief):
    boss = make_user("boss", role=UserRole.SUPER_ADMIN)
    TOTPDevice.objects.create(user=boss, confirmed=True)
    page = chief.get(url(boss, NAME))
    assert page.status_code == 403
    assert "permissions here that you do not have" in page.text


@pytest.mark.parametrize(
    "missing", ["users.update", "user_sessions.update", "refresh_tokens.update",
                "second_factors.delete"]
)  # fmt: skip
def test_every_permission_is_needed(missing):
    colleague = baker.make(User, username="colleague")
    grant(colleague, "support")
    TOTPDevice.objects.create(user=colleague, confirmed=True)
    RolePermission.objects.filter(role__name="admin", permission__name=missing).delete()
    client = sign_in(make_staff("admin", "chief"))
    assert client.get(url(colleague, NAME)).status_code == 403
    assert url(colleague, NAME) not in client.get(f"/admin/veza_core/user/{colleague.pk}/").text


def test_only_admin_of_the_system_roles_may_reset_it():
    permission = Permission.objects.get(name="second_factors.delete")
    held = RolePermission.objects.filter(permission=permission)
    assert list(held.values_list("role__name", flat=True)) == ["admin"]


def test_it_is_not_offered_on_an_account_that_may_not_enter(chief):
    bob = make_user("bob")
    TOTPDevice.objects.create(user=bob, confirmed=True)
    assert url(bob, NAME) not in chief.get(f"/admin/veza_core/user/{bob.pk}/").text
    assert signed_in(bob).get(url(bob, NAME)).status_code == 302
