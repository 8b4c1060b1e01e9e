"""One device is signed out: its session, and the refresh tokens that would renew it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from model_bakery import baker

from tests.acting import columns, entries, take, url
from tests.staff import make_staff, make_user, signed_in
from veza_core.models import RefreshToken, UserSession

pytestmark = pytest.mark.django_db

EARLIER = datetime(2026, 1, 1, tzinfo=UTC)
LATER = {"expires_at": timezone.now() + timedelta(days=1)}


def test_ending_a_session_revokes_its_refresh_tokens():
    bob = make_user("bob")
    session, other = baker.make(UserSession, user=bob, _quantity=2, **LATER)
    token, revoked = baker.make(
        RefreshToken,
        user=bob,
        session=session,
        revoked_at=iter([None, EARLIER]),
        _quantity=2,
        **LATER,
    )
    expired = baker.make(
        RefreshToken, user=bob, session=session, created_at=EARLIER, expires_at=EARLIER
    )
    others = [baker.make(RefreshToken, user=bob, session=kept, **LATER) for kept in (other, None)]
    assert take(signed_in(make_staff()), session, "revoke").status_code == 302
    assert columns(session, "revoked_at = CURRENT_TIMESTAMP") == (True,)
    assert columns(token, "revoked_at = CURRENT_TIMESTAMP") == (True,)
    assert columns(revoked, "revoked_at") == (EARLIER,)
    for row in (other, expired, *others):
        assert columns(row, "revoked_at") == (None,)
    (entry,) = entries("user_sessions.revoke")
    assert (entry.after or {})["refresh_tokens_revoked"] == 1


@pytest.mark.parametrize(
    "over",
    [{**LATER, "revoked_at": EARLIER}, {"created_at": EARLIER, "expires_at": EARLIER}],
    ids=["revoked", "expired"],
)
def test_a_session_that_is_over_cannot_be_revoked(over: dict[str, Any]):
    session = baker.make(UserSession, user=make_user("bob"), **over)
    revoked_at = columns(session, "revoked_at")
    assert signed_in(make_staff()).get(url(session, "revoke")).status_code == 409
    assert columns(session, "revoked_at") == revoked_at


def test_the_account_action_still_takes_tokens_without_a_session():
    bob = make_user("bob")
    token = baker.make(RefreshToken, user=bob, session=None)
    assert take(signed_in(make_staff()), bob, "revoke", confirm="bob").status_code == 302
    assert columns(token, "revoked_at = CURRENT_TIMESTAMP") == (True,)


@pytest.mark.parametrize("whose", ["own", "greater"])
def test_own_sessions_and_those_of_greater_accounts_are_refused(whose: str):
    alice = make_staff()
    owner = alice if whose == "own" else make_staff("admin", username="bob")
    session = baker.make(UserSession, user=owner, **LATER)
    assert signed_in(alice).get(url(session, "revoke")).status_code == 403
    assert columns(session, "revoked_at") == (None,)
