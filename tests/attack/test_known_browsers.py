"""A browser with an earlier sign-in has its own count, so nobody can lock the owner out."""

from typing import Any

import pytest
from django.db.models import F
from django.test import Client

from tests.attack.test_guessing import statuses
from tests.staff import make_staff, post_sign_in
from veza_core.models import User
from veza_site.models import AttemptCount

COOKIE = "browser"


def known_browser(username: str = "alice") -> Client:
    """A browser in which somebody has signed in, and out again."""
    client = Client()
    assert post_sign_in(client, username).status_code == 302
    signed_out = client.post("/admin/logout/")
    assert COOKIE in client.cookies
    # A browser would then forget that it is known.
    # Neither "cookies" nor "*", which would make the browser a stranger's.
    assert signed_out["Clear-Site-Data"] == '"cache", "storage"'
    return client


@pytest.mark.django_db
def test_no_stranger_locks_the_owner_out() -> None:
    """Not even from the owner's own office."""
    make_staff()
    owner = known_browser()
    statuses(["alice"] * 12, [f"198.51.100.{number}" for number in range(12)])
    statuses(["alice@example.com"] * 12, [f"198.51.101.{number}" for number in range(12)])
    statuses([f"name{number}" for number in range(30)], ["127.0.0.1"] * 30)
    assert post_sign_in(Client(), "alice").status_code == 429
    for _ in range(4):
        assert post_sign_in(owner, "alice", "wrong").status_code == 200
    assert post_sign_in(owner, "alice@example.com").status_code == 302


@pytest.mark.django_db
def test_a_known_browser_is_bounded_too() -> None:
    """It may be stolen. Its address does not matter."""
    make_staff()
    owner = known_browser()
    answers = [
        post_sign_in(owner, name, "wrong", REMOTE_ADDR=f"198.51.100.{number}").status_code
        for number, name in enumerate(["alice", "alice@example.com"] * 4)
    ]
    assert answers == [200] * 5 + [429] * 3
    assert post_sign_in(owner, "alice").status_code == 429


@pytest.mark.django_db
def test_a_known_browser_is_known_for_its_own_account_only(settings: Any) -> None:
    make_staff()
    make_staff("admin", "bob")
    owner = known_browser()
    cookie = owner.cookies[COOKIE].value

    def is_known(value: str, name: str = "alice") -> bool:
        client = Client()
        client.cookies[COOKIE] = value
        AttemptCount.objects.all().delete()
        post_sign_in(client, name, "wrong")
        return AttemptCount.objects.filter(kind="browser").exists()

    assert is_known(cookie)
    assert not is_known(cookie, "bob")
    assert not is_known(cookie, "unknown")
    for forged in ("", "x", cookie[:-1] + ("A" if cookie[-1] != "A" else "B"), "a:b:c"):
        assert not is_known(forged)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "y" * 60
    assert is_known(cookie), "the key was rotated"
    settings.SECRET_KEY_FALLBACKS = []
    assert not is_known(cookie)


@pytest.mark.django_db
def test_a_browser_is_known_until_sessions_are_ended(settings: Any) -> None:
    alice = make_staff()
    owner = known_browser()
    cookie = owner.cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Strict", 7776000)
    User.objects.filter(pk=alice.pk).update(token_version=F("token_version") + 1)
    post_sign_in(owner, "alice", "wrong")
    assert not AttemptCount.objects.filter(kind="browser").exists()
    User.objects.filter(pk=alice.pk).update(token_version=alice.token_version)
    settings.KNOWN_BROWSER_DAYS = 0
    post_sign_in(owner, "alice", "wrong")
    assert not AttemptCount.objects.filter(kind="browser").exists()


@pytest.mark.django_db
def test_an_unfinished_sign_in_does_not_make_a_browser_known(settings: Any) -> None:
    settings.SECOND_FACTOR_REQUIRED = True
    make_staff()
    client = Client()
    assert post_sign_in(client, "alice").status_code == 302
    client.get("/admin/second-factor/")
    client.post("/admin/second-factor/", {"code": "000000"})
    assert COOKIE not in client.cookies
