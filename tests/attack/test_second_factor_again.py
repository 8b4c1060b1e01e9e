"""Drastic actions need the second factor again, so a stolen session cannot run them."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings as configured
from django.db.models import Value
from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice
from model_bakery import baker

from tests.acting import open_page, url
from tests.attack.addresses import MODELS, actions_of, address_of
from tests.site.test_second_factor import NOW, code_of, wrong_code
from veza_core.models import Role, User, UserRoleAssignment
from veza_site.models import AttemptCount, StaffLogEntry
from veza_site.support import attempts, sessions
from veza_streaming.models import TrackComment

FIELD = 'name="code"'

#: Drastic although no name must be typed: the withdrawal of a role.
UNTYPED = {("users", "withdraw_role")}


@pytest.fixture(autouse=True)
def _one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes are checked at a fixed time. Otherwise a test could fail at the next time step."""
    clock = SimpleNamespace(time=lambda: NOW)
    monkeypatch.setattr("django_otp.plugins.otp_totp.models.time", clock)


@pytest.fixture
def device(super_admin: Client) -> Any:
    return TOTPDevice.objects.get(user__username="super_admin")


def make_old(client: Client, minutes: int = 10) -> None:
    """Change the session as if the second factor had been shown this long ago."""
    session = client.session
    session[sessions.SECOND_FACTOR_AT] -= minutes * 60
    session.save()


@pytest.fixture
def bob(db: None) -> User:
    user: User = baker.make(
        User, username="bob", email="bob@example.com", is_active=True, is_banned=False
    )
    return user


def ban(client: Client, bob: User, **data: str) -> Any:
    seen = open_page(client, bob, "ban")
    sent = {"row": seen, "reason": "spam of <b>all</b> kinds", "confirm": "bob", **data}
    return client.post(url(bob, "ban"), sent)


def is_banned(bob: User) -> bool:
    bob.refresh_from_db()
    return bob.is_banned


def test_a_recent_code_is_enough(super_admin: Client, bob: User) -> None:
    make_old(super_admin, 9)
    assert FIELD not in super_admin.get(url(bob, "ban")).text
    assert ban(super_admin, bob).status_code == 302
    assert is_banned(bob)


def test_nothing_that_was_typed_is_lost(
    super_admin: Client, bob: User, device: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The pause is one second, and the time of the test does not change.
    monkeypatch.setattr(attempts, "CLOCK", Value(timezone.now()))
    make_old(super_admin)
    assert FIELD in super_admin.get(url(bob, "ban")).text
    page = ban(super_admin, bob)
    assert page.status_code == 200
    assert "Type a code of your authenticator." in page.text
    assert "spam of &lt;b&gt;all&lt;/b&gt; kinds" in page.text
    assert 'value="bob"' in page.text
    assert not is_banned(bob)
    wrong = ban(super_admin, bob, code=wrong_code(device))
    assert "That code is wrong" in wrong.text
    assert wrong_code(device) not in wrong.text
    for _ in range(2):
        ban(super_admin, bob, code=wrong_code(device))
    assert "Too many wrong codes" in ban(super_admin, bob, code=code_of(device)).text
    assert not is_banned(bob)
    AttemptCount.objects.all().delete()
    assert ban(super_admin, bob, code=code_of(device)).status_code == 302
    assert is_banned(bob)
    assert StaffLogEntry.objects.filter(action="second_factor.refuse").count() == 3


def test_a_correct_code_is_not_asked_for_twice(super_admin: Client, bob: User, device: Any) -> None:
    make_old(super_admin)
    page = ban(super_admin, bob, code=code_of(device), confirm="another")
    assert "This is not" in page.text
    assert FIELD not in page.text
    assert ban(super_admin, bob).status_code == 302


def test_the_session_has_a_new_key_then(super_admin: Client, bob: User, device: Any) -> None:
    """The old key no longer works."""
    make_old(super_admin)
    before, thief = super_admin.session.session_key, Client()
    thief.cookies[configured.SESSION_COOKIE_NAME] = before
    assert thief.get("/admin/").status_code == 200
    assert ban(super_admin, bob, code=code_of(device)).status_code == 302
    assert super_admin.session.session_key != before
    assert thief.get("/admin/").status_code == 302


def test_a_code_of_somebody_else(super_admin: Client, bob: User, device: Any) -> None:
    make_old(super_admin)
    device = TOTPDevice.objects.create(user=bob, confirmed=True, key="ab" * 20)
    assert "That code is wrong" in ban(super_admin, bob, code=code_of(device)).text
    assert not is_banned(bob)


def test_it_becomes_old_while_the_page_is_open(super_admin: Client, bob: User) -> None:
    seen = open_page(super_admin, bob, "ban")
    make_old(super_admin)
    sent = {"row": seen, "reason": "because", "confirm": "bob"}
    assert FIELD in super_admin.post(url(bob, "ban"), sent).text
    assert not is_banned(bob)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_which_are_drastic(model: Any, super_admin: Client) -> None:
    """Actions with a typed name, those in UNTYPED, and each export: see `docs/actions.md`."""
    make_old(super_admin)
    table = model._meta.db_table
    for name, action in actions_of(model).items():
        expected = bool(action.typed) or (table, name) in UNTYPED
        assert action.is_drastic(1) == expected, name
        bulk = expected or name == "soft_delete" or (table, name) == ("user_sessions", "revoke")
        assert action.is_drastic(2) == bulk, name
    page = super_admin.get(address_of(model, "export"))
    assert FIELD in page.text
    refused = super_admin.post(address_of(model, "export"), {"reason": "because"})
    assert refused["Content-Type"].startswith("text/html")
    assert "Nothing was exported" in refused.text


def test_a_deletion_of_several(super_admin: Client) -> None:
    make_old(super_admin)
    rows = baker.make(TrackComment, _quantity=2)
    path = address_of(TrackComment, "selected", "soft_delete")
    one = super_admin.get(path, {"row": [rows[0].pk]})
    assert FIELD not in one.text
    page = super_admin.get(path, {"row": [row.pk for row in rows]})
    assert FIELD in page.text
    seen = re.findall(r'name="row" value="([^"]+)"', page.text)
    assert FIELD in super_admin.post(path, {"row": seen, "reason": "because"}).text
    assert TrackComment.objects.count() == 2


def test_a_role_that_is_withdrawn(super_admin: Client, bob: User) -> None:
    role = Role.objects.get(name="support")
    baker.make(UserRoleAssignment, user=bob, role=role, expires_at=None)
    make_old(super_admin)
    seen = open_page(super_admin, bob, "withdraw_role")
    sent = {"row": seen, "reason": "because", "role": "support"}
    assert FIELD in super_admin.post(url(bob, "withdraw_role"), sent).text
    assert UserRoleAssignment.objects.get(user=bob).expires_at is None


def test_not_where_no_second_factor_is_asked_for(
    super_admin: Client, bob: User, settings: Any
) -> None:
    settings.SECOND_FACTOR_REQUIRED = False
    make_old(super_admin)
    assert ban(super_admin, bob).status_code == 302
