"""What ends a session: idle time, age, and changes of the account."""

import time
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.test import Client
from django.utils import timezone

from tests.acting import take
from tests.staff import grant, make_staff, make_user, post_sign_in, signed_in
from veza_core.models import User, UserRole
from veza_site.support import sessions

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return make_staff()


@pytest.fixture
def client(alice):
    client = signed_in(alice)
    assert client.get("/admin/").status_code == 200
    return client


def is_in(client):
    return client.get("/admin/").status_code == 200


def age(client, **seconds):
    """Move the session's times into the past."""
    session = client.session
    for name, value in seconds.items():
        session[name] = int(time.time()) - value
    session.save()


def test_idle(client):
    age(client, seen_at=30 * 60 - 100)
    assert is_in(client)
    assert client.session[sessions.SEEN_AT] >= time.time() - 50, "it was seen just now"
    age(client, seen_at=30 * 60)
    assert not is_in(client)
    assert not Session.objects.exists()


def test_eight_hours(client):
    age(client, signed_in_at=8 * 3600 - 100)
    assert is_in(client)
    age(client, signed_in_at=8 * 3600)
    assert not is_in(client)
    assert not Session.objects.exists()


def test_settings(client, settings):
    settings.SESSION_COOKIE_AGE = 60
    age(client, seen_at=61)
    assert not is_in(client)


def test_a_session_without_times_is_expired(client):
    session = client.session
    del session[sessions.SIGNED_IN_AT]
    session.save()
    assert not is_in(client)


def test_reading_writes_the_session_once_a_minute_at_most(client, django_assert_num_queries):
    page = "/admin/jsi18n/"  # which has no queries of its own
    with django_assert_num_queries(4) as queries:
        assert client.get(page).status_code == 200
    assert [query["sql"].split()[0] for query in queries] == ["SELECT"] * 4
    age(client, seen_at=61)
    with django_assert_num_queries(8) as queries:
        client.get(page)
    assert [query["sql"].split()[0] for query in queries].count("UPDATE") == 2


@pytest.mark.parametrize(
    "values",
    [
        {"is_banned": True},
        {"is_active": False},
        {"deleted_at": timezone.now()},
        {"token_version": F("token_version") + 1},
    ],
    ids=lambda values: next(iter(values)),
)
def test_what_happens_to_the_account_ends_it_at_once(client, alice, values):
    User.objects.filter(pk=alice.pk).update(**values)
    assert not is_in(client)
    assert not Session.objects.exists()
    # It stays ended when the account is as before.
    User.all_objects.filter(pk=alice.pk).update(is_banned=False, is_active=True, deleted_at=None)
    assert not is_in(client)


def test_a_lock_by_a_service_ends_no_session(client, alice):
    """Otherwise a stranger could end it with wrong passwords. Only the next sign-in is refused."""
    until = timezone.now() + timedelta(hours=1)
    User.objects.filter(pk=alice.pk).update(locked_until=until, failed_login_count=5)
    assert is_in(client)
    assert post_sign_in(Client(), "alice").status_code == 200
    User.objects.filter(pk=alice.pk).update(locked_until=timezone.now() - timedelta(seconds=1))
    assert post_sign_in(Client(), "alice").status_code == 302


def test_a_suspension_by_staff_ends_it(client, alice):
    """It sets the same column, and raises `token_version`."""
    boss = signed_in(make_user("boss", role=UserRole.SUPER_ADMIN))
    assert take(boss, alice, "suspend", days=7, confirm=alice.username).status_code == 302
    assert not is_in(client)
    assert post_sign_in(Client(), "alice").status_code == 200


def test_a_hard_deletion_ends_it(client, alice):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM users WHERE id = %s", [alice.pk])
    assert not is_in(client)


def test_a_role_that_ends_while_signed_in(client, alice):
    alice.role_assignments.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert not is_in(client)
    grant(alice, "admin")
    assert not is_in(client), "the sign-in has to be shown again"


def test_it_is_a_row_of_the_database(client):
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM django.django_session")
        assert cursor.fetchone() == (1,)
    Session.objects.all().delete()
    assert not is_in(client)


def test_the_cookie(client, settings):
    settings.SESSION_SAVE_EVERY_REQUEST = True
    cookie = client.get("/admin/").cookies[settings.SESSION_COOKIE_NAME]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert not cookie["max-age"], "it goes with the browser"


def test_anonymous_requests_ask_nothing(client, django_assert_num_queries):
    client.cookies.clear()
    with django_assert_num_queries(0):
        assert client.get("/admin/").status_code == 302
        assert client.get("/admin/login/").status_code == 200


def test_changepassword_ends_them(alice, client, monkeypatch):
    monkeypatch.setattr("getpass.getpass", lambda prompt: "another horse")
    call_command("changepassword", alice.email, verbosity=0, stdout=StringIO())
    assert User.objects.get().token_version == alice.token_version + 1
    assert not is_in(client)
    # A sign-in replaces a hash with fewer rounds.
    alice = User.objects.get()
    alice.set_password("another horse")
    alice._password = None
    alice.save(update_fields=["password"])
    alice.username = "alicia"
    alice.save()
    assert User.objects.get().token_version == 1
    alice.set_password("a third horse")
    alice.save(update_fields=["password"])
    assert alice.token_version == User.objects.get().token_version == 2
    # The new password is not saved, so it ends no session.
    alice.set_password("a fourth horse")
    alice.save(update_fields=["username"])
    assert User.objects.get().token_version == 2
