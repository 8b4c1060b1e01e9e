"""Compares `migrate` and `reset_db` with other tools that apply the same schema to one server.

Run it with `make bench-deploy`. psql, dbmate and node-pg-migrate load the exported SQL; stock
Django runs the same migrations with its own command; django-extensions' reset_db drops the whole
database. All run in turn, so the load of the machine affects all of them.
"""

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

import django

from benchmarks.measure import Case, measure, report
from benchmarks.rivals import exported_files, install, write_migrations
from benchmarks.server import PYTHON, ROOT, Server

FRESH, APPLIED = "bench_fresh", "bench_applied"
BARE_START = "django.setup() and one query"
BARE = """
import django
django.setup()
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT 1")
"""
AT_ONCE = 16
#: Seconds of stock Django's fresh run on the machine on which the aims were set.
STOCK_THERE = 1.61

STOCK = """
import sys, django
django.setup()
from django.core.management.commands.migrate import Command
Command().run_from_argv(["manage.py", "migrate", "--verbosity", "0"])
"""
EXTENSIONS = """
import django
django.setup()
from django.core.management import call_command
from django.conf import settings
from django.db import connection
settings.DJANGO_EXTENSIONS_RESET_DB_POSTGRESQL_ENGINES = ["veza_core.db.backend"]
from django_extensions.management.commands.reset_db import Command
params = connection.get_connection_params()
settings.DATABASES["default"]["HOST"] = params.get("host", "")
call_command(Command(), interactive=False, verbosity=0, close_sessions=True,
    user=params.get("user"), password=params.get("password", ""), dbname=params["dbname"])
connection.close()
from django.core.management.commands.migrate import Command as Migrate
call_command(Migrate(), interactive=False, verbosity=0)
"""
MANAGE = [PYTHON, str(ROOT / "manage.py")]
MIGRATE = [*MANAGE, "migrate", "--verbosity", "0"]
#: Django's own command, with the same migrations.
STOCK_MIGRATE = [PYTHON, "-c", STOCK]


