"""Guessing passwords and codes: from one network, from many, and at many names."""

import re
import unicodedata
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F, Value
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.site.test_sign_in import BARRED
from tests.staff import PASSWORD, make_staff, make_user, post_sign_in
from veza_core.models import User
from veza_site.models import AttemptCount, StaffLogEntry
from veza_site.support import attempts
from veza_site.support.bounds import hash_of_name, of_sign_in
from veza_site.support.networks import networks_of


def pass_time(**spans: float) -> None:
    """Change the counts as if this much time had passed."""
    span = timedelta(**spans)
    times = ("last_at", "free_at", "expires_at")
    AttemptCount.objects.update(**{name: F(name) - span for name in times})


def statuses(names: Any, addresses: Any) -> list[int]:
    """The answers to guesses, each with a new browser."""
    return [
        post_sign_in(Client(), name, "wrong", REMOTE_ADDR=address).status_code
        for name, address in zip(names, addresses, strict=True)
    ]


def seen(response: Any) -> Any:
    """An answer without the parts that differ between any two answers."""
    varied = r'(csrfmiddlewaretoken" value|nonce|username" value)="[^"]*"|\d+ minutes?\b'
    page = re.sub(varied, "", response.text)
    # The page contains the typed name, so its length differs.
    others = ("Retry-After", "Expires", "Content-Length")
    headers = {name: value for name, value in response.headers.items() if name not in others}
    policy = headers.pop("Content-Security-Policy")
    headers["Content-Security-Policy"] = re.sub(r"'nonce-[^']*'", "", policy)
    # Seconds pass between two answers, so pauses are compared in units of 5 minutes.
    waits = round(int(response.headers.get("Retry-After", 0)) / 300)
    return response.status_code, headers, sorted(response.cookies), waits, page


# Names and accounts -------------------------------------------------------------------------------


def every_kind_of_name() -> list[str]:
    """Names of accounts in all states, and names without an account."""
    make_staff("support", "staff")
    make_user("stranger")
    User.objects.create_user("federated@example.com", "federated")
    names = ["unknown", "unknown@example.com", "staff", "staff@example.com", "stranger",
             "federated"]  # fmt: skip
    # Hashes that a service could write: one that takes hours, and one with an invalid salt.
    for name, hash_ in {"costly": "$2b$31$" + "a" * 53, "broken": "$2a$10$" + "a" * 53}.items():
        user = make_staff("support", name)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE users SET password_hash = %s WHERE id = %s", [hash_, user.pk])
        names.append(name)
    for number, values in enumerate(BARRED):
        barred = make_staff("admin", f"barred{number}")
        User.all_objects.filter(pk=barred.pk).update(**values)
        names.append(barred.username)
    return names


@pytest.mark.django_db
def test_a_series_of_guesses_gets_the_same_responses_for_every_name() -> None:
    """Also the first one over the limit, and those after the pause."""
    names = every_kind_of_name()
    for number in range(12):
        answers = {
            # From separate addresses, so that the counts do not add up.
            name: seen(post_sign_in(Client(), name, "wrong", REMOTE_ADDR=f"192.0.2.{index}"))
            for index, name in enumerate(names)
        }
        assert len({str(answer) for answer in answers.values()}) == 1, number
        assert answers["unknown"][0] == (429 if number in range(5, 9) else 200)
        if number == 8:
            pass_time(minutes=16)


@pytest.mark.django_db
@pytest.mark.parametrize("password", ["wrong", PASSWORD])
def test_attempts_at_one_name_say_nothing_of_another(password: str) -> None:
    """Otherwise 429 for a guessed e-mail would show whose it is."""
    make_user("stranger")
    for _ in range(6):
        last = post_sign_in(Client(), "stranger", password)
    assert last.status_code == 429
    assert post_sign_in(Client(), "stranger@example.com", password).status_code == 200
    assert post_sign_in(Client(), "nobody@example.com", password).status_code == 200


#: The names of an account, and two names without an account.
BOTH = ("alice", "alice@example.com")
NOBODY = ("unknown", "unknown@example.com")


def guesses(names: tuple[str, str], password: str) -> list[str]:
    """The answers to guesses at two names in turn, from three networks in turn."""
    return [
        str(seen(post_sign_in(Client(), names[number % 2], password, REMOTE_ADDR=f"{base}{place}")))
        for base in ("192.0.2.", "2001:db8:")
        for number in range(16)
        for place in (f"{number % 3}" if base.endswith(".") else f"{number % 3:x}::1",)
    ]


