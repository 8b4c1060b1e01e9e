"""Password hashes as the Go API reads and writes them."""

import re

import bcrypt
import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from model_bakery import baker

from veza_core.models import User
from veza_core.passwords import BCryptPasswordHasher, MaximumBytesValidator

pytestmark = pytest.mark.django_db
proves = pytest.mark.proves

#: From the tests of Go's golang.org/x/crypto/bcrypt, and of OpenBSD's crypt_blowfish.
PUBLISHED = {
    "allmine": "$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga",
    "U*U": "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
}


def raw(user):
    """The value of the column."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT password_hash FROM users WHERE id = %s", [user.pk])
        return cursor.fetchone()[0]


def user_with(hash_):
    """A user whose hash another service wrote."""
    user = baker.make(User)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE users SET password_hash = %s WHERE id = %s", [hash_, user.pk])
    return User.objects.get(pk=user.pk)


@pytest.mark.parametrize("password", PUBLISHED)
def test_published_hashes(password):
    assert user_with(PUBLISHED[password]).check_password(password)
    assert not user_with(PUBLISHED[password]).check_password(password + "!")


@pytest.mark.parametrize("password", ["correct horse", "pässwörd", "x" * 72])
def test_hashes_of_the_go_api(password):
    hash_ = bcrypt.hashpw(password.encode(), bcrypt.gensalt(10, prefix=b"2a")).decode()
    assert hash_.startswith("$2a$10$")
    user = user_with(hash_)
    assert not user.check_password(password[:-1])
    assert raw(user) == hash_
    assert user.check_password(password)
    # A sign-in changes the hash to this project's cost; Go reads the cost from the hash.
    assert raw(user) == user.password.removeprefix("bcrypt$") != hash_
    assert User.objects.get(pk=user.pk).check_password(password)


@pytest.mark.parametrize(
    "hash_", ["$2b$31$" + "a" * 53, "$2b$12$" + "a" * 53, "$2a$04$" + "a" * 53]
)
def test_a_hash_of_no_password(hash_, monkeypatch):
    """A hash that would take hours, or that has an invalid salt, takes as long as one of ours."""
    costs = []
    hashpw, user = bcrypt.hashpw, user_with(hash_)

    def note(word, salt):
        cost = int(salt[4:6])
        assert cost <= 14, "it was tried"
        made = hashpw(word, salt)
        costs.append(cost)
        return made

    monkeypatch.setattr(bcrypt, "hashpw", note)
    assert not user.check_password("correct horse")
    assert costs == [BCryptPasswordHasher.rounds]


@proves("else a bcrypt string as the Go API writes it, `$2a$…`/`$2b$…`, nothing in front")
def test_what_is_written():
    user = User.objects.create_user("a@example.com", "alice", "correct horse")
    assert re.fullmatch(r"\$2b\$04\$[./A-Za-z0-9]{53}", raw(user))
    assert bcrypt.checkpw(b"correct horse", raw(user).encode())
    read = User.objects.get(pk=user.pk)
    assert read.check_password("correct horse")
    read.save()
    assert raw(read) == raw(user)


def test_cost_of_production(monkeypatch):
    monkeypatch.undo()
    user = User()
    user.set_password("correct horse")
    assert user.password.startswith("bcrypt$$2b$12$")


def test_no_password():
    assert not User().has_usable_password()
    assert not User().check_password("")
    user = user_with(None)
    assert not user.has_usable_password()
    assert not user.check_password("")
    assert not user.check_password("!")
    user.save()
    assert raw(user) is None


@pytest.mark.parametrize("unusable", [None, make_password(None)], ids=["none", "unusable"])
def test_unusable_password_is_null(unusable):
    user = User.objects.create_user("a@example.com", "alice", "correct horse")
    user.password = unusable
    user.save()
    assert raw(user) is None
    user.set_password(None)
    user.save()
    assert raw(user) is None
    assert not user.has_usable_password()
    assert not user.check_password("correct horse")


LONGEST = ["x" * 72, "é" * 36, "🎵" * 18]


@pytest.mark.parametrize("password", LONGEST)
def test_password_of_72_bytes_is_accepted(password):
    MaximumBytesValidator().validate(password)
    user = User.objects.create_user("a@example.com", "alice", password)
    assert user.check_password(password)
    assert not user.check_password(password[:-1])
    assert bcrypt.checkpw(password.encode(), raw(user).encode())


@pytest.mark.parametrize("password", [longest + "x" for longest in LONGEST])
def test_more_than_72_bytes_are_refused(password):
    user = User.objects.create_user("a@example.com", "alice", password[:-1])
    with pytest.raises(ValueError, match="72 bytes"):
        user.set_password(password)
    with pytest.raises(ValueError, match="72 bytes"):
        User.objects.create_user("b@example.com", "bob", password)
    # Truncated to 72 bytes, it would match.
    assert not user.check_password(password)
    with pytest.raises(ValidationError, match="72 bytes") as caught:
        validate_password(password)
    assert caught.value.error_list[0].code == "password_too_long"


@pytest.mark.parametrize(
    "hash_",
    [
        "pbkdf2_sha256$1000000$salt$hash",
        "bcrypt_sha256$$2b$12$" + "a" * 53,
        "bcrypt$pbkdf2",
        "bcrypt$$2b$12$short",
        "$2b$12$" + "a" * 53,
        "plain text",
        "",
    ],
)
def test_a_hash_other_than_bcrypt_is_not_written(hash_):
    user = User.objects.create_user("a@example.com", "alice", "correct horse")
    before = raw(user)
    user.password = hash_
    with pytest.raises(ValueError, match="bcrypt"), transaction.atomic():
        user.save()
    assert raw(user) == before


@pytest.mark.parametrize("password", ["Zx9-wq!", "password123", "20261129", "alicecooper"])
def test_weak_passwords_are_refused(password):
    """Shorter than eight characters, common, only digits, or similar to the account's names."""
    with pytest.raises(ValidationError):
        validate_password(password, User(username="alicecooper", email="alice@example.com"))


@pytest.mark.parametrize("password", ["x" * 6 + "yz", "only lower case", "é" * 36, "w" * 64 + "v"])
def test_no_kind_of_letter_is_asked_for(password):
    validate_password(password, User(username="alicecooper", email="alice@example.com"))
