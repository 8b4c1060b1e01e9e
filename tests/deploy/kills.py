"""Kills `migrate` of the rehearsed releases, again and again: `make bench-rehearsal`.

Each trial copies a database of the previous release, ends a run (the command by SIGKILL, its
session by pg_terminate_backend, or the whole server by SIGKILL) at the end of a migration or at a
random moment, and runs it again. At the end, the catalog must equal that of an undisturbed run, and
the counters and the copied columns must match. Services run meanwhile, unless the server ends. In
every other trial, transactions hold locks on `tracks`. If a service waits for a lock for longer
than `PATIENCE`, the trial fails.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks.kill import environment, kill
from benchmarks.server import PYTHON, ROOT
from tests.deploy.clients import INVALID, NOT_COPIED, ROWS, WRONG, Clients, first, new, old
from tests.deploy.stalls import SERVICE, locks_in_the_way, longest_wait
from veza_core.db.embedded.records import SOCKET_DIRECTORY
from veza_core.schema.snapshot import read_snapshot

VERSIONS: dict[str, tuple[Any, ...]] = {"1.1": (first,), "1.2": (old, new), "1.3": (new,)}
KINDS = ("command", "session", "server")
KEEP = """
import django; django.setup()
from django.db import connection
connection.ensure_connection()
print("ready")
input()
"""
TERMINATE = f"""
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = '{{}}' AND application_name <> '{SERVICE}'
"""
# A sequence that is copied through the WAL is set back if the server crashes soon after: what its
# page says was written to the WAL was written for the original alone.
COPY = "STRATEGY file_copy"
RECORDED = "SELECT app, name FROM django.django_migrations ORDER BY 1, 2"
#: If a run had ended before, the trial is repeated, at most this often.
ATTEMPTS = 20
DONE = "finished, identical catalog"
#: In seconds: how long `migrate` waits for locks, how long services do, and how long others hold
#: one that is in the way.
LOCK_TIMEOUT, PATIENCE, LONGEST_LOCK = 1.0, 2.0, 3.0


class Bench:
    """A separate server, with a database of each release to copy."""

    def __init__(self, home: Path, seed: int) -> None:
        self.home = home
        self.chance = random.Random(seed)  # noqa: S311 - moments, not secrets
        self.expected: dict[str, str] = {}
        #: How long an undisturbed run takes, in seconds, and how many migrations it commits.
        self.runs: dict[str, tuple[float, int]] = {}
        #: The longest wait of services for a lock in each trial, in seconds.
        self.waits: list[float] = []
        self.keeper: subprocess.Popen[str] | None = None

    def keep(self) -> None:
        """Start the server, or start it again, and keep a session open, because it would stop
        without one.
        """
        self.release()
        self.keeper = self.start("postgres", "-c", KEEP)
        self.keeper.stdout.readline()  # type: ignore[union-attr]

    def release(self) -> None:
        if self.keeper:
            self.keeper.communicate()

    def server(self) -> dict[str, Any]:
        lines = (self.home / "postmaster.pid").read_text().splitlines()
        return {"host": lines[SOCKET_DIRECTORY], "user": "postgres"}

    def administer(self, statement: str) -> None:
        with psycopg.connect(**self.server(), dbname="postgres", autocommit=True) as session:
            session.execute(statement.encode())

    def start(self, database: str, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [PYTHON, "-u", *arguments],
            cwd=ROOT,
            env={
                **environment(self.home, database),
                "BACKFILL_BATCH_SIZE": "20",
                "MIGRATE_LOCK_TIMEOUT": str(LOCK_TIMEOUT),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def migrate(self, database: str, version: str) -> "subprocess.Popen[str]":
        return self.start(database, "-m", "tests.deploy.rehearse", version)

    def prepare(self) -> None:
        """Create the databases that trials copy: `before_1_1` and so on."""
        self.keep()
        before = "before_1.1"
        self.start(before, "manage.py", "migrate").communicate()
        with psycopg.connect(**self.server(), dbname=before) as session:
            session.execute(ROWS.encode())
        for version in VERSIONS:
            after = f"after_{version}"
            self.administer(f'CREATE DATABASE "{after}" TEMPLATE "{before}"')
            began = time.monotonic()
            told, _ = self.migrate(after, version).communicate()
            self.runs[version] = (time.monotonic() - began, told.count("_rehearsed"))
            self.expected[version] = self.catalog(after)
            self.administer(f'ALTER DATABASE "{before}" RENAME TO "copied_{version}"')
            before = after

    def trial(self, number: int) -> tuple[str, str]:
        """Kill a run; return its release and kind, and the outcome."""
        kind = KINDS[number % 3]
        version = [*VERSIONS][number // 3 % 3]
        for attempt in range(ATTEMPTS):
            database = f"trial_{number}_{attempt}"
            self.administer(f'CREATE DATABASE {database} TEMPLATE "copied_{version}" {COPY}')
            was_killed, ending = self.attempt(
                kind,
                database,
                version,
                at_boundary=(number + attempt) % 2 == 0,
                in_the_way=number // 2 % 2 == 0,
            )
            self.administer(f"DROP DATABASE {database} WITH (FORCE)")
            if was_killed:
                return f"{version} {kind}", ending
        sys.exit(f"trial {number}: no run lived long enough to be killed")

    def attempt(
        self, kind: str, database: str, version: str, *, at_boundary: bool, in_the_way: bool
    ) -> tuple[bool, str]:
        clients = Clients()
        with ExitStack() as around:
            if kind != "server":
                for each in self.traffic(clients, database, version, in_the_way=in_the_way):
                    around.enter_context(each)
            was_killed = self.killed(kind, database, version, at_boundary=at_boundary)
            if kind == "server":
                self.keep()
            again = self.migrate(database, version)
            _, told = again.communicate()
        failed = [*clients.errors, *([told] if again.returncode else [])]
        ending = self.judge(database, version, " ".join("; ".join(failed).split())[-200:])
        return was_killed, ending

    def traffic(
        self, clients: Clients, database: str, version: str, *, in_the_way: bool
    ) -> Iterator[AbstractContextManager[None]]:
        """The load: services, a thread that measures their waits, and blocking locks."""
        parameters = {**self.server(), "dbname": database, "application_name": SERVICE}
        impatient = {**parameters, "options": f"-c lock_timeout={PATIENCE}s"}
        yield longest_wait(parameters, self.waits)
        if in_the_way:
            yield locks_in_the_way(parameters, "tracks", self.chance, LONGEST_LOCK)
        yield clients.running(
            *((str(n), impatient, change) for n, change in enumerate(VERSIONS[version]))
        )

    def killed(self, kind: str, database: str, version: str, *, at_boundary: bool) -> bool:
        """Start a run and kill it; return False if it had ended before."""
        duration, migrations = self.runs[version]
        with self.migrate(database, version) as run:
            if at_boundary:
                left = self.chance.randint(1, migrations - 1)
                while left and (line := run.stdout.readline()):  # type: ignore[union-attr]
                    left -= "_rehearsed" in line
            else:
                time.sleep(self.chance.uniform(0, duration))
            # The server may have stopped already, with the run that used it.
            with suppress(FileNotFoundError, psutil.NoSuchProcess):
                if kind == "session":
                    self.administer(TERMINATE.format(database))
                else:
                    kill(kind, self.home, database, run.pid)
            run.communicate()
            return run.returncode != 0

    def catalog(self, database: str) -> str:
        """Everything that the export reads of schema public, and the recorded migrations."""
        with psycopg.connect(**self.server(), dbname=database) as session:
            recorded = session.execute(RECORDED).fetchall()
            return json.dumps([read_snapshot(session), recorded], sort_keys=True)

    def judge(self, database: str, version: str, failed: str) -> str:
        if failed:
            return failed
        if self.catalog(database) != self.expected[version]:
            return "another catalog"
        queries = {**WRONG, "invalid": INVALID}
        if version == "1.1":
            queries["copied"] = NOT_COPIED
        with psycopg.connect(**self.server(), dbname=database) as session:
            for name, query in queries.items():
                [found] = session.execute(query.encode()).fetchone() or [None]
                if found:
                    return f"{found} rows are wrong: {name}"
        return DONE


def report(outcomes: Counter[tuple[str, str]], waits: list[float]) -> None:
    """Print the outcomes of each kind of trial, and the longest wait in seconds."""
    write = sys.stdout.write
    write(f"{'killed':12} {'outcome':45} trials\n")
    for (kind, ending), count in sorted(outcomes.items()):
        write(f"{kind:12} {ending:45} {count:6}\n")
    longest = max(waits, default=0.0)
    write(f"longest wait of a service for a lock: {longest:.2f} s of {LOCK_TIMEOUT:g} s\n")
    sys.stdout.flush()


def main() -> None:
    """Run the trials, and print the outcomes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    outcomes: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory(dir="/tmp") as home:
        Path(home).chmod(0o755)
        bench = Bench(Path(home) / "postgres", arguments.seed)
        bench.prepare()
        # After Ctrl-C, it prints the finished trials.
        with suppress(KeyboardInterrupt):
            for number in range(arguments.trials):
                kind, ending = bench.trial(number)
                outcomes[kind, ending] += 1
                if ending != DONE:
                    sys.stderr.write(f"trial {number}, {kind}: {ending}\n")
                if sys.stderr.isatty():
                    sys.stderr.write(f"\r{number + 1} of {arguments.trials}")
        report(outcomes, bench.waits)
        bench.release()
    if {ending for _, ending in outcomes} != {DONE}:
        sys.exit(1)


if __name__ == "__main__":
    main()
