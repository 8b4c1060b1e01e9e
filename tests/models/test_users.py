"""Accounts: how they are created, found, and signed in."""

import io
from datetime import timedelta

import pytest
from django.contrib.auth import authenticate, get_user
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client, RequestFactory
from django.utils import timezone

from veza_core.models import User, UserRole
from veza_core.passwords import BCryptPasswordHasher

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def _every_live_user_may_sign_in(settings):
    """Without the support admin's other conditions, which tests/site tests."""
    settings.AUTHENTICATION_BACKENDS = ["veza_core.authentication.LiveUserBackend"]


@pytest.fixture
def alice():
    return User.objects.create_user("alice@example.com", "alice", PASSWORD)


def test_create_user(alice):
    assert (alice.email, alice.username) == ("alice@example.com", "alice")
    assert alice.role == UserRole.USER
    assert not alice.is_superuser
    assert not alice.is_verified
    assert User.objects.get() == alice


def test_create_user_without_password():
    user = User.objects.create_user("alice@example.com", "alice")
    assert not user.has_usable_password()
    assert authenticate(username="alice", password="") is None


@pytest.fixture
def createsuperuser(monkeypatch):
    """`manage.py createsuperuser --noinput`, with the environment of scripts."""

    def run(email="root@example.com", username="root", password=PASSWORD):
        monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", password)
        call_command(
            "createsuperuser", interactive=False, email=email, username=username, verbosity=0
        )

    return run


def test_createsuperuser(createsuperuser):
    createsuperuser()
    user = User.objects.get()
    assert (user.email, user.username) == ("root@example.com", "root")
    assert user.role == UserRole.SUPER_ADMIN
    assert user.is_superuser
    assert user.is_verified
    assert authenticate(username="root@example.com", password=PASSWORD) == user


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"email": "alice@example.com"}, "idx_users_email"),
        ({"username": "alice"}, "idx_users_username"),
        ({"username": "al"}, "chk_users_username_length"),
        ({"username": "x" * 31}, "at most 30 characters"),
        ({"email": "nobody"}, "valid email"),
        ({"password": "x" * 73}, "72 bytes"),
    ],
)
def test_createsuperuser_refuses_in_one_line(createsuperuser, alice, arguments, message):
    with pytest.raises(CommandError, match=message) as caught:
        createsuperuser(**arguments)
    assert "\n" not in str(caught.value)
    assert User.objects.get() == alice


def test_createsuperuser_without_a_terminal_makes_nobody_and_says_so():
    """Django's command would succeed, and a script would continue without the account."""
    names = {"email": "root@example.com", "username": "root", "verbosity": 0}
    with pytest.raises(CommandError, match="standard input is not a terminal: use --noinput"):
        call_command("createsuperuser", stdin=io.StringIO(), **names)
    assert not User.objects.exists()


@pytest.mark.parametrize("identifier", ["alice@example.com", "alice"])
def test_sign_in(alice, identifier):
    assert authenticate(username=identifier, password=PASSWORD) == alice


@pytest.mark.parametrize(
    ("identifier", "password"),
    [
        ("alice@example.com", "wrong"),
        ("alice", "wrong"),
        ("alice", ""),
        ("alice", None),
        ("alice", PASSWORD + "x" * 72),
        ("bob", PASSWORD),
        ("", PASSWORD),
        (None, PASSWORD),
        ("example.com", PASSWORD),
    ],
)
def test_sign_in_is_refused(alice, identifier, password):
    assert authenticate(username=identifier, password=password) is None


def barred(**values):
    return pytest.param(values, id=next(iter(values)))


BARRED = [
    barred(deleted_at=timezone.now()),
    barred(is_banned=True),
    barred(is_active=False),
    barred(locked_until=timezone.now() + timedelta(days=1)),
]


@pytest.mark.parametrize("values", BARRED)
@pytest.mark.parametrize("identifier", ["alice@example.com", "alice"])
def test_barred_accounts_cannot_sign_in(alice, identifier, values):
    User.objects.update(**values)
    assert authenticate(username=identifier, password=PASSWORD) is None


#: Failed sign-ins lock an account, but end no session, because anybody can cause them.
LOCKED = BARRED[-1]


@pytest.mark.parametrize("values", BARRED)
def test_barred_accounts_are_signed_out(alice, values):
    """Every request of a session checks this again."""
    client = Client()
    assert client.login(username="alice", password=PASSWORD)
    request = RequestFactory().get("/")
    request.session = client.session
    assert get_user(request) == alice
    User.objects.update(**values)
    assert get_user(request).is_anonymous == (values not in LOCKED.values)


def test_a_lock_ends_by_itself(alice):
    User.objects.update(locked_until=timezone.now() - timedelta(seconds=1))
    assert authenticate(username="alice", password=PASSWORD) == alice


def test_a_deleted_account_makes_room_for_a_new_one(alice):
    alice.soft_delete()
    new = User.objects.create_user("alice@example.com", "alice", "another password")
    assert authenticate(username="alice", password=PASSWORD) is None
    assert authenticate(username="alice", password="another password") == new


@pytest.mark.parametrize("username", ["alice@example.com", "bob@home"])
def test_no_username_looks_like_an_email(alice, username):
    """So that nobody can sign in to another account, or lock it, by its e-mail."""
    with pytest.raises(IntegrityError, match="chk_users_username"), transaction.atomic():
        User.objects.create_user("mallory@example.com", username, PASSWORD)
    assert User.objects.get_by_natural_key("alice@example.com") == alice


@pytest.mark.parametrize("identifier", ["ALICE@Example.com", "Alice", "aLICE"])
def test_a_user_is_found_in_any_case(alice, identifier):
    assert authenticate(username=identifier, password=PASSWORD) == alice
    assert User.objects.get_by_natural_key(identifier) == alice


def test_an_address_is_kept_and_looked_up_in_lower_case():
    bob = User.objects.create_user(" Bob@EXAMPLE.com", "bob")
    assert bob.email == "bob@example.com"
    carol = User.objects.create(email="Carol@Example.com", username="carol")
    assert User.objects.get(email="CAROL@example.com") == carol
    carol.refresh_from_db()
    assert carol.email == "carol@example.com"


@pytest.mark.parametrize(("identifier", "password"), [("bob", PASSWORD), ("alice", "wrong")])
def test_an_unknown_user_costs_as_much_as_a_wrong_password(
    alice, monkeypatch, identifier, password
):
    hashed = []
    encode = BCryptPasswordHasher.encode

    def count(self, password, salt):
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(BCryptPasswordHasher, "encode", count)
    assert authenticate(username=identifier, password=password) is None
    assert hashed == [password]


def test_last_login_is_kept_in_last_login_at(alice):
    assert Client().login(username="alice", password=PASSWORD)
    alice.refresh_from_db()
    assert alice.last_login is not None
    assert User._meta.get_field("last_login").column == "last_login_at"
