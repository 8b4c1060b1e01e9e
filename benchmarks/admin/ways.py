"""Compares each part of an admin page that goes around Django's ORM with Django's own way.

    python -m benchmarks.admin.ways

The database is that of `benchmarks.admin.run`; `--scale small` is enough. Both run in turn, in one
process. A line has the fastest of `--rounds` calls of each, so that a slow moment of the machine
does not count.
"""

import time
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from benchmarks.admin.run import parser, start

type Way = Callable[[], Any]

#: Links of a page that has a panel for each table.
LINKS = 400


def main() -> None:
    """Fill, measure, and print a line for each way."""
    options = parser(__doc__).parse_args()
    start(options)
    print(f"{'':44} {'ours':>9} {'Django':>9}  ratio")
    for name, ours, django_s in ways():
        best = [min(times) for times in zip(*timed(ours, django_s, options.rounds), strict=True)]
        print(f"{name:44} {best[0] * 1e3:6.2f} ms {best[1] * 1e3:6.2f} ms {best[1] / best[0]:6.1f}")


def timed(ours: Way, django_s: Way, rounds: int) -> Iterator[tuple[float, float]]:
    """Return the seconds of both in each round, except the first, which fills caches."""
    for number in range(rounds + 1):
        seconds = []
        for way in (ours, django_s):
            started = time.perf_counter()
            way()
            seconds.append(time.perf_counter() - started)
        if number:
            yield seconds[0], seconds[1]


def ways() -> Iterator[tuple[str, Way, Way]]:
    """Return each way's name, our function, and Django's."""
    from django.contrib.admin import site
    from django.db.models import Q
    from django.urls import reverse

    from veza_core.models import User
    from veza_core.screens import labels, panels
    from veza_core.screens.keyset import WINDOW
    from veza_core.screens.order import Order
    from veza_core.screens.window import flagged, look_through
    from veza_streaming.models import TrackPlay

    import_module("veza_site.urls")  # it imports the screens
    staff: Any = site
    order = Order.parse(TrackPlay, "-created_at")
    condition = Q(source="library", device="tv")
    rows = TrackPlay.objects.order_by(*order.by)

    def chosen_in_python() -> list[Any]:
        meets = flagged(rows, order, condition)[:WINDOW]
        return [pk for _, pk, met, _ in meets if met][:51]

    def chosen() -> list[Any]:
        return look_through(flagged(rows, order, condition)[:WINDOW], order, 51).ids

    assert chosen() == chosen_in_python()  # noqa: S101 - else they are not comparable
    yield f"a page out of {WINDOW:,} rows (window.py)", chosen, chosen_in_python

    request: Any = type("Request", (), {"access": Everything()})()
    busy = rows.exclude(user=None)[0].user
    relations = panels.relations_of(staff, User, "default")

    def one_query_each() -> list[Any]:
        found = []
        for relation in relations:
            lookup = relation.key.name + ("__user" if relation.between else "")
            of_user = relation.model._base_manager.filter(**{lookup: busy})
            found.append(list(of_user.order_by("-created_at", "-id")[: panels.ROWS_PER_PANEL]))
            of_user[: panels.PANEL_COUNT_LIMIT].count()
        return found

    yield (
        f"the {len(relations)} panels of a user (panels.py)",
        lambda: panels.panels_of(staff, request, busy),
        one_query_each,
    )

    some = list(rows.exclude(user=None)[:50])

    def in_bulk() -> list[Any]:
        ids = {
            key: {getattr(row, key.attname) for row in some}
            for key in labels.foreign_keys(TrackPlay)
        }
        return [key.related_model._base_manager.in_bulk(list(pks)) for key, pks in ids.items()]

    yield (
        "names behind the keys of 50 rows (labels.py)",
        lambda: labels.attach(request, staff, some),
        in_bulk,
    )
    yield (
        f"{LINKS} links (labels.url_of)",
        lambda: [labels.url_of(TrackPlay, some[0].pk) for _ in range(LINKS)],
        lambda: [reverse("admin:veza_streaming_trackplay_change", args=[some[0].pk])
                 for _ in range(LINKS)],
    )  # fmt: skip


class Everything:
    """The permissions of an account that may read everything."""

    def may(self, *_: str) -> bool:
        """Return True for each permission."""
        return True


if __name__ == "__main__":
    main()
