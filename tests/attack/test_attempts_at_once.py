"""Concurrent attempts to sign in get no more tries than attempts one after another."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.staff import LOGIN, make_staff, post_sign_in
from veza_core.passwords import BCryptPasswordHasher
from veza_site.models import AttemptCount, HashingSlot
from veza_site.support import attempts, hashing
from veza_site.support.bounds import keyed_hash, of_sign_in


def at_once(*works: Any) -> list[Any]:
    """Run functions at the same time, each in a thread with its own connection; return their
    results.

    Their changes are committed, as in production.
    """
    barrier, tests_own = threading.Barrier(len(works)), connections["default"]

    def run(work: Any) -> Any:
        # A thread's own connection would be to the database of the settings.
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


def test_many_concurrent_attempts_do_not_exceed_the_limit(cleaned: Any) -> None:
    """The database counts them before the password is checked, so it works for processes too."""

    def attempt() -> bool:
        try:
            attempts.count(of_sign_in("alice", ["192.0.2.1/32"], None, None))
        except attempts.PausedError:
            return False
        return True

    assert sorted(at_once(*[attempt] * 12)) == [False] * 7 + [True] * 5


def test_so_many_passwords_are_hashed_at_once(
    cleaned: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others get 503 at once, and are not counted."""
    settings.SIGN_IN_HASHES_AT_ONCE, settings.SIGN_INS_AT_ONCE = 2, 9
    encode = BCryptPasswordHasher.encode
    hashed, others_answered = threading.Semaphore(0), threading.Event()

    def slow(self: Any, password: str, salt: Any) -> str:
        hashed.release()
        assert others_answered.wait(60)
        return encode(self, password, salt)

    def sign_in() -> Any:
        return post_sign_in(Client(), "alice", "wrong")

    def others() -> Any:
        """They run while two passwords are hashed."""
        try:
            assert all(hashed.acquire(timeout=60) for _ in range(2))
            with hashing.hashing(is_known=True):
                pass
            return post_sign_in(Client(), "bob", "wrong")
        finally:
            others_answered.set()

    def counted() -> bool:
        name = keyed_hash("bob")
        return AttemptCount.objects.filter(name=name, failures__gt=0).exists()

    monkeypatch.setattr(BCryptPasswordHasher, "encode", slow)
    *answers, refused = at_once(sign_in, sign_in, others)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert (refused.status_code, refused["Retry-After"]) == (503, "2")
    assert at_once(counted) == [False]
    (again,) = at_once(lambda: post_sign_in(Client(), "bob", "wrong"))
    assert again.status_code == 200


def test_attempts_that_wait_leave_threads_to_pages(
    knocking: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt above the limit is answered at once, without a lock or a query."""
    settings.SIGN_INS_AT_ONCE, settings.SECOND_FACTOR_REQUIRED = 1, False
    make_staff()
    known = Client()
    assert post_sign_in(known, "alice").status_code == 302
    count, answers = attempts.count, []

    def meanwhile(bounds: Any) -> Any:
        """The answers to others while this attempt is counted."""
        monkeypatch.setattr(attempts, "count", count)
        with CaptureQueriesContext(connection) as queries:
            answers.append((post_sign_in(Client(), "bob").status_code, len(queries)))
        answers.append(Client().get(LOGIN).status_code)
        answers.append(post_sign_in(known, "alice").status_code)
        return count(bounds)

    monkeypatch.setattr(attempts, "count", meanwhile)
    assert post_sign_in(Client(), "alice").status_code == 302
    assert answers == [(503, 0), 200, 302]
    assert post_sign_in(Client(), "bob").status_code == 200, "the place is free again"


@pytest.mark.parametrize("is_busy", [True, False])
def test_a_lock_that_is_held_while_an_attempt_is_taken_back(cleaned: Any, is_busy: bool) -> None:
    """The attempt stays counted, and gets the same answer as without the lock."""
    bounds = of_sign_in("alice", ["192.0.2.1/32"], None, None)

    def hold(begun: threading.Event, done: threading.Event) -> None:
        try:
            assert begun.wait(60)
            with transaction.atomic():
                list(HashingSlot.objects.select_for_update())
                list(AttemptCount.objects.select_for_update())
                done.set()
                assert answered.wait(60)
        finally:
            done.set()

    def take_back(begun: threading.Event, done: threading.Event) -> None:
        try:
            attempt = attempts.count(bounds)
            begun.set()
            assert done.wait(60)
            with connections["default"].cursor() as cursor:
                cursor.execute("SET lock_timeout = '10ms'")
            if not is_busy:
                attempt.take_back(succeeded=True)
                return
            with pytest.raises(attempts.BusyError), attempt.unless_busy():
                raise attempts.BusyError
        finally:
            begun.set()
            answered.set()

    events, answered = (threading.Event(), threading.Event()), threading.Event()
    at_once(lambda: hold(*events), lambda: take_back(*events))
    (failures,) = at_once(lambda: AttemptCount.objects.get(kind="name").failures)
    assert failures == 1


def test_a_form_that_lacks_something_is_not_hashed(client: Client, db: None) -> None:
    for data in ({"username": "alice"}, {"password": "x"}, {"username": "alice", "password": ""}):
        assert client.post(LOGIN, data).status_code == 200
    assert not AttemptCount.objects.exists()


@pytest.mark.parametrize(
    ("other", "waits"),
    [
        (("alice", [], None, None), True),
        (("alice@example.com", ["192.0.2.2/32"], None, "1"), True),
        # Otherwise the time would show that this is another account.
        (("bob", ["192.0.2.2/32"], None, "2"), True),
        (("unknown", ["2001:db8::/64"], None, None), True),
        # A stranger cannot lock the owner out.
        (("alice", ["192.0.2.2/32"], "device", "1"), False),
    ],
)
def test_a_count_that_is_held_for_long(cleaned: Any, other: Any, waits: bool) -> None:
    """The web process's role waits for a lock for a limited time, for any name."""
    bounds = of_sign_in("alice", ["192.0.2.1/32"], None, "1")

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
                attempts.count(of_sign_in(*other))
        finally:
            done.set()

    events = threading.Event(), threading.Event()
    at_once(lambda: hold(*events), lambda: meet(*events))
