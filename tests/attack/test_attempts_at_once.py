"""Attempts to sign in that meet: many at once come no further than one after the other."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import pytest
from django.db import connections, transaction
from django.test import Client

from tests.staff import LOGIN, post_sign_in
from veza_core.passwords import BCryptPasswordHasher
from veza_site.models import AttemptCount, HashingSlot
from veza_site.support import attempts, hashing


def at_once(*works: Any) -> list[Any]:
    """What they give that begin together, each in a thread with a connection of its own.

    What they write is there to stay, as in production.
    """
    barrier, tests_own = threading.Barrier(len(works)), connections["default"]

    def run(work: Any) -> Any:
        # A thread's own would be to the database of the settings.
        connections["default"] = type(tests_own)({**tests_own.settings_dict}, "default")
        barrier.wait(60)
        try:
            return work()
        finally:
            connections["default"].close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


@pytest.fixture
def cleaned(db: Any) -> Any:
    yield
    at_once(lambda: (AttemptCount.objects.all().delete(), HashingSlot.objects.all().delete()))


def test_of_many_attempts_at_once_no_more_pass(cleaned: Any) -> None:
    """The database counts them before the password is looked at: processes are as these threads."""

    def attempt() -> bool:
        try:
            attempts.count(attempts.of_sign_in("alice", ["192.0.2.1/32"], None, None))
        except attempts.PausedError:
            return False
        return True

    assert sorted(at_once(*[attempt] * 12)) == [False] * 7 + [True] * 5


def test_so_many_passwords_are_hashed_at_once(
    cleaned: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are told to come again, at once, and nothing is counted against them."""
    settings.SIGN_IN_HASHES_AT_ONCE = 2
    encode = BCryptPasswordHasher.encode
    hashed, others_answered = threading.Semaphore(0), threading.Event()

    def slow(self: Any, password: str, salt: Any) -> str:
        hashed.release()
        assert others_answered.wait(60)
        return encode(self, password, salt)

    def sign_in() -> Any:
        return post_sign_in(Client(), "alice", "wrong")

    def others() -> Any:
        """They ask when two are hashed."""
        try:
            assert all(hashed.acquire(timeout=60) for _ in range(2))
            with hashing.hashing(is_known=True):
                pass
            return post_sign_in(Client(), "bob", "wrong")
        finally:
            others_answered.set()

    def counted() -> bool:
        name = attempts.keyed_hash("bob")
        return AttemptCount.objects.filter(name=name, failures__gt=0).exists()

    monkeypatch.setattr(BCryptPasswordHasher, "encode", slow)
    *answers, refused = at_once(sign_in, sign_in, others)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert (refused.status_code, refused["Retry-After"]) == (503, "2")
    assert at_once(counted) == [False]
    (again,) = at_once(lambda: post_sign_in(Client(), "bob", "wrong"))
    assert again.status_code == 200


def test_a_form_that_lacks_something_is_not_hashed(client: Client, db: None) -> None:
    for data in ({"username": "alice"}, {"password": "x"}, {"username": "alice", "password": ""}):
        assert client.post(LOGIN, data).status_code == 200
    assert not AttemptCount.objects.exists()


@pytest.mark.parametrize(
    ("other", "waits"),
    [
        (("alice", [], None, None), True),
        (("alice@example.com", ["192.0.2.2/32"], None, "1"), True),
        # Or the time would tell that this is another account.
        (("bob", ["192.0.2.2/32"], None, "2"), True),
        (("unknown", ["2001:db8::/64"], None, None), True),
        # No stranger shuts the owner out.
        (("alice", ["192.0.2.2/32"], "device", "1"), False),
    ],
)
def test_a_count_that_is_held_for_long(cleaned: Any, other: Any, waits: bool) -> None:
    """The role of the web process waits for a lock for a bounded time, whatever the name."""
    bounds = attempts.of_sign_in("alice", ["192.0.2.1/32"], None, "1")

    def hold(begun: threading.Event, done: threading.Event) -> None:
        try:
            with transaction.atomic():
                attempts.count(bounds)
                begun.set()
                assert done.wait(60)
        finally:
            begun.set()

    def meet(begun: threading.Event, done: threading.Event) -> None:
        try:
            assert begun.wait(60)
            with connections["default"].cursor() as cursor:
                cursor.execute("SET lock_timeout = '10ms'")
            with pytest.raises(attempts.BusyError) if waits else nullcontext():
                attempts.count(attempts.of_sign_in(*other))
        finally:
            done.set()

    events = threading.Event(), threading.Event()
    at_once(lambda: hold(*events), lambda: meet(*events))
