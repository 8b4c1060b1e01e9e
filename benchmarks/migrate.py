"""Compares `migrate`, fresh and with nothing to do, with psql and the same SQL, and a bare start.

Run it with `make bench-migrate`. The aims: nothing to do costs at most 1.3 times a bare start
(django.setup() and one query); a fresh run at most 0.7 s more than a bare start.
"""

import argparse
import os
import subprocess

import django

from benchmarks.measure import Case, measure, report
from benchmarks.server import PYTHON, ROOT, Server

BARE = """
import django
django.setup()
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT 1")
"""
FRESH, APPLIED, PLAIN = "bench_fresh", "bench_applied", "bench_psql"


def main() -> None:
    """Measure, and print the table and the two figures with an aim."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")
    django.setup()
    from veza_core.db import embedded

    server = Server()
    psql, pg_dump = (str(embedded.program(name)) for name in ("psql", "pg_dump"))
    migrate = [PYTHON, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"]
    with server.scratch(FRESH, APPLIED, PLAIN):
        applied = server.environment(APPLIED)
        subprocess.run(migrate, env=applied, check=True)
        dump = subprocess.run(
            [pg_dump, "--no-owner"], env=applied, check=True, capture_output=True, text=True
        ).stdout
        bare = Case("django.setup() and one query", [PYTHON, "-c", BARE], applied)
        noop = Case("migrate, nothing to do", migrate, applied)
        fresh = Case(
            "migrate, fresh", migrate, server.environment(FRESH), lambda: server.recreate(FRESH)
        )
        plain = Case(
            "psql, the same SQL",
            [psql, "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"],
            server.environment(PLAIN),
            lambda: server.recreate(PLAIN),
            # A setting of PostgreSQL 17 and later, which pg_dump 18 writes for all versions.
            stdin=dump.replace("SET transaction_timeout = 0;", ""),
        )
        cases = [bare, noop, fresh, plain]
        for case in cases:
            case.environment = {**case.environment, "PYTHONPATH": str(ROOT)}
        measure(cases, rounds)
    report(cases, bare)
    print(f"nothing to do / bare start: {noop.median / bare.median:.2f} (aim: at most 1.3)")
    print(f"fresh - bare start: {fresh.median - bare.median:.2f} s (aim: at most 0.7 s)")


if __name__ == "__main__":
    main()
