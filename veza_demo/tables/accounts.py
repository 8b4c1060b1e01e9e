"""Group 010: users, their identities, tokens and sessions."""

from functools import cache
from hashlib import blake2b

import bcrypt
import numpy as np

from veza_demo import words
from veza_demo.binary import Choices, PackedColumn, Piece, boolean, digits, integer, text, timestamp
from veza_demo.counts import table
from veza_demo.draws import Flags, Integers
from veza_demo.people import DAY, HOUR, KNOWN, MINUTE

from .base import Columns, Rows, sometimes

#: The password of all demo users who have a password.
PASSWORD = "demo listens to veza"  # noqa: S105 - printed by the command
HASHES = 4
#: bcrypt's cost: low, because the hashes must only be valid, not secure.
ROUNDS = 8
SALT_LETTERS = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

KNOWN_NAMES = words.words(KNOWN)

USER, PREMIUM, SUPPORT, MODERATOR, ADMIN, SUPER_ADMIN = range(6)


@cache
def password_hashes(seed: str) -> Choices:
    """Return a few hashes of the password, because one for each user would take too long."""
    hashes = []
    for number in range(HASHES):
        source = blake2b(f"{seed} {number}".encode(), digest_size=21).digest()
        # Only two bits of the 22nd character are used.
        letters = "".join(SALT_LETTERS[octet % 64] for octet in source) + "."
        salt = f"$2b${ROUNDS:02}${letters}"
        hashes.append(bcrypt.hashpw(PASSWORD.encode(), salt.encode()))
    return Choices(hashes)


def role_of(rows: Rows, users: Integers) -> Integers:
    """Return the users' roles, as indexes of `words.ROLES`."""
    staff = np.where(users < len(KNOWN), SUPPORT + users, SUPPORT + users % 3)
    premium = rows.world.draws("users").chance("premium", users, 0.12)
    return np.where(users < rows.world.counts.staff, staff, np.where(premium, PREMIUM, USER))


def without_password(rows: Rows, users: Integers) -> Flags:
    """Return the users who only sign in through another provider."""
    return (users % 10 == 6) & (users >= rows.world.counts.staff)


def email_pieces(rows: Rows, users: Integers) -> list[Piece | str]:
    """Return the users' e-mail addresses, which are unique."""
    world, draws = rows.world, rows.world.draws("users")
    known = users < len(KNOWN)
    given = draws.below("given name", users, len(words.GIVEN_ASCII))
    family = draws.below("family name", users, len(words.FAMILY_ASCII))
    tag = f".{world.tag}" if world.tag else ""
    return [
        KNOWN_NAMES.take(users).only(known),
        words.GIVEN_ASCII.take(given).only(~known),
        words.FAMILY_ASCII.take(family).only(~known),
        digits(users, world.counts.users).only(~known),
        f"{tag}@example.com",
    ]


def username_pieces(rows: Rows, users: Integers) -> list[Piece | str]:
    """Return the users' names, which are unique."""
    world, draws = rows.world, rows.world.draws("users")
    known = users < len(KNOWN)
    return [
        KNOWN_NAMES.take(users).only(known),
        words.MOOD.take(draws.below("name, first", users, len(words.MOOD))).only(~known),
        words.THING.take(draws.below("name, last", users, len(words.THING))).only(~known),
        digits(users, world.counts.users).only(~known),
        world.tag,
    ]


