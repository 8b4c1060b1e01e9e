"""The first step of the sign-in: one answer for all errors, and limits for attempts."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.hashers import get_hasher
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.staff import LOGIN, PASSWORD, make_staff, make_user, post_sign_in
from veza_core.models import User
from veza_core.passwords import BCryptPasswordHasher
from veza_site.models import AttemptCount, StaffLogEntry

pytestmark = pytest.mark.django_db

#: States of an account that also end sessions.
ENDED = [{"deleted_at": timezone.now()}, {"is_banned": True}, {"is_active": False}]
BARRED = [*ENDED, {"locked_until": timezone.now() + timedelta(days=1)}]


@pytest.mark.parametrize("identifier", ["alice", "alice@example.com"])
def test_sign_in(client, identifier):
    alice = make_staff()
    response = post_sign_in(client, identifier)
    assert (response.status_code, response["Location"]) == (302, "/admin/")
    assert client.get("/admin/").status_code == 200
    entry = StaffLogEntry.objects.get()
    assert (entry.action, entry.staff_id, entry.staff_name) == ("sign_in", alice.pk, "alice")
    assert (entry.address, entry.subject_table) == ("127.0.0.1", "")


def test_next_page(client):
    make_staff()
    data = {"username": "alice", "password": PASSWORD}
    assert client.post(LOGIN, {**data, "next": "/admin/?q=1"})["Location"] == "/admin/?q=1"
    for evil in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        assert Client().post(LOGIN, {**data, "next": evil})["Location"] == "/admin/"


def answer(client, identifier, password=PASSWORD):
    """The visible part of a refusal, without the parts that differ between pages."""
    response = post_sign_in(client, identifier, password)
    page = re.sub(r'(csrfmiddlewaretoken" value|nonce|username" value)="[^"]*"', "", response.text)
    return response.status_code, sorted(response.cookies), page


def test_every_refusal_reads_the_same(client):
    make_staff("support", "staff")
    make_user("nobody")
    User.objects.create_user("federated@example.com", "federated")
    unknown = answer(Client(), "unknown")
    assert unknown[0] == 200
    assert "Wrong name or password" in unknown[2]
    assert answer(Client(), "staff", "wrong") == unknown
    assert answer(Client(), "nobody", "wrong") == unknown
    assert answer(Client(), "nobody") == unknown
    assert answer(Client(), "federated") == unknown
    for number, values in enumerate(BARRED):
        barred = make_staff("admin", f"barred{number}")
        User.objects.filter(pk=barred.pk).update(**values)
        assert answer(Client(), barred.username) == unknown
    assert not StaffLogEntry.objects.exists()


@pytest.fixture
def work(monkeypatch):
    """The bcrypt hashes that are computed, each with 2^cost rounds."""
    done = []
    encode = BCryptPasswordHasher.encode

    def count(self, password, salt):
        done.append(2 ** int(salt.decode().split("$")[2]))
        return encode(self, password, salt)

    monkeypatch.setattr(BCryptPasswordHasher, "encode", count)
    monkeypatch.setattr(BCryptPasswordHasher, "rounds", 6)
    return done


def with_cost(user, cost):
    """Give the password a hash of another cost, as the Go API writes one."""
    hasher = get_hasher()
    hasher.rounds = cost
    user.password = hasher.encode(PASSWORD, hasher.salt())
    user.save()
    return user


@pytest.mark.parametrize("cost", [4, 5, 6])
@pytest.mark.parametrize(
    ("identifier", "password"),
    [
        *(("unknown", PASSWORD), ("staff", "wrong"), ("nobody", "wrong"), ("nobody", PASSWORD)),
        *(("federated", PASSWORD), ("banned", PASSWORD), ("banned", "wrong")),
    ],
)
def test_every_refusal_costs_the_same(client, work, cost, identifier, password):
    """Hashes of the Go API are cheaper than ours, but all refusals cost the same, also in
    queries.
    """
    hasher_cost = BCryptPasswordHasher.rounds
    BCryptPasswordHasher.rounds = cost
    make_staff("support", "staff")
    make_user("nobody")
    make_staff("admin", "banned", is_banned=True)
    User.objects.create_user("federated@example.com", "federated")
    BCryptPasswordHasher.rounds = hasher_cost
    work.clear()
    with CaptureQueriesContext(connection) as queries:
        assert post_sign_in(client, identifier, password).status_code == 200
    assert sum(work) == 2**6
    tables = [re.findall(r'(?:FROM|INTO|UPDATE) "?(\w+)', query["sql"])[:1] for query in queries]
    assert [table for [table] in filter(None, tables) if table in ("users", "user_roles")] == [
        "users",  # the account
        "user_roles",  # what it may do
    ]


def test_a_successful_sign_in_updates_the_cost_of_the_hash(client, monkeypatch):
    monkeypatch.setattr(BCryptPasswordHasher, "rounds", 4)
    alice = make_staff()
    monkeypatch.setattr(BCryptPasswordHasher, "rounds", 5)
    assert post_sign_in(client, "alice").status_code == 302
    alice.refresh_from_db()
    assert alice.password.startswith("bcrypt$$2b$05$")
    assert alice.check_password(PASSWORD)


def test_five_attempts(client):
    make_staff()
    for _ in range(5):
        assert post_sign_in(client, "alice", "wrong").status_code == 200
    refused = post_sign_in(client, "alice")
    assert refused.status_code == 429
    assert 600 <= int(refused["Retry-After"]) <= 900
    assert "Wait 15 minutes" in refused.text
    assert post_sign_in(client, "alice", REMOTE_ADDR="192.0.2.7").status_code == 302


def test_more_attempts_do_not_extend_the_pause(client):
    make_staff()
    for _ in range(5):
        post_sign_in(client, "alice", "wrong")
    counts = list(AttemptCount.objects.order_by("key").values())
    assert post_sign_in(client, "alice", "wrong").status_code == 429
    assert list(AttemptCount.objects.order_by("key").values()) == counts


@pytest.mark.parametrize("name", ["unknown", "nobody"])
def test_attempts_at_others_are_counted_alike(client, name):
    """Not even a right password reveals that an account exists."""
    make_user("nobody")
    answers = [post_sign_in(client, name).status_code for _ in range(6)]
    assert answers == [200] * 5 + [429]


@pytest.mark.parametrize("change", [str.strip, str.lower, str.swapcase, lambda word: word[:-1]])
def test_a_password_is_checked_as_it_was_typed(change):
    word = "  Correct Horse  Battery "
    user = make_staff()
    user.set_password(word)
    user.save()
    assert post_sign_in(Client(), "alice", change(word)).status_code == 200
    assert post_sign_in(Client(), "alice", word).status_code == 302


def test_a_pause_ends(client):
    make_staff()
    for _ in range(5):
        post_sign_in(client, "alice", "wrong")
    pass_time(minutes=14)
    assert post_sign_in(client, "alice").status_code == 429
    pass_time(minutes=1, seconds=1)
    assert post_sign_in(client, "alice").status_code == 302


def pass_time(**spans):
    """Change the counts as if this much time had passed."""
    span = timedelta(**spans)
    times = ("last_at", "free_at", "expires_at")
    AttemptCount.objects.update(**{name: F(name) - span for name in times})


def test_a_successful_sign_in_clears_the_attempts(client):
    make_staff()
    for _ in range(4):
        post_sign_in(client, "alice", "wrong")
    assert post_sign_in(client, "alice").status_code == 302
    assert [post_sign_in(Client(), "alice", "wrong").status_code for _ in range(6)] == [
        *[200] * 5,
        429,
    ]


def test_a_stored_attempt_contains_nothing_that_was_typed(client):
    post_sign_in(client, "alice", "s3cret")
    rows = str(list(AttemptCount.objects.values()))
    assert "127.0.0.1/32" in rows
    assert "alice" not in rows
    assert "s3cret" not in rows


def test_address_behind_a_proxy(client, settings):
    """Only the last entry is used, because the proxy added it; the client wrote the others."""
    forwarded = {"headers": {"x-forwarded-for": "203.0.113.9, 198.51.100.4"}}
    make_staff()
    networks = AttemptCount.objects.filter(kind="network")
    settings.BEHIND_TLS_PROXY = True
    post_sign_in(client, "alice", "wrong", **forwarded)
    assert networks.filter(network="198.51.100.4/32").exists()
    assert networks.count() == 1


@pytest.mark.parametrize(
    "forwarded", ["", "nonsense", "203.0.113.9, ", "203.0.113.9, unknown", "\x00", "1.2.3.4:80"]
)
def test_an_invalid_forwarded_address(client, settings, forwarded):
    settings.BEHIND_TLS_PROXY = True
    make_staff()
    response = post_sign_in(client, "alice", headers={"x-forwarded-for": forwarded})
    assert response.status_code == 400
    assert not StaffLogEntry.objects.exists()


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "é" * 200, "' OR 1=1 --", "a@b@c", " "])
@pytest.mark.parametrize("password", ["a\0b", "x" * 5000])
def test_odd_input_is_refused_like_any_other(client, name, password):
    assert post_sign_in(client, name, password).status_code == 200


def test_a_session_key_is_never_kept(client):
    """Against session fixation: a key that was known before the sign-in is not valid after it."""
    make_staff()
    session = client.session
    session["planted"] = True
    session.save()
    before = session.session_key
    assert post_sign_in(client, "alice").status_code == 302
    assert client.session.session_key != before


def test_sign_out(client):
    make_staff()
    post_sign_in(client, "alice")
    assert client.get("/admin/logout/").status_code == 302
    assert client.get("/admin/").status_code == 200, "a link signs nobody out"
    assert client.post("/admin/logout/")["Location"] == "/admin/login/"
    assert client.get("/admin/").status_code == 302
    assert [entry.action for entry in StaffLogEntry.objects.order_by("id")] == [
        "sign_in",
        "sign_out",
    ]


def test_nothing_reads_or_changes_a_password(client):
    make_staff()
    post_sign_in(client, "alice")
    for path in ("password_change/", "password_change/done/", "r/1/1/"):
        assert client.get(f"/admin/{path}").status_code == 404
