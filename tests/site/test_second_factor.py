"""The second step of the sign-in: an authenticator's codes, and recovery codes."""

import re
import time
from types import SimpleNamespace

import pytest
from django.test import Client
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.staff import PASSWORD, make_staff, make_user, post_sign_in
from veza_site.models import AttemptCount, StaffLogEntry
from veza_site.support import second_factor

pytestmark = pytest.mark.django_db

PAGE = "/admin/second-factor/"


NOW = time.time()


@pytest.fixture(autouse=True)
def _required(settings, monkeypatch):
    """Codes are checked at a fixed time. Otherwise a test could fail at the next time step."""
    settings.SECOND_FACTOR_REQUIRED = True
    clock = SimpleNamespace(time=lambda: NOW)
    monkeypatch.setattr("django_otp.plugins.otp_totp.models.time", clock)


def code_of(device, steps=0):
    """The code that an authenticator shows, some steps of 30 s from now."""
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
    totp.time = NOW + steps * device.step
    return f"{totp.token():06}"


def wrong_code(device):
    """Six digits that are not a valid code now or a few steps from now."""
    right = {code_of(device, steps) for steps in range(-3, 4)}
    return next(code for code in ("000000", "111111", "222222", "333333") if code not in right)


def half_way(username="alice"):
    client = Client()
    assert post_sign_in(client, username).status_code == 302
    return client


@pytest.fixture
def alice():
    return make_staff()


@pytest.fixture
def enrolled(alice):
    """Alice's authenticator, confirmed, and her recovery codes."""
    client = half_way()
    client.get(PAGE)
    device = TOTPDevice.objects.get()
    page = client.post(PAGE, {"code": code_of(device)})
    codes = re.findall(r"<code>([a-z2-7 ]+)</code>", page.text)
    TOTPDevice.objects.update(last_t=-1)
    return TOTPDevice.objects.get(), codes


def test_the_password_alone_opens_nothing(alice):
    client = half_way()
    for path in ("/admin/", "/admin/jsi18n/", "/admin/autocomplete/", "/admin/nothing/here/"):
        response = client.get(path)
        assert response.status_code == 302
        assert response["Location"].startswith("/admin/login/")
    assert not StaffLogEntry.objects.exists()


@pytest.mark.parametrize("required", [True, False])
def test_a_sign_in_changes_the_token_of_forms(alice, settings, required):
    """The token changes at the sign-in, so knowing the earlier one does not help."""
    settings.SECOND_FACTOR_REQUIRED = required
    client = Client(enforce_csrf_checks=True)
    before = client.get("/admin/login/").context["csrf_token"]
    fields = {"username": "alice", "password": PASSWORD}
    answer = client.post("/admin/login/", {**fields, "csrfmiddlewaretoken": before})
    assert answer.status_code == 302
    path = PAGE if required else "/admin/sessions/"
    after = str(client.get(path).context["csrf_token"])
    for token, status in ((before, 403), (after, 302)):
        fields = {"csrfmiddlewaretoken": token, "cancel": "", "end": "others"}
        assert client.post(path, fields).status_code == status


def test_the_way_through_the_pages(alice):
    client = Client()
    response = client.post(
        "/admin/login/", {"username": "alice", "password": "correct horse", "next": "/admin/?a=b"}
    )
    assert response["Location"] == f"{PAGE}?next=%2Fadmin%2F%3Fa%3Db"
    assert client.get("/admin/login/?next=/admin/")["Location"] == f"{PAGE}?next=%2Fadmin%2F"
    page = client.get(response["Location"])
    assert '<input type="hidden" name="next" value="/admin/?a=b">' in page.text


def test_enrolment(alice):
    client = half_way()
    page = client.get(PAGE)
    device = TOTPDevice.objects.get()
    assert not device.confirmed
    assert "<svg" in page.text
    assert second_factor.secret_of(device) in page.text
    assert client.get(PAGE).text.count(second_factor.secret_of(device)) == 1, "reloaded, the same"
    wrong = client.post(PAGE, {"code": wrong_code(device)})
    assert "That code is wrong" in wrong.text
    assert client.get("/admin/").status_code == 302
    for _ in range(2):
        client.post(PAGE, {"code": wrong_code(device)})
    assert "Too many wrong codes" in client.post(PAGE, {"code": code_of(device)}).text
    AttemptCount.objects.all().delete()
    key = client.session.session_key
    done = client.post(PAGE, {"code": code_of(device), "next": "/admin/?a=b"})
    codes = re.findall(r"<code>([a-z2-7 ]+)</code>", done.text)
    assert len(set(codes)) == 10
    assert 'href="/admin/?a=b"' in done.text
    assert client.session.session_key != key
    assert client.get("/admin/").status_code == 200
    assert client.get(PAGE)["Location"] == "/admin/", "codes are shown once"
    assert TOTPDevice.objects.get().confirmed
    actions = StaffLogEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == [*["second_factor.refuse"] * 3, "second_factor.enrol"]


