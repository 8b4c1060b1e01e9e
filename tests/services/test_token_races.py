"""Tokens and sessions, two statements at the same time: see `racing`."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.queries.statements import replace, sql
from tests.services.conftest import LONGEST, new_user, wait_until
from tests.services.racing import concurrently

SOON = datetime.now(UTC) + timedelta(days=1)


def hashed() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def device(first, user):
    """A session."""
    return first.run("CreateSession", user, hashed(), None, None, None, SOON)[0]


@pytest.fixture
def token(first, user, device):
    token = hashed()
    first.run("CreateRefreshToken", user, device, token, SOON, None, None)
    return token


def rotate_at_once(first, second, token, statement):
    values = [[token, hashed(), SOON, None, None] for _ in "12"]
    return concurrently(first, second, statement, *values[0], of_second=values[1])


def test_a_refresh_token_is_exchanged_only_once(first, second, token):
    got = rotate_at_once(first, second, token, sql("RotateRefreshToken"))

    assert got[0]
    assert got[1] is None


def test_without_the_condition_it_is_exchanged_twice(first, second, token):
    unsafe = replace(sql("RotateRefreshToken"), "AND refresh_tokens.revoked_at IS NULL", "")

    got = rotate_at_once(first, second, token, unsafe)

    assert got[0]
    assert got[1]


def test_a_session_that_has_expired_ends_its_tokens(first, device, token):
    first.execute("UPDATE user_sessions SET expires_at = CURRENT_TIMESTAMP WHERE id = $1", device)

    assert first.run("RotateRefreshToken", token, hashed(), SOON, None, None) is None

    first.execute("UPDATE user_sessions SET expires_at = $2 WHERE id = $1", device, SOON)
    assert first.run("RotateRefreshToken", token, hashed(), SOON, None, None)


def test_a_token_that_is_used_twice_ends_its_session(first, second, user, device, token):
    successor, other = hashed(), hashed()
    another = first.run("CreateSession", user, hashed(), None, None, None, SOON)[0]
    first.run("CreateRefreshToken", user, another, other, SOON, None, None)
    # The thief's statement is running when the owner's begins.
    values = [token, successor, SOON, None, None]
    got = concurrently(first, second, sql("RotateRefreshToken"), *values)
    assert got[1] is None

    assert second.run("EndSessionOfReusedToken", token) == 1

    assert first.run("RotateRefreshToken", successor, hashed(), SOON, None, None) is None
    # The account's other devices stay signed in.
    assert first.run("RotateRefreshToken", other, hashed(), SOON, None, None)[2] == another
    assert second.run("EndSessionOfReusedToken", token) == 0
    # A token that was not used ends no session.
    assert second.run("EndSessionOfReusedToken", hashed()) == 0


@pytest.mark.parametrize("end", ["RevokeSession", "EndSessionOfReusedToken", "SignOutEverywhere"])
def test_a_refresh_token_created_while_its_session_ends_is_invalid(
    first, second, user, device, token, end
):
    last, successor = hashed(), hashed()
    first.run("RotateRefreshToken", token, last, SOON, None, None)
    arguments = {"RevokeSession": [device, user], "EndSessionOfReusedToken": [token]}
    first.begin()
    assert first.run("RotateRefreshToken", last, successor, SOON, None, None)
    coming = second.start(second.run, end, *arguments.get(end, [user]))
    wait_until(lambda: second.waits() or coming.done())
    first.commit()
    coming.result(LONGEST)

    assert first.run("RotateRefreshToken", successor, hashed(), SOON, None, None) is None


def test_one_device_is_signed_out_by_its_owner_only(first, user, device, token):
    assert first.run("RevokeSession", device, new_user(first)) == 0
    assert first.run("RefreshTokenByHash", token)[4] is None

    assert first.run("RevokeSession", device, user) == 1

    assert first.run("RefreshTokenByHash", token)[4] is not None
    assert first.run("RotateRefreshToken", token, hashed(), SOON, None, None) is None


@pytest.mark.parametrize(
    "state",
    ["is_banned = true", "is_active = false", "deleted_at = CURRENT_TIMESTAMP"],
)
def test_no_token_is_rotated_for_accounts_that_may_not_sign_in(first, user, token, state):
    first.execute(f"UPDATE users SET {state} WHERE id = $1", user)

    assert first.run("RotateRefreshToken", token, hashed(), SOON, None, None) is None


@pytest.mark.parametrize(
    ("create", "use"),
    [
        ("CreatePasswordResetToken", "UsePasswordResetToken"),
        ("CreateEmailVerificationToken", "UseEmailVerificationToken"),
    ],
)
def test_the_token_of_an_e_mail_is_used_once(first, second, user, create, use):
    token = hashed()
    email = first.one("SELECT email FROM users WHERE id = $1", user)
    first.run(create, *([user, token] if "Reset" in create else [user, email, token]), SOON)

    assert concurrently(first, second, sql(use), token) == ((user,), None)


def test_no_failed_sign_in_is_lost(first, second, user):
    values = [user, 2, 60]

    before, after = concurrently(first, second, sql("RecordFailedSignIn"), *values)

    assert before == (1, None)
    assert after[0] == 2
    assert after[1] > datetime.now(UTC)


def test_a_user_cannot_end_a_suspension_by_staff(first, user):
    """Neither a new password nor a wrong one changes it; a new password ends a lock."""
    lock = "UPDATE users SET locked_until = $2, failed_login_count = $3 WHERE id = $1 RETURNING id"
    ends = "SELECT locked_until FROM users WHERE id = $1"
    later = datetime.now(UTC) + timedelta(days=7)
    first.one(lock, user, later, 0)
    assert first.one(sql("RecordFailedSignIn"), user, 1, 60) is None
    first.run("ChangePassword", user, None)
    assert first.one(ends, user) == later

    first.one(lock, user, later, 5)
    first.run("ChangePassword", user, None)
    assert first.one(ends, user) is None


def test_an_identity_is_never_moved_to_another_user(first, second, user):
    identity = ["provider", hashed(), None, None, None, "secret", None, None]

    got = concurrently(
        first,
        second,
        sql("SaveIdentity"),
        user,
        *identity,
        of_second=[new_user(first), *identity],
    )

    assert got[0]
    assert got[1] is None
    assert first.run("SaveIdentity", user, *identity) == got[0]