def main() -> None:
    """Measure, and print three tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")
    django.setup()
    server = Server()
    with tempfile.TemporaryDirectory() as temporary:
        cases = Cases(server, Path(temporary))
        fresh = cases.fresh()
        names = [FRESH, *dict.fromkeys(case.environment["PGDATABASE"] for case in cases.noop())]
        with server.scratch(*names):
            noop = cases.noop()
            for case in noop:
                first_run(case)
            resets = cases.resets()
            for case in resets:
                subprocess.run(MIGRATE, env=dict(case.environment), check=True, capture_output=True)
            for title, group in (("Fresh", fresh), ("Nothing to do", noop), ("Reset", resets)):
                measure(group, rounds)
                print(f"\n{title}, on PostgreSQL, {rounds} rounds\n")
                report(group, next(case for case in group if case.name.startswith("ours")))
            bare = next(case for case in noop if case.name == BARE_START)
            ratio = noop[0].median / bare.median
            print(f"\nnothing to do / bare start: {ratio:.2f} (aim: at most 1.3)")
            # The time of this machine, relative to the one on which the aim was set.
            slowness = fresh[1].median / STOCK_THERE
            print(
                f"fresh - bare start: {fresh[0].median - bare.median:.2f} s (aim: at most 0.7 s "
                f"where stock Django takes {STOCK_THERE} s; it takes {slowness:.2f} times that "
                f"here, which makes {0.7 * slowness:.2f} s)"
            )
            ratio = resets[1].median / resets[0].median
            print(f"django-extensions' / reset_db: {ratio:.2f} (aim: at least 1.5)")
            print(f"\n{AT_ONCE} at once on an empty database, {rounds} rounds\n")
            for name, command in (("ours: migrate", MIGRATE), ("stock Django", STOCK_MIGRATE)):
                at_once(server, name, command, rounds)


def first_run(case: Case) -> None:
    """Run the command of a case once, so that the measured runs have nothing to do."""
    case.run()
    case.seconds.clear()
    case.cpu.clear()


class Cases:
    """The commands to compare, with their tools, and the migrations in their formats."""

    def __init__(self, server: Server, directory: Path) -> None:
        from veza_core.db import embedded

        self.server = server
        self.psql = str(embedded.program("psql"))
        self.programs = install(directory)
        self.dbmate, self.node = write_migrations(directory)

    def fresh(self) -> list[Case]:
        """Return each tool on a new database."""
        files = [argument for file in exported_files() for argument in ("-f", str(file))]
        psql = [self.psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", *files]
        cases = [
            self._case("ours: migrate", MIGRATE, FRESH),
            self._case("stock Django", STOCK_MIGRATE, FRESH),
            self._case("psql", psql, FRESH),
            *self._rivals(FRESH),
        ]
        for case in cases:
            case.prepare = lambda: self.server.recreate(FRESH)
        return cases

    def noop(self) -> list[Case]:
        """Return a bare start, and each tool on a database where all migrations are applied."""
        return [
            self._case("ours: migrate", MIGRATE, APPLIED),
            self._case("ours: migrate --no-audit", [*MIGRATE, "--no-audit"], APPLIED),
            self._case("stock Django", STOCK_MIGRATE, APPLIED),
            self._case(BARE_START, [PYTHON, "-c", BARE], APPLIED),
            *self._rivals(f"{APPLIED}_rivals"),
        ]

    def resets(self) -> list[Case]:
        """Return our reset_db, and that of django-extensions with stock Django's migrate."""
        reset = [*MANAGE, "reset_db", "--noinput", "--verbosity", "0"]
        extensions = [PYTHON, "-c", EXTENSIONS]
        return [
            self._case("ours: reset_db", reset, FRESH),
            self._case("django-extensions' reset_db, then migrate", extensions, FRESH),
        ]

    def _rivals(self, database: str) -> list[Case]:
        if self.programs is None:
            return []
        databases = {name: f"{database}_{name}" for name in ("dbmate", "node")}
        if database == FRESH:
            databases = dict.fromkeys(databases, FRESH)
        dbmate = [
            str(self.programs / "dbmate"),
            *("--no-dump-schema", "--migrations-dir", str(self.dbmate)),
            *("--url", self._url(databases["dbmate"]), "migrate"),
        ]
        node = [str(self.programs / "node-pg-migrate"), "up", "-m", str(self.node)]
        return [
            self._case("dbmate", dbmate, databases["dbmate"]),
            self._case("node-pg-migrate", node, databases["node"]),
        ]

    def _case(self, name: str, command: list[str], database: str) -> Case:
        environment = self.server.environment(database)
        environment |= {"PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "veza_site.settings"}
        if name == "node-pg-migrate":
            environment["DATABASE_URL"] = self._url(database)
        return Case(name, command, environment)

    def _url(self, database: str) -> str:
        """Return the database's URL in the form for drivers other than libpq."""
        parameters = dict(self.server.parameters)
        host = parameters.pop("host", "localhost")
        user, password = parameters.pop("user", "postgres"), parameters.pop("password", "")
        if host.startswith("/"):
            return f"postgres://{user}:{password}@localhost/{database}?host={host}&sslmode=disable"
        port = parameters.pop("port", "5432")
        return f"postgres://{user}:{password}@{host}:{port}/{database}?sslmode=disable"


def at_once(server: Server, name: str, command: list[str], rounds: int) -> None:
    """Start the command AT_ONCE times at once; print how long all took, and how many failed."""
    environment = server.environment(FRESH)
    environment |= {"PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "veza_site.settings"}
    seconds, failed = [], 0
    for _ in range(rounds):
        server.recreate(FRESH)
        started = time.perf_counter()
        runs = [
            subprocess.Popen(
                command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            for _ in range(AT_ONCE)
        ]
        failed += sum(run.wait() != 0 for run in runs)
        seconds.append(time.perf_counter() - started)
    spread = f"{min(seconds):.2f} to {max(seconds):.2f} s"
    print(f"{name:16} {spread}, {failed} of {AT_ONCE * rounds} failed")


if __name__ == "__main__":
    main()
