"""Compares the search box with the search of a stock ModelAdmin of the same tables.

Run it with `make bench-search`, on the database of `benchmarks.admin.run`. Times are the server's,
for the whole page, with sign-in and staff log.
"""

import statistics
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from benchmarks.admin.run import parser, start

SEARCH = "/admin/search/"
#: Rounds of the stock admin, which may take seconds.
STOCK_ROUNDS = 3


def main() -> None:
    """Fill, search, and print a line for each term."""
    options = parser(__doc__).parse_args()
    start(options)
    from benchmarks.admin.cases import Case
    from benchmarks.admin.measuring import signed_in, timed

    client, stock = signed_in(), stock_search()
    print(f"{'term':34} {'found':>7} {'queries':>7} {'median':>9} {'worst':>9} {'stock':>10} ratio")
    for name, text, model in terms():
        case = Case(name, client.post(SEARCH, {"q": text}).headers["Location"])
        # The first round fills caches.
        page: Any = client.get(case.url)
        # An exact match redirects to its row or its list.
        groups = page.context_data["groups"] if page.status_code == 200 else ()
        found = sum(group.number for group in groups) or int(page.status_code == 302)
        rounds = range(options.rounds)
        case.seconds = [timed(client, case, case.url, page.status_code) for _ in rounds]
        stock(model, text)
        for _ in range(STOCK_ROUNDS):
            started = time.perf_counter()
            stock(model, text)
            case.stock_seconds.append(time.perf_counter() - started)
        median, stock_median = map(statistics.median, (case.seconds, case.stock_seconds))
        print(
            f"{name:34} {found:7} {case.queries:7} {median * 1000:6.1f} ms"
            f" {max(case.seconds) * 1000:6.1f} ms {stock_median * 1000:7.1f} ms"
            f" {stock_median / median:5.1f}",
            flush=True,
        )


def stock_search() -> Callable[[Any, str], Any]:
    """Return a function that searches a table by a stock ModelAdmin."""
    from django.contrib import admin
    from django.test import RequestFactory

    from veza_core.models import User
    from veza_streaming.models import Playlist, Track

    site = admin.AdminSite("stock")
    fields = {User: ("username", "email"), Playlist: ("title", "user__username"),
              Track: ("title", "artist", "user__username")}  # fmt: skip
    screens = {
        model: type("Stock", (admin.ModelAdmin,), {"search_fields": names})(model, site)
        for model, names in fields.items()
    }

    def stock(model: Any, text: str) -> Any:
        request: Any = RequestFactory().get("/", {"q": text})
        request.user = SimpleNamespace(has_perm=lambda *_: True)
        return list(screens[model].get_changelist_instance(request).result_list)

    return stock


def terms() -> list[tuple[str, str, Any]]:
    """Return each kind of term: its name, a real term, and the table for the stock admin."""
    from veza_core.models import User, UserSession
    from veza_streaming.models import Playlist, Track

    user = User.objects.order_by("id")[100]
    track = Track.objects.order_by("id")[100]
    playlist = Playlist.objects.order_by("id")[100]
    session = UserSession.objects.exclude(ip_address=None).order_by("id").first()
    return [
        ("a track's ID", str(track.pk), Track),
        ("an ID of no row", "5f1a3b0e-8a5d-4a53-9f0e-3a4b8f3f2c11", Track),
        ("an e-mail", user.email.upper(), User),
        ("a username", user.username, User),
        ("a part of a username", user.username[1:6], User),
        ("a track's title", track.title, Track),
        ("a part of a title", track.title[-7:].strip(), Track),
        ("a playlist's title", playlist.title, Playlist),
        ("a common part: the", "the", Track),
        ("a common part: ing", "ing", Track),
        ("a text of no row", "qzxjvkwq", Track),
        ("an IP address", str(session.ip_address) if session else "192.0.2.1", User),
        ("a hash", session.token_hash if session else "c0ffee" * 8, User),
    ]


if __name__ == "__main__":
    main()
