"""The pages that are measured, each with its URL in our admin and in the stock admin."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.urls import reverse
from django.utils.http import urlencode

from veza_core.models import User, UserSession
from veza_core.screens.order import Order
from veza_media.models import HlsTranscodeJob
from veza_streaming.models import PlaylistTrack, Track, TrackComment, TrackPlay

#: Rows on a page, in both admins.
SIZE = 50

#: The number of a distant page.
FAR = 10_000


@dataclass(slots=True)
class Case:
    """A page, and the seconds that it took. `stock_url` is empty if the stock admin lacks it."""

    name: str
    url: str
    stock_url: str = ""
    seconds: list[float] = field(default_factory=list)
    stock_seconds: list[float] = field(default_factory=list)
    queries: int = 0


def list_of(site: str, model: type[Model], **query: Any) -> str:
    """Return the URL of a list."""
    meta = model._meta
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist", current_app=site)
    return f"{url}?{urlencode(query)}" if query else url


def page_of(site: str, model: type[Model], pk: Any) -> str:
    """Return the URL of a row's page."""
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[pk], current_app=site)


def far(model: type[Model], order: str) -> tuple[int, dict[str, Any]]:
    """Return the number of a distant page, and the query string of our page for it."""
    by = Order.parse(model, order)
    rows = model._base_manager.order_by(*by.by)
    page = min(FAR, max(rows.count() // SIZE - 1, 2))
    row = rows[(page - 1) * SIZE - 1]
    return page, {"after": str(by.cursor_of(row))}


def cases() -> Iterator[Case]:
    """Return all cases for the data in the database."""
    track = Track.objects.order_by("-play_count")[:1].get()
    user = track.user_id
    yield Case("start page", reverse("admin:index"), reverse("admin:index", current_app="stock"))
    for model in (User, Track, TrackPlay, PlaylistTrack):
        name = str(model._meta.verbose_name_plural)
        screen: Any = admin.site._registry[model]
        number, cursor = far(model, screen.parameters().order)
        yield Case(f"{name}, page 1", list_of("admin", model), list_of("stock", model))
        yield Case(
            f"{name}, page {number:,}",
            list_of("admin", model, **cursor),
            list_of("stock", model, p=number),
        )
    pairs: list[tuple[str, type[Model], dict[str, Any], dict[str, Any]]] = [
        ("users, banned", User, {"is_banned": "yes"}, {"is_banned__exact": 1}),
        ("users of role admin", User, {"role": "admin"}, {"role__exact": "admin"}),
        ("users of role user", User, {"role": "user"}, {"role__exact": "user"}),
        ("users, deleted", User, {"deleted": "yes"}, {"deleted_at__isnull": "False"}),
        ("tracks, failed", Track, {"status": "failed"}, {"status__exact": "failed"}),
        ("tracks, not public", Track, {"is_public": "no"}, {"is_public__exact": 0}),
        ("tracks of a user", Track, {"user": user}, {"user__id__exact": user}),
        ("plays of a track", TrackPlay, {"track": track.pk}, {"track__id__exact": track.pk}),
        ("plays, 30 days", TrackPlay, {"range": "30d"}, {"created_at__year": 2026}),
        ("playlist entries of a track", PlaylistTrack, {"track": track.pk},
         {"track__id__exact": track.pk}),
        ("comments, edited", TrackComment, {"is_edited": "yes"}, {"is_edited__exact": 1}),
        ("jobs, failed", HlsTranscodeJob, {"status": "failed"}, {"status__exact": "failed"}),
        ("jobs, all", HlsTranscodeJob, {}, {}),
        ("sessions, revoked", UserSession, {"revoked": "yes"}, {"revoked_at__isnull": "False"}),
    ]  # fmt: skip
    for name, model, ours, theirs in pairs:
        yield Case(name, list_of("admin", model, **ours), list_of("stock", model, **theirs))
    ours_only: list[tuple[str, type[Model], dict[str, Any]]] = [
        ("users, locked", User, {"locked": "now"}),
        ("sessions, recently active", UserSession, {"used": "hour"}),
        ("accounts of a domain", User, {"domain": "example.com"}),
        ("accounts seen with a user", User, {"seen_with": user}),
        ("jobs, the last to fail", HlsTranscodeJob, {"failed": "latest"}),
        ("plays this week", TrackPlay, {"range": "7d"}),
    ]
    for name, model, ours in ours_only:
        yield Case(name, list_of("admin", model, **ours))
    for name in ("timeline", "related", "erasure"):
        yield Case(f"{name} of a user", f"{page_of('admin', User, user)}{name}/")
    yield Case("timeline of a track", f"{page_of('admin', Track, track.pk)}timeline/")
    yield Case("page of a user", page_of("admin", User, user), page_of("stock", User, user))
    yield Case(
        "page of a track", page_of("admin", Track, track.pk), page_of("stock", Track, track.pk)
    )