def test_the_picture_says_what_the_secret_is(alice):
    """Tests in the browser read it with an independent decoder; this one checks its URL."""
    client = half_way()
    client.get(PAGE)
    device = TOTPDevice.objects.get()
    device.user = alice
    assert device.config_url.startswith("otpauth://totp/Veza%20support%3Aalice%40example.com?")
    assert second_factor.qr_code(device) in client.get(PAGE).text
    assert "style" not in second_factor.qr_code(device)


def test_what_is_stored_of_recovery_codes(enrolled):
    _, codes = enrolled
    stored = set(StaticToken.objects.values_list("token", flat=True))
    assert len(stored) == 10
    assert not stored & {code.replace(" ", "") for code in codes}


def test_a_secret_that_another_session_was_shown_is_never_confirmed(alice):
    """Somebody with the password who opens the page first sees a secret that will not be used."""
    client = half_way()
    client.get(PAGE)
    seen = TOTPDevice.objects.get()
    other = half_way()
    other.get(PAGE)
    own = TOTPDevice.objects.exclude(pk=seen.pk).get()
    assert "That code is wrong" in other.post(PAGE, {"code": code_of(seen)}).text
    AttemptCount.objects.all().delete()
    assert "Recovery codes" in other.post(PAGE, {"code": code_of(own)}).text
    assert list(TOTPDevice.objects.all()) == [own]
    assert "Second factor" in client.post(PAGE, {"code": code_of(seen)}).text
    assert client.get("/admin/").status_code == 302


def test_the_first_of_two_concurrent_enrolments_wins(enrolled, alice, rf):
    """The second one opened the page before the first one finished, and confirms later."""
    request = rf.get(PAGE)
    request.session = half_way().session
    second = second_factor.begin_enrolment(request, alice)
    assert second_factor.confirm_enrolment(request, alice, code_of(second)) == []
    assert TOTPDevice.objects.filter(confirmed=True).get() == enrolled[0]


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_sign_in(enrolled, steps):
    device, _ = enrolled
    client = half_way()
    key = client.session.session_key
    response = client.post(PAGE, {"code": code_of(device, steps), "next": "/admin/?a=b"})
    assert response["Location"] == "/admin/?a=b"
    assert client.session.session_key != key
    assert client.get("/admin/").status_code == 200
    assert StaffLogEntry.objects.order_by("-id")[0].action == "sign_in"


@pytest.mark.parametrize("shape", ["{} {}", "{}-{}", " {}{} "])
def test_a_code_with_spaces_and_dashes(enrolled, shape):
    code = code_of(enrolled[0])
    response = half_way().post(PAGE, {"code": shape.format(code[:3], code[3:])})
    assert response.status_code == 302


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "abc", "\x00", "é" * 6, "٣" * 6, "x" * 999]
)
def test_odd_codes(enrolled, code):
    client = half_way()
    assert "That code is wrong" in client.post(PAGE, {"code": code}).text
    assert client.get("/admin/").status_code == 302


@pytest.mark.parametrize("steps", [-2, 2])
def test_codes_of_another_time(enrolled, steps):
    response = half_way().post(PAGE, {"code": code_of(enrolled[0], steps)})
    assert "That code is wrong" in response.text


def test_no_code_counts_twice(enrolled):
    code = code_of(enrolled[0])
    assert half_way().post(PAGE, {"code": code}).status_code == 302
    assert "was used before" in half_way().post(PAGE, {"code": code}).text