@pytest.mark.django_db
def test_no_answer_tells_which_names_are_of_one_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not before the account's pause, not during it, and not with the right password then."""
    monkeypatch.setattr(attempts, "CLOCK", Value(timezone.now()))
    make_staff()
    for password in ("wrong", PASSWORD):
        if password == PASSWORD:
            pass_time(minutes=15)
            statuses(BOTH * 5 + NOBODY * 5, [f"198.51.100.{place}" for place in range(20)])
        assert guesses(BOTH, password) == guesses(NOBODY, password)


@pytest.mark.django_db
def test_the_queries_are_the_same_while_an_account_pauses() -> None:
    make_staff()
    for names in (BOTH, NOBODY):
        statuses(names * 5, [f"198.51.100.{place}" for place in range(10)])
    kinds = set()
    for name in (*BOTH, *NOBODY):
        with CaptureQueriesContext(connection) as queries:
            post_sign_in(Client(), name, "wrong", REMOTE_ADDR="192.0.2.77")
        kinds.add(tuple(query["sql"].split()[0] for query in queries))
    assert len(kinds) == 1


@pytest.mark.django_db
def test_the_queries_are_the_same_for_every_name() -> None:
    names = every_kind_of_name()
    post_sign_in(Client(), "first", "wrong")  # which makes the slots
    kinds = set()
    for name in names:
        with CaptureQueriesContext(connection) as queries:
            post_sign_in(Client(), name, "wrong", REMOTE_ADDR="192.0.2.77")
        AttemptCount.objects.all().delete()
        kinds.add(tuple(query["sql"].split()[0] for query in queries))
    assert len(kinds) == 1


@pytest.mark.django_db
def test_no_account_comes_with_the_schema() -> None:
    assert not User.all_objects.exists()


# Limits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "networks"),
    [
        ("192.0.2.7", ["192.0.2.7/32"]),
        ("::ffff:192.0.2.7", ["192.0.2.7/32"]),
        ("::ffff:c000:207", ["192.0.2.7/32"]),
        ("2002:c000:207::1", ["192.0.2.7/32"]),
        ("2001:0:5ef5:79fd:0:fbff:3fff:fdf8", ["192.0.2.7/32"]),
        # Otherwise one client would delay all clients with IPv4.
        ("64:ff9b::192.0.2.7", ["192.0.2.7/32"]),
        ("64:ff9b:0:0:0:1:c000:207", ["64:ff9b::/64", "64:ff9b::/48"]),
        ("2001:db8:1:2:3:4:5:6", ["2001:db8:1:2::/64", "2001:db8:1::/48"]),
        ("fe80::1%eth0", ["fe80::/64", "fe80::/48"]),
        (None, []),
    ],
)
def test_networks(address: str | None, networks: list[str]) -> None:
    assert networks_of(address) == networks


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["", "%eth0", "%\n2026-01-01T00:00:00.000+00:00 forged"])
def test_an_address_is_kept_without_its_zone(zone: str) -> None:
    """PostgreSQL's inet has no zone, and a zone may be any text (RFC 4007, 11)."""
    make_staff()
    assert post_sign_in(Client(), "alice", REMOTE_ADDR=f"fe80::1{zone}").status_code == 302
    assert StaffLogEntry.objects.get().address == "fe80::1"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "addresses",
    [
        [f"2001:db8:1:2::{number:x}" for number in range(12)],
        ["192.0.2.1", "::ffff:192.0.2.1"] * 6,
    ],
    ids=["one /64", "one address in two spellings"],
)
def test_one_name_from_one_network(addresses: list[str]) -> None:
    make_staff()
    assert statuses(["alice"] * 12, addresses) == [200] * 5 + [429] * 7


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8:1:2::{:x}"])
def test_many_names_from_one_network(address: str) -> None:
    names = [f"name{number}" for number in range(32)]
    addresses = [address.format(number) for number in range(32)]
    assert statuses(names, addresses) == [200] * 20 + [429] * 12
    pass_time(minutes=16)
    assert statuses(["another"], [address.format(99)]) == [200]


@pytest.mark.django_db
def test_many_networks_of_one_site(settings: Any) -> None:
    settings.SIGN_IN_ATTEMPTS_PER_NETWORK = 2
    addresses = [f"2001:db8:1:{number:x}::1" for number in range(10)]
    names = [f"name{number}" for number in range(10)]
    assert statuses(names, addresses) == [200] * 8 + [429] * 2


