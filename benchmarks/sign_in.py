"""How long a refused sign-in takes, by its reason: who watches the clock must learn nothing.

Runs the real view within this process, on a database of its own, with bcrypt at its real cost, the
reasons in turn so that a slow moment meets them all. Prints medians and, for each reason, whether
its times differ from those of an unknown user: Mann and Whitney's U test, by its normal
approximation. Below 3 standard deviations no difference was found in so many rounds.
"""

import argparse
import logging
import os
import statistics
import sys
import time
import uuid

os.environ["DJANGO_SETTINGS_MODULE"] = "veza_site.settings"
os.environ["DEBUG"] = "1"
os.environ["EMBEDDED_DATABASE"] = f"bench_{uuid.uuid4().hex}"
os.environ.pop("DATABASE_URL", None)

import bcrypt
import django
from django.conf import settings

PASSWORD = "correct horse"  # noqa: S105 - of accounts that live for a minute
#: The cost that Go's `bcrypt.DefaultCost` gives.
GO_COST = 10


def make_accounts() -> dict[str, tuple[str, str]]:
    """One account for each reason to refuse; gives the name and password to try."""
    from django.db import connection

    from veza_core.models import Role, User, UserRoleAssignment

    support = Role.objects.get(name="support")
    tries = {"unknown user": ("unknown", PASSWORD)}
    cases = {
        "wrong password": ("staff", "wrong", {}),
        "wrong password, hash of the Go API": ("staff-go", "wrong", {}),
        "no right to enter": ("nobody", PASSWORD, {}),
        "no right to enter, hash of the Go API": ("nobody-go", PASSWORD, {}),
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
    """Milliseconds of every try, by reason; throttling would stop it after five."""
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
            # The first round imports and compiles.
            if number:
                times[reason].append(took)
    return times


def deviations(one: list[float], other: list[float]) -> float:
    """How many standard deviations Mann and Whitney's U is from what chance alone gives."""
    ranked = sorted(one + other)
    ranks = {value: rank for rank, value in enumerate(ranked, 1)}
    n, m = len(one), len(other)
    u = sum(ranks[value] for value in one) - n * (n + 1) / 2
    return (u - n * m / 2) / (n * m * (n + m + 1) / 12) ** 0.5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    rounds = parser.parse_args().rounds
    django.setup()
    # Each attempt writes a line.
    logging.disable(logging.WARNING)
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0, interactive=False)
    try:
        times = measure(make_accounts(), rounds)
    finally:
        drop(connection)
    unknown = times["unknown user"]
    print(f"Refused sign-ins, {rounds} rounds each")
    for reason, values in times.items():
        middle = statistics.median(values)
        spread = statistics.quantiles(values, n=4)
        print(
            f"  {reason:40} {middle:6.1f} ms (quartiles {spread[0]:.1f} and {spread[2]:.1f}), "
            f"{deviations(values, unknown):+.1f} deviations"
        )


def drop(connection: object) -> None:
    """Remove the database that was made for this."""
    import psycopg
    from psycopg import sql

    parameters = connection.get_connection_params()  # type: ignore[attr-defined]
    connection.close()  # type: ignore[attr-defined]
    name = settings.DATABASES["default"]["NAME"]
    with psycopg.connect(
        host=parameters["host"], user=parameters["user"], dbname="postgres", autocommit=True
    ) as server:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


if __name__ == "__main__":
    main()
