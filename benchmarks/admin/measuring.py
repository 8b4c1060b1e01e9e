"""Times pages of our admin and of the stock admin, on the server's side."""

import logging
import statistics
import sys
import time

from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from benchmarks.admin.cases import Case, cases
from veza_core.models import User

#: Statements that begin and end transactions are not counted.
CONTROL = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK", "SELECT set_config")


def print_sizes() -> None:
    """Print the size of the large tables."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, reltuples::bigint FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace"
            " AND relname IN ('users', 'tracks', 'track_plays') ORDER BY 1"
        )
        print(", ".join(f"{name}: about {rows:,} rows" for name, rows in cursor.fetchall()))


def signed_in() -> Client:
    """Return a client that is signed in as an account that may see everything."""
    client = Client(raise_request_exception=True)
    staff = User.objects.get(email="super_admin@example.com")
    client.force_login(staff, backend="veza_site.support.backend.SupportBackend")
    return client


def timed(client: Client, case: Case, url: str, status: int = 200) -> float:
    """Return the seconds of a page, and store the number of its queries in the case."""
    # Django keeps 9000 queries, and warns if there are more.
    connection.queries_log.clear()
    with CaptureQueriesContext(connection) as context:
        started = time.perf_counter()
        response = client.get(url)
        seconds = time.perf_counter() - started
    if response.status_code != status:
        sys.exit(f"{url}: status {response.status_code}")
    case.queries = sum(not query["sql"].startswith(CONTROL) for query in context)
    return seconds


def compare_with_stock(client: Client, rounds: int, limit: int) -> None:
    """Time both admins in each round, and print a line for each page."""
    done = list(cases())
    for round_ in range(rounds + 1):
        for case in done:
            # The last page sets the number of queries. It must be ours.
            theirs = _stock(client, case, limit) if round_ else None
            ours = timed(client, case, case.url)
            # The first round only fills caches.
            if round_:
                case.seconds.append(ours)
            if theirs is not None:
                case.stock_seconds.append(theirs)
    _report(done, limit)


def _stock(client: Client, case: Case, limit: int) -> float | None:
    """Return the seconds of the stock page, or None if it has none.

    If the limit stops it, the time is infinite, and later rounds return None.
    """
    if not case.stock_url or float("inf") in case.stock_seconds:
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, false)", [str(limit * 1000)])
    # Django would print this error, which is expected.
    logging.disable()
    try:
        return timed(client, case, case.stock_url)
    except OperationalError:
        return float("inf")
    finally:
        logging.disable(logging.NOTSET)
        with connection.cursor() as cursor:
            cursor.execute("RESET statement_timeout")


def _report(done: list[Case], limit: int) -> None:
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
