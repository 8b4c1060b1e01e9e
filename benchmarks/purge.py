"""Compares the latencies of services without a purge, during `purge`, and during the large DELETEs
that it replaces.

Run it with `make bench-purge`. Clients record plays, rotate refresh tokens, and look them up. A
part of the rows is due for deletion: expired tokens, and accounts that were deleted long ago and
whose tracks are still played. Each round starts with the same rows.
"""

import argparse
import itertools
import os
import random
import statistics
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import django
import psycopg

from benchmarks.queries.statements import sql
from benchmarks.server import PYTHON, ROOT, Server

TEMPLATE, DATABASE = "bench_purge_rows", "bench_purge"
ROWS = """
INSERT INTO users (email, username, deleted_at)
    SELECT n || '@example.org', 'user' || n,
        CASE WHEN n <= %(accounts)s THEN now() - interval '99 days' END
    FROM generate_series(1, 2000) n;
INSERT INTO tracks (user_id, title, file_path)
    SELECT id, 'title', 'file' FROM users, generate_series(1, 10);
INSERT INTO track_plays (track_id, user_id)
    SELECT tracks.id, user_id FROM tracks JOIN users ON users.id = user_id,
        generate_series(1, %(plays)s) WHERE users.deleted_at IS NOT NULL;
INSERT INTO refresh_tokens (user_id, token_hash, expires_at)
    SELECT id, md5(random()::text), now() - interval '99 days'
    FROM users, generate_series(1, %(tokens)s / 2000);
INSERT INTO refresh_tokens (user_id, token_hash, expires_at)
    SELECT id, 'live ' || id, now() + interval '9 days' FROM users;
"""
NAIVE = """
DELETE FROM refresh_tokens WHERE expires_at < now() - interval '30 days'
    OR revoked_at < now() - interval '30 days';
DELETE FROM users WHERE deleted_at < now() - interval '30 days';
"""
LEFT = """
SELECT count(*) FROM refresh_tokens WHERE expires_at < now() - interval '30 days'
UNION ALL SELECT count(*) FROM users WHERE deleted_at < now() - interval '30 days'
"""