def test_wrong_codes_are_throttled(enrolled):
    device, _ = enrolled
    client = half_way()
    assert "That code is wrong" in client.post(PAGE, {"code": wrong_code(device)}).text
    AttemptCount.objects.filter(kind="code").update(failures=9, free_at=timezone.now())
    assert "That code is wrong" in client.post(PAGE, {"code": wrong_code(device)}).text
    refused = client.post(PAGE, {"code": code_of(device)})
    assert re.search(r"Too many wrong codes. Try again in 12[678] s\.", refused.text)
    # The count belongs to the account: a new session does not reset it.
    assert "Too many wrong codes" in half_way().post(PAGE, {"code": code_of(device)}).text
    AttemptCount.objects.filter(kind="code").update(free_at=timezone.now())
    assert half_way().post(PAGE, {"code": code_of(device)}).status_code == 302


def test_the_pause_has_a_ceiling(enrolled, settings):
    device, codes = enrolled
    settings.SECOND_FACTOR_PAUSE_MINUTES = 2
    client = half_way()
    for code in (wrong_code(device), "aaaa bbbb cccc dddd"):
        client.post(PAGE, {"code": code})
        AttemptCount.objects.filter(kind="code").update(failures=1000, free_at=timezone.now())
        client.post(PAGE, {"code": code})
        assert "Try again in 120 s." in client.post(PAGE, {"code": code}).text
        AttemptCount.objects.all().delete()
    assert client.post(PAGE, {"code": codes[0]}).status_code == 200


def test_a_refused_code_is_logged(enrolled, alice):
    device, _ = enrolled
    half_way().post(PAGE, {"code": wrong_code(device)})
    entry = StaffLogEntry.objects.order_by("-id")[0]
    assert (entry.action, entry.staff_id) == ("second_factor.refuse", alice.pk)


def test_recovery_codes(enrolled):
    _, codes = enrolled
    client = half_way()
    page = client.post(PAGE, {"code": codes[3].upper()})
    assert "9 are left" in page.text
    assert client.get("/admin/").status_code == 200
    assert "was used before" in half_way().post(PAGE, {"code": codes[3]}).text
    actions = [entry.action for entry in StaffLogEntry.objects.order_by("id")]
    assert actions[-3:] == ["sign_in", "second_factor.recover", "second_factor.refuse"]


def test_a_code_of_somebody_else(enrolled):
    device, codes = enrolled
    make_staff("admin", "bob")
    client = half_way("bob")
    client.get(PAGE)
    for code in (code_of(device), codes[0]):
        client.post(PAGE, {"code": code})
        assert client.get("/admin/").status_code == 302


def test_somebody_else_instead(enrolled):
    client = half_way()
    assert client.post(PAGE, {"cancel": "1"})["Location"] == "/admin/login/"
    assert client.get("/admin/login/").status_code == 200
    assert client.get(PAGE)["Location"] == "/admin/login/"


def test_who_may_not_enter_never_gets_here():
    make_user("nobody")
    client = Client()
    assert post_sign_in(client, "nobody").status_code == 200
    assert client.get(PAGE)["Location"] == "/admin/login/"
    assert not TOTPDevice.objects.exists()


def test_reset_ends_sessions_and_requires_a_new_enrolment(enrolled, alice):
    device, _ = enrolled
    client, waiting = half_way(), half_way()
    assert client.post(PAGE, {"code": code_of(device)}).status_code == 302
    assert second_factor.reset(alice)
    assert not second_factor.reset(alice)
    assert not TOTPDevice.objects.exists()
    assert not StaticDevice.objects.exists()
    assert client.get("/admin/").status_code == 302
    for session in (client, waiting):
        assert session.get(PAGE)["Location"] == "/admin/login/", "nobody can continue to enrol"
    assert "Set up your second factor" in half_way().get(PAGE).text


def test_a_session_ends_with_its_device(enrolled):
    """Even if only the device is removed, the session cannot enrol another one."""
    device, _ = enrolled
    client = half_way()
    client.post(PAGE, {"code": code_of(device)})
    TOTPDevice.objects.all().delete()
    assert client.get("/admin/").status_code == 302
    assert client.get(PAGE)["Location"] == "/admin/login/"


def test_no_page_of_it_reads_the_hash(enrolled, django_assert_max_num_queries):
    client = half_way()
    with django_assert_max_num_queries(10) as queries:
        client.get(PAGE)
    assert not [query for query in queries if "password_hash" in query["sql"]]


def test_pages_are_not_kept_by_the_browser(enrolled):
    assert "no-store" in half_way().get(PAGE)["Cache-Control"]


def test_not_required_in_development(settings, alice):
    settings.SECOND_FACTOR_REQUIRED = False
    client = half_way()
    assert client.get("/admin/").status_code == 200
    assert client.get(PAGE)["Location"] == "/admin/"
