"""Times the admin's pages on much data, beside stock ModelAdmins of the same tables.

Server time: from the request to the answer's last byte, in one process, middleware, templates and
the staff log included. Both take their turn in each round. A page of the stock admin is stopped
after `--limit` seconds, and not tried again.

The data is made once, by seed_demo, in a database of its own that stays for the next run.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DATABASE = "bench_admin"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--tracks", type=int, default=500_000)
    parser.add_argument("--plays", type=int, default=3_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=int, default=10, help="seconds for a stock page")
    parser.add_argument("--database", default=DATABASE, help="made and filled when it is not there")
    return parser.parse_args()


def prepare(options: argparse.Namespace) -> None:
    """Migrate and fill the database, unless it is full."""
    manage = [sys.executable, str(ROOT / "manage.py")]
    subprocess.run([*manage, "migrate", "--noinput", "-v", "0"], check=True)
    if User.all_objects.exists():
        return
    sizes = [f"--{name}={getattr(options, name)}" for name in ("users", "tracks", "plays")]
    subprocess.run([*manage, "seed_demo", "--scale", "medium", *sizes], check=True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


def timed(client: Any, url: str) -> tuple[float, int]:
    """The seconds of a page, and its queries."""
    with CaptureQueriesContext(connection) as context:
        started = time.perf_counter()
        response = client.get(url)
        seconds = time.perf_counter() - started
    if response.status_code != 200:
        sys.exit(f"{url}: status {response.status_code}")
    return seconds, len(context)


def stock(client: Any, case: Any, limit: int) -> None:
    """Time the stock page, once more unless it was stopped before."""
    if not case.stock_url or float("inf") in case.stock_seconds:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, false)", [str(limit * 1000)])
    try:
        seconds, _ = timed(client, case.stock_url)
    except OperationalError:
        seconds = float("inf")
    with connection.cursor() as cursor:
        cursor.execute("RESET statement_timeout")
    case.stock_seconds.append(seconds)


def report(done: list[Any], limit: int) -> None:
    """Print a line a page."""
    print(f"{'':30} queries   median    worst    stock median  ratio")
    for case in done:
        median, worst = statistics.median(case.seconds), max(case.seconds)
        line = f"{case.name:30} {case.queries:7} {median * 1000:5.0f} ms {worst * 1000:5.0f} ms"
        if case.stock_seconds:
            theirs = statistics.median(case.stock_seconds)
            stopped = theirs == float("inf")
            shown = f"> {limit * 1000:,} ms" if stopped else f"{theirs * 1000:,.0f} ms"
            ratio = (limit if stopped else theirs) / median
            line += f" {shown:>15} {'>' if stopped else ' '}{ratio:5.1f}"
        print(line)
    worst = max(max(case.seconds) for case in done)
    median = max(statistics.median(case.seconds) for case in done)
    print(f"The slowest median: {median * 1000:.0f} ms; the worst: {worst * 1000:.0f} ms")


def main() -> None:
    """Prepare, measure, report."""
    options = arguments()
    prepare(options)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, reltuples::bigint FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace"
            " AND relname IN ('users', 'tracks', 'track_plays') ORDER BY 1"
        )
        print(", ".join(f"{name}: about {rows:,} rows" for name, rows in cursor.fetchall()))
    staff = User.objects.get(email="super_admin@example.com")
    client = Client(raise_request_exception=True)
    client.force_login(staff, backend="veza_site.support.backend.SupportBackend")
    done = list(cases())
    for round_ in range(options.rounds + 1):
        for case in done:
            seconds, case.queries = timed(client, case.url)
            # The first round fills caches, as the first page after a start does.
            if round_:
                case.seconds.append(seconds)
                stock(client, case, options.limit)
    report(done, options.limit)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")
    os.environ["EMBEDDED_DATABASE"] = next(
        (
            value
            for name, value in zip(sys.argv, sys.argv[1:], strict=False)
            if name == "--database"
        ),
        DATABASE,
    )
    sys.path.insert(0, str(ROOT))
    import django

    django.setup()
    from django.conf import settings
    from django.db import OperationalError, connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    settings.ROOT_URLCONF = "benchmarks.admin.stock"
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.SECOND_FACTOR_REQUIRED = False
    from benchmarks.admin.cases import cases
    from veza_core.models import User

    main()