@table(rows=lambda counts: counts.users)
def users(rows: Rows) -> Columns:
    """Accounts: first staff, then the other users in the order of their sign-up."""
    world, number = rows.world, rows.numbers
    start, end = world.user_start(number), world.user_end(number)
    others = number >= world.counts.staff
    locked = (number % 100 == 31) & others
    lock_ahead = number % 200 == 31
    signed_in = ~others | rows.chance("signed in", 0.97)
    last_login = rows.between(np.maximum(start, end - 40 * DAY), end, "last login")
    failures = np.where(rows.chance("failed", 0.03), rows.below("failures", 4) + 1, 0)
    deleted = world.user_deleted(number)
    name = text(*username_pieces(rows, number))
    return rows.key() | {
        "email": text(*email_pieces(rows, number)),
        "username": name,
        "slug": name.unless(rows.chance("no slug", 0.1)),
        "password_hash": text(rows.choose("password", password_hashes(world.key))).unless(
            without_password(rows, number)
        ),
        "role": text(words.ROLES.take(role_of(rows, number))),
        "is_active": boolean(~((number % 100 == 19) & others)),
        "is_verified": boolean(~((number % 20 == 3) & others)),
        "is_banned": boolean((number % 100 == 7) & others),
        "token_version": integer(np.where(rows.chance("version", 0.1), rows.below("v", 5), 0)),
        "failed_login_count": integer(np.where(locked, 5 + rows.below("more", 6), failures)),
        "locked_until": sometimes(
            np.where(lock_ahead, world.now + 3 * DAY, end - rows.below("lock", 9) * HOUR), locked
        ),
        "last_login_at": sometimes(last_login, signed_in),
        **rows.times(start, np.where(deleted, end, np.where(signed_in, last_login, start))),
        "deleted_at": sometimes(end, deleted),
    }