@pytest.mark.django_db
def test_one_name_from_many_networks() -> None:
    """Ten attempts, and then one after a minute, after two, four, … and an hour."""
    make_staff()
    addresses = [f"198.51.{number // 250}.{number % 250}" for number in range(1, 99)]
    assert statuses(["alice"] * 11, addresses[:11]) == [200] * 10 + [429]
    pauses = []
    for address in addresses[11:20]:
        refused = post_sign_in(Client(), "alice", PASSWORD, REMOTE_ADDR=address)
        assert refused.status_code == 429, "not even the right one"
        pauses.append(round(int(refused["Retry-After"]) / 60))
        pass_time(seconds=int(refused["Retry-After"]))
        assert statuses(["alice"], [address]) == [200]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("place", "tries", "pause"),
    [("192.0.2.1", 5, 15), ("192.0.2.{}", 10, 1)],
    ids=["one network", "many networks"],
)
def test_an_account_has_one_budget_for_all_of_its_names(place: str, tries: int, pause: int) -> None:
    """Attempts above it fail like wrong passwords, and do not prolong the pause."""
    make_staff()
    names = [BOTH[number % 2] for number in range(tries + 2)]
    addresses = [place.format(number) for number in range(tries + 2)]

    def right() -> list[int]:
        return [
            post_sign_in(Client(), name, REMOTE_ADDR=place.format(99)).status_code for name in BOTH
        ]

    statuses(names[: tries - 1], addresses[: tries - 1])
    assert right() == [302, 302]
    AttemptCount.objects.all().delete()
    assert statuses(names, addresses) == [200] * (tries + 2)
    counts = {count.kind: count.failures for count in AttemptCount.objects.all()}
    assert counts["account"] == tries
    assert right() == [200, 200]
    pass_time(minutes=pause, seconds=1)
    assert right() == [302, 302]


@pytest.mark.django_db
def test_no_spelling_of_a_name_has_a_count_of_its_own() -> None:
    """All spellings that find one account have one count, by the database's own comparison."""
    make_staff(username="alicia")
    spellings = [
        "alicia",
        "ALICIA",
        "al\u0131cia",
        "alic\u0131a",
        "al\u0131c\u0131a",
        "AL\u0131CIA",
    ]
    assert [post_sign_in(Client(), each).status_code for each in spellings] == [302] * 6
    assert statuses([*spellings, *spellings], ["192.0.2.1"] * 12) == [200] * 5 + [429] * 7
    with connection.cursor() as cursor:
        # As usernames and e-mails are compared: all letters, in the database's locale.
        cursor.execute(
            "SELECT array_agg(chr(code)) FROM generate_series(1, 1114111) AS code"
            " WHERE code NOT BETWEEN 55296 AND 57343 AND chr(code) IS NFKC NORMALIZED"
            " GROUP BY upper(chr(code)) HAVING count(*) > 1"
        )
        same = [letters for (letters,) in cursor]
    # Also in a Turkish locale.
    same += [["i", "\u0130"], ["I", "\u0131"], ["\u212a", "k"]]
    assert len(same) > 1000
    for letters in same:
        # The server may know a newer Unicode than Python, which has no case for such letters.
        if not any(unicodedata.category(letter) == "Cn" for letter in letters):
            assert len({hash_of_name(letter) for letter in letters}) == 1, letters


@pytest.mark.django_db
def test_a_day_later_it_is_forgotten() -> None:
    addresses = [f"198.51.100.{number}" for number in range(1, 23)]
    statuses(["alice"] * 10, addresses[:10])
    pass_time(hours=24, seconds=1)
    assert statuses(["alice"] * 11, addresses[10:21]) == [200] * 10 + [429]


@pytest.mark.django_db
def test_rows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "CLEANED", 3)
    monkeypatch.setattr(attempts, "MOST_ROWS", 50)
    for number in range(100):
        attempts.count(of_sign_in(f"name{number}", [], None, None))
    assert AttemptCount.objects.count() <= 50
    pass_time(days=2)
    for _ in range(30):
        attempts.count(of_sign_in("name", [], None, None))
        AttemptCount.objects.filter(name=hash_of_name("name")).update(free_at=timezone.now())
    assert {count.kind for count in AttemptCount.objects.all()} == {"name", "account"}
    assert AttemptCount.objects.count() == 2
