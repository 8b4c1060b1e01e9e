"""No link leads staff to a page that refuses them, whatever they may read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest
from django.db import transaction
from django.db.models import Model
from django.test import Client
from django.urls import resolve
from model_bakery import baker

from tests.acting import take
from tests.admin.addresses import list_of, page_of
from tests.admin.crowd import MODELS
from tests.one_track import of_one_track
from tests.staff import grant, make_user, signed_in
from veza_core.models import Permission, Role, RolePermission, User, UserRole, UserSession
from veza_core.screens.labels import foreign_keys
from veza_site.models import Note, StaffLogEntry
from veza_streaming.models import Track, TrackHistory

ADDRESS = "203.0.113.7"
#: Filters that need permissions for other tables than their list.
CRITERIA = {"address", "seen_with", "track_user"}
LINK = re.compile(r'<a [^>]*?href="([^"]*)"')

#: The permissions of each visitor; None: those of the role.
VISITORS: dict[str, tuple[str, ...] | None] = {
    "nothing": (),
    "accounts": ("users.read", "users.update", "user_roles.read"),
    "analyst": ("tracks.read", "track_history.read", "track_plays.read", "user_sessions.read"),
    "support": None,
}


def row_of(model: type[Model], own: dict[type[Model], Model]) -> Model:
    """A row that refers to the account and the track."""
    names = {field.name for field in model._meta.concrete_fields}
    of_track = of_one_track(model)
    values: dict[str, Any] = {
        key.name: own[key.related_model]
        for key in foreign_keys(model)
        if key.related_model in own and key.name not in of_track
    }
    seen = {"ip_address": ADDRESS} if "ip_address" in names else {}
    return baker.make(model, **values, **of_track, **seen)


@dataclass
class World:
    """Staff, and the pages on which they find links."""

    staff: dict[str, User]
    pages: list[str]


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Staff, with rows of all tables and what others did to them and noted about them."""
    with django_db_blocker.unblock(), transaction.atomic():
        staff = {name: visitor(name, permissions) for name, permissions in VISITORS.items()}
        yield World(staff, fill([*staff.values()]))
        transaction.set_rollback(True)


def visitor(name: str, permissions: tuple[str, ...] | None) -> User:
    """A user with these permissions, and with `admin.access`."""
    user = make_user(f"v_{name}")
    if permissions is None:
        grant(user, name)
        return user
    role = baker.make(Role, name=f"v_{name}")
    for name in ("admin.access", *permissions):
        permission = Permission.objects.get(name=name)
        baker.make(RolePermission, role=role, permission=permission)
    grant(user, role.name)
    return user


def fill(visitors: list[User]) -> list[str]:
    """Make rows of all tables and what staff did to some; return pages that show them."""
    head = make_user("head", role=UserRole.SUPER_ADMIN)
    chief = signed_in(make_user("chief", role=UserRole.SUPER_ADMIN))
    bob = make_user("bob")
    own: dict[type[Model], Model] = {User: bob, Track: baker.make(Track, user=bob)}
    rows = [*own.values(), *(row_of(model, own) for model in MODELS if model not in own)]
    paths = [page_of(type(row), row.pk) for row in rows]
    more = [f"{paths[0]}{page}/" for page in ("note", "export_data", "erasure", "related")]
    more += [list_of(User, address=ADDRESS), f"{list_of(TrackHistory)}export/"]
    lists = [list_of(type(row)) for row in rows]
    said = " ".join([ADDRESS, "bob@example.com", *more, *lists, *paths])
    take(chief, own[Track], "note", text=said)
    for row in own.values():
        take(chief, row, "note", text=" ".join(str(row.pk) for row in rows))
    take(chief, bob, "grant_role", role="support", confirm="bob")
    for user in (bob, head, *visitors):
        take(chief, user, "verify", reason=said[:1000].rpartition(" ")[0])
    take(chief, bob, "ban", reason=f"as {ADDRESS}", confirm="bob")
    take(chief, head, "deactivate", confirm="head")
    take(chief, own[Track], "soft_delete", confirm=own[Track].title)  # type: ignore[attr-defined]
    entries = [page_of(StaffLogEntry, row.pk) for row in StaffLogEntry.objects.exclude(reason="")]
    lists = [list_of(model) for model in (StaffLogEntry, Note, UserSession, TrackHistory)]
    notes = [page_of(Note, note.pk) for note in Note.objects.all()]
    return ["/admin/", *paths, page_of(User, head.pk), *notes, *entries, *lists]


def kind_of(url: str) -> tuple[Any, ...]:
    """What links have in common of which one is followed: the page, the account or the row of an
    ID, and filters that need other permissions than their list.
    """
    parts = urlsplit(url)
    found = resolve(parts.path)
    name = found.url_name or ""
    key = found.kwargs.get("object_id") if name.startswith("veza_core_user_") else ""
    key = found.kwargs.get("key", key)
    filters = {name for name, _ in parse_qsl(parts.query)} & CRITERIA
    return (name, found.kwargs.get("action"), key, *sorted(filters))


def links_on(client: Client, page: str) -> list[str]:
    """Where a page leads within the site."""
    found = (urljoin(page, unescape(href)) for href in LINK.findall(client.get(page).text))
    return [url for url in found if urlsplit(url).path.startswith("/admin/")]


@pytest.mark.parametrize("name", VISITORS)
def test_every_link_opens(name: str, world: World) -> None:
    client = signed_in(world.staff[name])
    leads: dict[tuple[Any, ...], tuple[str, str]] = {}
    for page in [*world.pages, page_of(User, world.staff[name].pk)]:
        for url in links_on(client, page):
            leads.setdefault(kind_of(url), (url, page))
    found = [(client.get(url).status_code, url, page) for url, page in leads.values()]
    assert [one for one in found if one[0] not in (200, 302)] == []
    assert len(leads) > 5
    # Only those who may read all tables can open the row of any ID.
    assert any(kind[0] == "by_id" for kind in leads) == (name == "support")
