"""Measures how long a refused sign-in takes, by its reason: the time must reveal nothing.

It runs the real view in this process, on a separate database, with bcrypt at its real cost. The
reasons are measured in turn, so that a slow moment affects all of them. It prints medians and, for
each reason, whether its times differ from those of an unknown user: Mann and Whitney's U test, by
its normal approximation. Below 3 standard deviations, no difference was found in these rounds.

Then it counts two attempts at the same time, from two networks, each in a separate session. The two
names are of one account, or of two accounts. For each pair, the time of the slower one is used. No
password is hashed, because that would hide small differences; an attacker sees less than this.
"""

import argparse
import logging
import os
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import bcrypt
import django
from django.conf import settings

from benchmarks.server import Server
from veza_site.support.bounds import of_sign_in

DATABASE = "bench_sign_in"
os.environ["DJANGO_SETTINGS_MODULE"] = "veza_site.settings"
os.environ["DEBUG"] = "1"
os.environ["EMBEDDED_DATABASE"] = DATABASE
os.environ.pop("DATABASE_URL", None)

PASSWORD = "correct horse"  # noqa: S105 - of accounts that live for a minute
#: The cost that Go's `bcrypt.DefaultCost` gives.
GO_COST = 10


def make_accounts() -> dict[str, tuple[str, str]]:
    """Create an account for each reason to refuse; return the name and password to try."""
    from django.db import connection

    from veza_core.models import Role, User, UserRoleAssignment

    support = Role.objects.get(name="support")
    tries = {"unknown user": ("unknown", PASSWORD)}
    cases = {
        "wrong password": ("staff", "wrong", {}),
        "wrong password, hash of the Go API": ("staff-go", "wrong", {}),
        "no permission to enter": ("nobody", PASSWORD, {}),
        "no permission to enter, hash of the Go API": ("nobody-go", PASSWORD, {}),
        "banned staff": ("banned", PASSWORD, {"is_banned": True}),
    }
    for reason, (name, password, values) in cases.items():
        user = User.objects.create_user(f"{name}@example.com", name, PASSWORD, **values)
        if not name.startswith("nobody"):
            UserRoleAssignment.objects.create(user=user, role=support)
        if name.endswith("-go"):
            hash_ = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(GO_COST, prefix=b"2a"))
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE users SET password_hash = %s WHERE id = %s", [hash_.decode(), user.pk]
                )
        tries[reason] = (name, password)
    return tries


def measure(tries: dict[str, tuple[str, str]], rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of every try, by reason.

    Attempt counts are deleted before each try, because throttling would stop it after five.
    """
    from django.test import Client

    from veza_site.models import AttemptCount

    times: dict[str, list[float]] = {reason: [] for reason in tries}
    client = Client(headers={"host": "localhost"})
    for number in range(rounds + 1):
        for reason, (name, password) in tries.items():
            AttemptCount.objects.all().delete()
            data = {"username": name, "password": password}
            started = time.perf_counter()
            response = client.post("/admin/login/", data)
            took = (time.perf_counter() - started) * 1000
            if response.status_code != 200:
                sys.exit(f"benchmarks.sign_in: {reason} was answered {response.status_code}")
            # The first round also imports modules and compiles templates.
            if number:
                times[reason].append(took)
    return times


def at_once(rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of the slower one of two concurrent attempts, by kind of pair."""
    from django.db import connections

    from veza_site.models import AttemptCount
    from veza_site.support import attempts

    barrier = threading.Barrier(2)

    def attempt(name: str, network: str, account: str) -> float:
        bounds = of_sign_in(name, [network], None, account)
        barrier.wait()
        started = time.perf_counter()
        attempts.count(bounds)
        return (time.perf_counter() - started) * 1000

    pairs = {"names of one account": "one", "names of two accounts": "another"}
    times: dict[str, list[float]] = {pair: [] for pair in pairs}
    settings.DATABASES["default"]["CONN_MAX_AGE"] = None
    with ThreadPoolExecutor(
        2, initializer=lambda: connections["default"].ensure_connection()
    ) as pool:
        for number in range(rounds + 1):
            for pair, other in pairs.items():
                AttemptCount.objects.all().delete()
                both = [
                    pool.submit(attempt, "alice", "192.0.2.1/32", "one"),
                    pool.submit(attempt, "alice@example.com", "198.51.100.1/32", other),
                ]
                took = max(one.result() for one in both)
                if number:
                    times[pair].append(took)
        for _ in range(2):
            pool.submit(lambda: (barrier.wait(), connections["default"].close()))
    return times


def deviations(one: list[float], other: list[float]) -> float:
    """Return how far Mann and Whitney's U is from its expected value, in standard deviations."""
    ranked = sorted(one + other)
    ranks = {value: rank for rank, value in enumerate(ranked, 1)}
    n, m = len(one), len(other)
    u = sum(ranks[value] for value in one) - n * (n + 1) / 2
    return (u - n * m / 2) / (n * m * (n + m + 1) / 12) ** 0.5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--pairs", type=int, default=300, help="rounds of two at once")
    options = parser.parse_args()
    rounds, pair_rounds = options.rounds, options.pairs
    django.setup()
    # Each attempt logs a line.
    logging.disable(logging.WARNING)
    from django.core.management import call_command
    from django.db import connection

    with Server().scratch(DATABASE):
        call_command("migrate", verbosity=0, interactive=False)
        times = measure(make_accounts(), rounds)
        pairs = at_once(pair_rounds)
        connection.close()
    unknown = times["unknown user"]
    print(f"Refused sign-ins, {rounds} rounds each")
    for reason, values in times.items():
        middle = statistics.median(values)
        spread = statistics.quantiles(values, n=4)
        print(
            f"  {reason:40} {middle:6.1f} ms (quartiles {spread[0]:.1f} and {spread[2]:.1f}), "
            f"{deviations(values, unknown):+.1f} deviations"
        )
    one, two = pairs.values()
    print(f"Two names counted at once, {pair_rounds} rounds each: the slower one of")
    for pair, values in pairs.items():
        spread = statistics.quantiles(values, n=4)
        print(
            f"  {pair:40} {statistics.median(values):6.1f} ms "
            f"(quartiles {spread[0]:.1f} and {spread[2]:.1f})"
        )
    print(
        f"  ratio {statistics.median(one) / statistics.median(two):.2f}, "
        f"{deviations(one, two):+.1f} deviations"
    )


if __name__ == "__main__":
    main()
