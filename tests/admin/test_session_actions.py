"""One device is signed out: its session, and the refresh tokens that would renew it."""

from datetime import UTC, datetime

import pytest
from model_bakery import baker

from tests.acting import columns, entries, take, url
from tests.staff import make_staff, make_user, signed_in
from veza_core.models import RefreshToken, UserSession

pytestmark = pytest.mark.django_db

EARLIER = datetime(2026, 1, 1, tzinfo=UTC)


def test_ending_a_session_revokes_its_refresh_tokens():
    bob = make_user("bob")
    session, other = baker.make(UserSession, user=bob, _quantity=2)
    token, revoked = baker.make(
        RefreshToken, user=bob, session=session, revoked_at=iter([None, EARLIER]), _quantity=2
    )
    others = [baker.make(RefreshToken, user=bob, session=kept) for kept in (other, None)]
    assert take(signed_in(make_staff()), session, "revoke").status_code == 302
    assert columns(session, "revoked_at = CURRENT_TIMESTAMP") == (True,)
    assert columns(token, "revoked_at = CURRENT_TIMESTAMP") == (True,)
    assert columns(revoked, "revoked_at") == (EARLIER,)
    for row in (other, *others):
        assert columns(row, "revoked_at") == (None,)
    (entry,) = entries("user_sessions.revoke")
    assert (entry.after or {})["refresh_tokens_revoked"] == 1


def test_a_revoked_session_cannot_be_revoked_again():
    session = baker.make(UserSession, user=make_user("bob"), revoked_at=EARLIER)
    assert signed_in(make_staff()).get(url(session, "revoke")).status_code == 409


def test_the_account_action_still_takes_tokens_without_a_session():
    bob = make_user("bob")
    token = baker.make(RefreshToken, user=bob, session=None)
    assert take(signed_in(make_staff()), bob, "revoke", confirm="bob").status_code == 302
    assert columns(token, "revoked_at = CURRENT_TIMESTAMP") == (True,)


@pytest.mark.parametrize("whose", ["own", "greater"])
def test_own_sessions_and_those_of_greater_accounts_are_refused(whose: str):
    alice = make_staff()
    owner = alice if whose == "own" else make_staff("admin", username="bob")
    session = baker.make(UserSession, user=owner)
    assert signed_in(alice).get(url(session, "revoke")).status_code == 403
    assert columns(session, "revoked_at") == (None,)
