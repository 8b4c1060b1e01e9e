"""No statement and no row contains a session's key or a secret of the second factor."""

from base64 import b32encode
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.staff import make_staff, post_sign_in
from veza_site.support import keyed, second_factor
from veza_site.support.session_store import SessionStore, stored

pytestmark = pytest.mark.django_db

CODE = "/admin/second-factor/"


@pytest.fixture
def asked(settings: Any) -> Any:
    settings.SECOND_FACTOR_REQUIRED = True
    return settings


def enrol(client: Client) -> tuple[TOTPDevice, list[str]]:
    """Sign in for the first time; return the authenticator, and the shown recovery codes."""
    assert post_sign_in(client, "alice").status_code == 302
    client.get(CODE)
    device = TOTPDevice.objects.get()
    answer = client.post(CODE, {"code": f"{totp(device.bin_key):06}"})
    return device, answer.context["codes"]


def key_of(client: Client) -> str:
    return client.cookies[django_settings.SESSION_COOKIE_NAME].value


def test_not_in_any_statement(asked: Any) -> None:
    make_staff()
    client, keys = Client(), set()
    with CaptureQueriesContext(connection) as captured:
        device, codes = enrol(client)
        keys.add(key_of(client))
        assert client.get("/admin/").status_code == 200
        client.post("/admin/logout/")
        post_sign_in(client, "alice")
        keys.add(key_of(client))
        assert client.post(CODE, {"code": codes[0]}).status_code == 200
        keys.add(key_of(client))
        assert client.get("/admin/").status_code == 200
        call_command("clearsessions")
    secret = keyed.authenticator_secret(device)
    telling = {
        *keys,
        secret.hex(),
        b32encode(secret).decode(),
        *(second_factor.normalize(code) for code in codes),
    }
    text = "\n".join(query["sql"] for query in captured).lower()
    assert "insert into" in text
    assert len(keys) >= 2
    assert not [word for word in telling if word.lower() in text]


def test_a_digest_opens_nothing(asked: Any) -> None:
    """The tables give no cookie, no authenticator and no recovery code."""
    make_staff()
    client = Client()
    device, codes = enrol(client)
    row = Session.objects.get()
    assert row.session_key == stored(key_of(client))
    thief = Client()
    thief.cookies[django_settings.SESSION_COOKIE_NAME] = row.session_key
    assert thief.get("/admin/").status_code == 302
    post_sign_in(thief, "alice")
    for code in (
        f"{totp(bytes.fromhex(device.key)):06}",
        *StaticToken.objects.values_list("token", flat=True)[:2],
    ):
        TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
        assert "wrong" in thief.post(CODE, {"code": code}).text
    assert thief.get("/admin/").status_code == 302
    assert {len(second_factor.normalize(code)) * 5 >= 128 for code in codes} == {True}
    assert {len(token) for token in StaticToken.objects.values_list("token", flat=True)} == {64}


def test_a_recovery_code_is_good_for_its_owner_alone(asked: Any) -> None:
    make_staff()
    _, codes = enrol(Client())
    code = second_factor.normalize(codes[0])
    alice, bob = make_staff(username="bob"), make_staff(username="carol")
    assert keyed.digest(alice, code) != keyed.digest(bob, code)


def test_another_secret_key(asked: Any) -> None:
    """After a rotation the old key works as a fallback, and otherwise not."""
    user = make_staff()
    device, codes = enrol(Client())
    before = keyed.authenticator_secret(device)
    tokens = list(StaticToken.objects.values_list("token", flat=True))
    code = second_factor.normalize(codes[0])
    asked.SECRET_KEY, asked.SECRET_KEY_FALLBACKS = "y" * 60, [asked.SECRET_KEY]
    assert keyed.authenticator_secret(device) == before
    assert keyed.stored_digest(user, code, tokens) in tokens
    asked.SECRET_KEY_FALLBACKS = []
    assert keyed.authenticator_secret(device) != before
    assert keyed.stored_digest(user, code, tokens) == ""


def test_a_session_is_kept_and_ended(db: None) -> None:
    session = SessionStore()
    session["x"] = 1
    session.save()
    key = session.session_key
    assert key is not None
    assert SessionStore(key)["x"] == 1
    assert SessionStore().exists(key)
    again = SessionStore(key)
    again["x"] = 2
    again.save()
    again.cycle_key()
    assert again.session_key != key
    assert SessionStore(again.session_key)["x"] == 2
    assert not SessionStore().exists(key)
    again.flush()
    assert not Session.objects.exists()
    assert SessionStore("unknown").load() == {}