@table(rows=lambda counts: counts.users // 10 * 2)
def federated_identities(rows: Rows) -> Columns:
    """Two in ten users have one; half of these have no password."""
    world, number = rows.world, rows.numbers
    only_way = number % 2 == 0
    user = number // 2 * 10 + np.where(only_way, 6, 1)
    start = world.user_start(user)
    end = world.user_end(user)
    created = np.where(only_way, start, rows.between(start, end))
    deleted = ~only_way & rows.chance("deleted", 0.15)
    gone = rows.between(created, end, "deleted at")
    address = PackedColumn(text(*email_pieces(rows, user)).pieces)
    return rows.key() | {
        "user_id": rows.refer("users", user),
        "provider": text(rows.choose_skewed("provider", words.PROVIDERS)),
        "provider_user_id": text(
            digits(rows.below("subject", 10**9) + 10**9, 10**10),
            digits(number, world.counts.users),
            world.tag,
        ),
        "email": address.unless(rows.chance("no email", 0.2)),
        "display_name": text(
            rows.choose("given", words.GIVEN_NAMES), " ", rows.choose("family", words.FAMILY_NAMES)
        ).unless(rows.chance("no name", 0.2)),
        "avatar_url": text(
            "https://avatars.example.com/", digits(number, world.counts.users)
        ).unless(rows.chance("no avatar", 0.2)),
        "access_token": text("demo-access-", rows.hexadecimal("access")).unless(
            rows.chance("no access", 0.1)
        ),
        "refresh_token": text("demo-refresh-", rows.hexadecimal("refresh")).unless(
            rows.chance("no refresh", 0.4)
        ),
        "token_expires_at": timestamp(created + rows.below("expiry", 90) * DAY).unless(
            rows.chance("no expiry", 0.15)
        ),
        **rows.times(created, np.where(deleted, gone, created)),
        "deleted_at": sometimes(gone, deleted),
    }


def _user_of(rows: Rows) -> Integers:
    return rows.world.listeners(rows.fraction("user"))


@table(rows=lambda counts: counts.users)
def refresh_tokens(rows: Rows) -> Columns:
    """Valid, revoked and expired tokens; most belong to a session."""
    world, session = rows.world, rows.numbers
    unknown = rows.chance("no session", 0.1)
    user = np.where(unknown, _user_of(rows), world.session_user(session))
    end = world.user_end(user)
    created = np.where(
        unknown,
        rows.lately(world.user_start(user), end),
        rows.between(world.session_start(session), world.session_last(session), "made at"),
    )
    # A token is exchanged for the next one, or ends with its session.
    exchanged = rows.chance("revoked", 0.2)
    exchanged_at = rows.between(created, np.minimum(created + 30 * DAY, end), "revoked at")
    with_session = ~unknown & world.session_revoked(session)
    revoked = exchanged | with_session
    revoked_at = np.where(
        with_session,
        np.where(
            exchanged,
            np.minimum(exchanged_at, world.session_revoked_at(session)),
            world.session_revoked_at(session),
        ),
        exchanged_at,
    )
    return rows.key() | {
        "user_id": rows.refer("users", user),
        "session_id": rows.refer("user_sessions", session).unless(unknown),
        "token_hash": rows.token_hash(),
        "expires_at": timestamp(created + 30 * DAY),
        "revoked_at": sometimes(revoked_at, revoked),
        "ip_address": rows.address().unless(rows.chance("no address", 0.05)),
        "user_agent": text(rows.choose_skewed("agent", words.USER_AGENTS)).unless(
            rows.chance("no agent", 0.05)
        ),
        **rows.times(created, np.where(revoked, revoked_at, created)),
    }


@table(rows=lambda counts: counts.users // 5)
def password_reset_tokens(rows: Rows) -> Columns:
    """Used and expired tokens, and some that can still be used."""
    world, user = rows.world, _user_of(rows)
    end = world.user_end(user)
    created = rows.lately(world.user_start(user), end, days=2)
    # The newest one can still be used.
    waiting = rows.chance("waiting", 0.1) & (end == world.now)
    created = np.where(waiting, np.maximum(created, end - 50 * MINUTE), created)
    used = ~waiting & rows.chance("used", 0.6)
    used_at = rows.between(created, np.minimum(created + HOUR, end), "used at")
    return rows.key() | {
        "user_id": rows.refer("users", user),
        "token_hash": rows.token_hash(),
        "expires_at": timestamp(created + HOUR),
        "used_at": sometimes(used_at, used),
        **rows.times(created, np.where(used, used_at, created)),
    }


@table(rows=lambda counts: counts.users // 4)
def email_verification_tokens(rows: Rows) -> Columns:
    """Used tokens for verified users, and expired or valid ones for the others."""
    world, user = rows.world, _user_of(rows)
    end = world.user_end(user)
    created = rows.lately(world.user_start(user), end, days=3)
    used = (user % 20 != 3) & rows.chance("used", 0.8)
    used_at = rows.between(created, np.minimum(created + 2 * DAY, end), "used at")
    return rows.key() | {
        "user_id": rows.refer("users", user),
        "email": text(*email_pieces(rows, user)),
        "token_hash": rows.token_hash(),
        "expires_at": timestamp(created + 2 * DAY),
        "used_at": sometimes(used_at, used),
        **rows.times(created, np.where(used, used_at, created)),
    }


@table(rows=lambda counts: counts.users)
def user_sessions(rows: Rows) -> Columns:
    """Live, expired and revoked sessions."""
    world, number = rows.world, rows.numbers
    user = world.session_user(number)
    last = world.session_last(number)
    revoked, revoked_at = world.session_revoked(number), world.session_revoked_at(number)
    device = rows.below("device", len(words.USER_AGENTS))
    return rows.key() | {
        "user_id": rows.refer("users", user),
        "token_hash": rows.token_hash(),
        "device_info": text(words.DEVICE_NAMES.take(device)).unless(rows.chance("unknown", 0.1)),
        "ip_address": rows.address().unless(rows.chance("no address", 0.05)),
        "user_agent": text(words.USER_AGENTS.take(device)).unless(rows.chance("no agent", 0.05)),
        "last_activity_at": timestamp(last),
        "expires_at": timestamp(last + 14 * DAY),
        "revoked_at": sometimes(revoked_at, revoked),
        **rows.times(world.session_start(number), np.where(revoked, revoked_at, last)),
    }
