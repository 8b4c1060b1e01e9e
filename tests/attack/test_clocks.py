"""A wrong clock of the site's machine lets nobody in, and locks nobody out permanently.

docs/security.md says which clock decides what.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.attack.people import sign_in
from tests.attack.test_guessing import pass_time
from tests.staff import PASSWORD, grant, make_staff, make_user, post_sign_in, signed_in
from veza_site.models import StaffLogEntry
from veza_site.support import second_factor, sessions

pytestmark = pytest.mark.django_db

MINUTES, DAY = 5 * 60, 24 * 3600
DRIFTS = (-DAY, -MINUTES, MINUTES, DAY)
#: The error of the machine's clock, in seconds.
Drift = Callable[[int], None]


@pytest.fixture
def drift(monkeypatch: pytest.MonkeyPatch) -> Drift:
    right, now = time.time, timezone.now

    def set_to(seconds: int) -> None:
        monkeypatch.setattr(time, "time", lambda: right() + seconds)
        monkeypatch.setattr(timezone, "now", lambda: now() + timedelta(seconds=seconds))

    return set_to


@pytest.mark.parametrize("seconds", DRIFTS)
def test_the_database_times_the_pauses(seconds: int, drift: Drift) -> None:
    """If two machines count in turn, neither ends the pauses of the other."""
    make_staff()
    for number in range(5):
        drift(seconds * (number % 2))
        assert post_sign_in(Client(), "alice", "wrong").status_code == 200
    for wrong in (0, seconds):
        drift(wrong)
        paused = post_sign_in(Client(), "alice")
        assert paused.status_code == 429
        assert int(paused["Retry-After"]) <= 15 * 60
    pass_time(minutes=15)
    assert post_sign_in(Client(), "alice").status_code == 302


@pytest.mark.parametrize("seconds", DRIFTS)
def test_a_password_is_enough_at_any_time(seconds: int, drift: Drift) -> None:
    make_staff()
    drift(seconds)
    client = Client()
    assert post_sign_in(client, "alice").status_code == 302
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize("seconds", DRIFTS)
def test_the_database_ends_a_lock(seconds: int, drift: Drift) -> None:
    """Neither early nor late."""
    locked = make_staff()
    for minutes in (1, -1):
        locked.locked_until = timezone.now() + timedelta(minutes=minutes)
        locked.save()
        drift(seconds)
        assert post_sign_in(Client(), "alice").status_code == (200 if minutes > 0 else 302)
        drift(0)


@pytest.mark.parametrize("seconds", DRIFTS)
def test_setting_the_clock_back_does_not_extend_a_session(seconds: int, drift: Drift) -> None:
    client = signed_in(make_staff())
    drift(seconds)
    assert (client.get("/admin/").status_code == 200) == (abs(seconds) == MINUTES)


@pytest.mark.parametrize("seconds", [*DRIFTS, -2 * MINUTES - 120, 2 * MINUTES])
def test_a_second_factor_expires_with_either_clock(
    seconds: int, drift: Drift, settings: Any
) -> None:
    settings.SECOND_FACTOR_REQUIRED = True
    session = sign_in(make_staff()).session
    assert not sessions.needs_second_factor_again(session)
    drift(seconds)
    assert sessions.needs_second_factor_again(session) == (abs(seconds) > MINUTES)


@pytest.mark.parametrize("seconds", DRIFTS)
def test_codes_of_another_time(seconds: int, drift: Drift, settings: Any) -> None:
    """Then an authenticator's codes are wrong. Recovery codes do not depend on the time."""
    settings.SECOND_FACTOR_REQUIRED = True
    alice = make_staff()
    device = TOTPDevice.objects.create(user=alice, confirmed=True)
    [recovery, *_] = second_factor._new_recovery_codes(alice)
    code = f"{totp(device.bin_key):06}"
    drift(seconds)
    client = Client()
    assert post_sign_in(client, "alice").status_code == 302
    assert client.post("/admin/second-factor/", {"code": code}).status_code == 200
    assert client.get("/admin/").status_code == 302
    assert "9 are left" in client.post("/admin/second-factor/", {"code": recovery}).text
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize("seconds", [-MINUTES, -DAY])
def test_no_code_comes_back_with_a_clock_that_is_put_back(
    seconds: int, drift: Drift, settings: Any
) -> None:
    """Somebody has seen unused codes of some minutes ago."""
    settings.SECOND_FACTOR_REQUIRED = True
    alice = make_staff()
    device = TOTPDevice.objects.create(user=alice, confirmed=True)
    seen = f"{totp(device.bin_key, drift=seconds // 30):06}"
    owner = Client()
    post_sign_in(owner, "alice")
    code = f"{totp(device.bin_key):06}"
    assert owner.post("/admin/second-factor/", {"code": code}).status_code == 302
    drift(seconds)
    thief = Client()
    post_sign_in(thief, "alice")
    for each in (seen, code):
        assert thief.post("/admin/second-factor/", {"code": each}).status_code == 200
    assert thief.get("/admin/").status_code == 302


@pytest.mark.parametrize("seconds", DRIFTS)
def test_the_database_ends_roles_and_stamps_entries(seconds: int, drift: Drift) -> None:
    before = timezone.now()
    bob = make_user("bob")
    held = grant(bob, "support", expires_at=before + timedelta(hours=1))
    drift(seconds)
    client = Client()
    assert post_sign_in(client, "bob", PASSWORD).status_code == 302
    entry = StaffLogEntry.objects.latest("id")
    assert before <= entry.created_at < before + timedelta(minutes=4)
    held.expires_at = before - timedelta(seconds=1)
    held.save()
    assert client.get("/admin/").status_code == 302
