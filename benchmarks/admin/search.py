"""Compares the search box with the search of a stock ModelAdmin of the same tables.

Run it with `make bench-search`. It fills a separate database with `seed_demo`, and keeps it for the
next run with `--keep`. Times are the server's, for the whole page, with sign-in and staff log.
"""

import argparse
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from typing import Any

from benchmarks.server import PYTHON, ROOT, Server

SEARCH = "/admin/search/"


def main() -> None:
    """Fill, search, and print a line for each term."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--tracks", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--database", default="bench_search")
    parser.add_argument(
        "--keep", action="store_true", help="keep the database, or use the existing one"
    )
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")
    os.environ.setdefault("DEBUG", "1")
    import django

    django.setup()
    from django.conf import settings

    settings.DEBUG = False
    settings.ALLOWED_HOSTS = ["localhost"]
    server = Server()
    environment = server.environment(options.database)
    if not (options.keep and server_has(server, options.database)):
        server.recreate(options.database)
        fill(environment, options.users, options.tracks)
    try:
        run_on(options.database, options.rounds)
    finally:
        if not options.keep:
            server.drop(options.database)


def server_has(server: Server, database: str) -> bool:
    """Whether the database exists from an earlier run."""
    import psycopg

    with psycopg.connect(**server.parameters, dbname="postgres") as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [database])
        return found.rowcount > 0


def fill(environment: dict[str, str], users: int, tracks: int) -> None:
    """Create the whole schema, with the given numbers of users and tracks, and few other rows."""
    manage = [PYTHON, str(ROOT / "manage.py")]
    little = [f"--{name}=1000" for name in ("plays", "likes", "comments")]
    seed = ["seed_demo", f"--users={users}", f"--tracks={tracks}", f"--playlists={users}", *little]
    subprocess.run([*manage, "migrate", "--verbosity=0"], env=environment, check=True)
    subprocess.run([*manage, *seed], env=environment, check=True)


def run_on(database: str, rounds: int) -> None:
    """Connect Django to the database, and measure."""
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = database
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    measure(rounds)
    connection.close()


def measure(rounds: int) -> None:
    """Time each term in both, and print the ratio."""
    ours, stock = clients()
    print(f"{'term':34} {'found':>7} {'queries':>7} {'median':>9} {'worst':>9} {'stock':>10} ratio")
    for name, text, model in terms():
        address = ours.post(SEARCH, {"q": text}).headers["Location"]
        times, page, count = timed(lambda address=address: ours.get(address), rounds)
        of_stock, _, _ = timed(lambda text=text, model=model: stock(model, text), min(rounds, 3))
        found = sum(group.number for group in page.context_data["groups"])
        median, stock_median = statistics.median(times), statistics.median(of_stock)
        print(
            f"{name:34} {found:7} {count:7} {median:6.1f} ms {max(times):6.1f} ms"
            f" {stock_median:7.1f} ms {stock_median / median:5.1f}",
            flush=True,
        )


def timed(call: Callable[[], Any], rounds: int) -> tuple[list[float], Any, int]:
    """Return the milliseconds of each round except the first, the last answer, and its queries."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        call()
    ends = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT")
    count = len([query for query in queries if not query["sql"].startswith(ends)])
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        answer = call()
        times.append((time.perf_counter() - started) * 1000)
    return times, answer, count


def clients() -> tuple[Any, Callable[[Any, str], Any]]:
    """Return a client of the support admin, and a function that searches the stock ModelAdmin."""
    from django.contrib import admin
    from django.test import Client, RequestFactory
    from model_bakery import baker

    from veza_core.models import User
    from veza_streaming.models import Playlist, Track

    staff = User.objects.filter(username="bench_staff").first() or baker.make(
        User, username="bench_staff", email="bench@staff.example", role="super_admin"
    )
    client = Client(headers={"host": "localhost"})
    client.force_login(staff, backend="veza_site.support.backend.SupportBackend")
    site = admin.AdminSite("stock")
    fields = {User: ("username", "email"), Playlist: ("title", "user__username"),
              Track: ("title", "artist", "user__username")}  # fmt: skip
    screens = {
        model: type("Stock", (admin.ModelAdmin,), {"search_fields": names})(model, site)
        for model, names in fields.items()
    }

    def stock(model: Any, text: str) -> Any:
        request = RequestFactory().get("/", {"q": text})
        request.user = staff
        found = screens[model].get_changelist_instance(request)
        return list(found.result_list)

    staff.has_perm = lambda *_: True  # type: ignore[attr-defined]
    return client, stock


def terms() -> list[tuple[str, str, Any]]:
    """Return each kind of term: its name, a real term, and the table for the stock admin."""
    from veza_core.models import User, UserSession
    from veza_streaming.models import Playlist, Track

    user = User.objects.order_by("id")[1000]
    track = Track.objects.order_by("id")[1000]
    playlist = Playlist.objects.order_by("id")[1000]
    session = UserSession.objects.exclude(ip_address=None).order_by("id").first()
    return [
        ("a track's ID", str(track.pk), Track),
        ("an ID that nothing has", "5f1a3b0e-8a5d-4a53-9f0e-3a4b8f3f2c11", Track),
        ("an e-mail", user.email.upper(), User),
        ("a username", user.username, User),
        ("a part of a username", user.username[1:6], User),
        ("a track's title", track.title, Track),
        ("a part of a title", track.title[-7:].strip(), Track),
        ("a playlist's title", playlist.title, Playlist),
        ("a common part: the", "the", Track),
        ("a common part: ing", "ing", Track),
        ("nothing has it", "qzxjvkwq", Track),
        ("an address", str(session.ip_address) if session else "192.0.2.1", User),
        ("a hash", session.token_hash if session else "c0ffee" * 8, User),
    ]


if __name__ == "__main__":
    main()