@dataclass(slots=True)
class Measured:
    """A way to purge, and its results: each list has one entry for each round."""

    name: str
    run: Callable[[], None]
    latencies: list[list[float]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def percentiles(self, share: float) -> list[float]:
        """Return a percentile (`share` is from 0 to 1) of each round, in milliseconds."""
        return [
            1000 * sorted(round_)[min(len(round_) - 1, int(share * len(round_)))]
            for round_ in self.latencies
        ]


class Load:
    """Clients that send the three kinds of requests in turn, each at a fixed rate, as users do."""

    def __init__(self, parameters: dict[str, Any], clients: int, rate: float) -> None:
        self.parameters = parameters
        self.clients = clients
        self.interval = 1 / rate
        self.latencies: list[float] = []
        self._stop = threading.Event()
        self._stopped = float("inf")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the clients during the block."""
        threads = [threading.Thread(target=self._work, args=[n]) for n in range(self.clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopped = time.perf_counter()
            self._stop.set()
            for thread in threads:
                thread.join()

    def _work(self, number: int) -> None:
        chance = random.Random(number)  # noqa: S311 - a benchmark's choice
        with psycopg.connect(
            **self.parameters, autocommit=True, cursor_factory=psycopg.RawCursor
        ) as session:
            users = session.execute("SELECT id FROM users WHERE deleted_at IS NULL").fetchall()
            # Each client has its own users, and knows their tokens.
            tokens = {user: f"live {user}" for (user,) in users[number :: self.clients]}
            # One play in ten is of a track whose owner is due for deletion.
            kept, due_tracks = (
                session.execute(
                    "SELECT tracks.id FROM tracks JOIN users ON users.id = user_id "
                    f"WHERE users.deleted_at IS {state}"
                ).fetchall()
                for state in ("NULL", "NOT NULL")
            )
            started = time.perf_counter()
            for count in itertools.count():
                # The time at which the request should begin, even if the previous one has not
                # ended. So a stall counts for all requests that it delays.
                due = started + count * self.interval
                self._stop.wait(max(0.0, due - time.perf_counter()))
                if due > self._stopped:
                    return
                tracks = due_tracks if chance.random() < 0.1 else kept
                user, (track,) = chance.choice([*tokens]), chance.choice(tracks)
                if count % 3 == 0:
                    self._record_play(session, track, user)
                elif count % 3 == 1:
                    session.execute(sql("RefreshTokenByHash"), [tokens[user]])
                else:
                    tokens[user] = self._rotate(session, tokens[user])
                self.latencies.append(time.perf_counter() - due)

    @staticmethod
    def _record_play(session: psycopg.Connection, track: Any, user: Any) -> None:
        # The track may be deleted meanwhile: the service answers 404.
        with suppress(psycopg.errors.ForeignKeyViolation):
            values = [track, user, 180_000, True, "playlist", "phone", None, None]
            session.execute(sql("RecordPlay"), values)

    @staticmethod
    def _rotate(session: psycopg.Connection, token: str) -> str:
        successor = uuid.uuid4().hex
        expires = datetime.now(UTC) + timedelta(days=9)
        session.execute(sql("RotateRefreshToken"), [token, successor, expires, None, None])
        return successor


def main() -> None:
    """Measure, and print percentiles and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=40_000, help="expired tokens")
    parser.add_argument("--accounts", type=int, default=20, help="accounts to delete")
    parser.add_argument("--plays", type=int, default=400, help="plays of each of their tracks")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--rate", type=float, default=50, help="requests a second of each client")
    parser.add_argument("--quiet-seconds", type=float, default=5, help="duration without a purge")
    parser.add_argument("--pause", default="100%", help="the --pause of purge")
    options = parser.parse_args()

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")
    django.setup()

    server = Server()
    parameters: dict[str, Any] = {**server.parameters, "dbname": DATABASE}
    environment = server.environment(DATABASE)

    def purge() -> None:
        command = [PYTHON, str(ROOT / "manage.py"), "purge", "--pause", options.pause, "-v", "0"]
        subprocess.run(command, env=environment, check=True)

    def naive() -> None:
        with psycopg.connect(**parameters) as session:
            session.execute(NAIVE)

    cases = [
        Measured("no purge", lambda: time.sleep(options.quiet_seconds)),
        Measured("purge", purge),
        Measured("one DELETE", naive),
    ]
    with server.scratch(TEMPLATE):
        migrate = [PYTHON, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"]
        subprocess.run(migrate, env=server.environment(TEMPLATE), check=True)
        fill({**parameters, "dbname": TEMPLATE}, vars(options))
        try:
            for _ in range(options.rounds):
                for case in cases:
                    server.recreate(DATABASE, template=TEMPLATE)
                    measure(case, parameters, options)
        finally:
            server.drop(DATABASE)
    report(cases)


def fill(parameters: dict[str, Any], sizes: dict[str, int]) -> None:
    """Insert the rows with which each round starts."""
    with psycopg.ClientCursor(psycopg.connect(**parameters, autocommit=True)) as cursor:
        cursor.execute(ROWS, sizes)
        cursor.execute("VACUUM ANALYZE")
        cursor.connection.close()


def measure(case: Measured, parameters: dict[str, Any], options: argparse.Namespace) -> None:
    """Run the case once under the load, and check that it left no row that is due."""
    load = Load(parameters, options.clients, options.rate)
    with load.running():
        time.sleep(1)
        load.latencies.clear()
        started = time.perf_counter()
        case.run()
        case.seconds.append(time.perf_counter() - started)
    case.latencies.append(load.latencies)
    if case.name != "no purge":
        with psycopg.connect(**parameters) as session:
            left = session.execute(LEFT).fetchall()
        if left != [(0,), (0,)]:
            raise SystemExit(f"{case.name} left {left}")


def report(cases: list[Measured]) -> None:
    """Print a line for each case: medians of the rounds, and the ratio of p99 to that of no purge.

    `min` and `max` are those of the p99.
    """
    base = cases[0]
    print(f"{'':11}{'took':>9}{'p50':>10}{'p99':>11}{'min':>10}{'max':>10}  ratio{'worst':>12}")
    for case in cases:
        p99 = case.percentiles(0.99)
        ratio = statistics.median(p99) / statistics.median(base.percentiles(0.99))
        print(
            f"{case.name:11}{statistics.median(case.seconds):7.1f} s"
            f"{statistics.median(case.percentiles(0.5)):7.1f} ms{statistics.median(p99):8.1f} ms"
            f"{min(p99):7.1f} ms{max(p99):7.1f} ms{ratio:7.1f}"
            f"{statistics.median(case.percentiles(1)):9.0f} ms"
        )


if __name__ == "__main__":
    main()
