"""Every URL of the site, and its answer to each kind of visitor."""

from collections.abc import Iterable
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import NoReverseMatch, reverse
from model_bakery import baker

from tests.attack.addresses import MODELS, actions_of, address_of, addresses, prefix, screen_names
from tests.attack.people import PEOPLE, Knocking
from tests.support import later_tables
from veza_core.models import Role, RolePermission, User, UserRoleAssignment
from veza_site.models import StaffLogEntry

#: The answers to GET, in the order of PEOPLE: anonymous, stranger, half, bare, support, moderator,
#: admin, super_admin. 302 leads to the sign-in, unless a comment says otherwise.
ADDRESSES = {
    # To the start page, which redirects further.
    "": (302, 302, 302, 302, 302, 302, 302, 302),
    # Signed-in users get the start page; before the second factor, its page.
    "admin/login/": (200, 200, 302, 302, 302, 302, 302, 302),
    # To the sign-in or, for signed-in users, to the start page.
    "admin/second-factor/": (302, 302, 200, 302, 302, 302, 302, 302),
    # GET does not sign out.
    "admin/logout/": (302, 302, 302, 302, 302, 302, 302, 302),
    "admin/": (302, 302, 302, 200, 200, 200, 200, 200),
    "admin/search/": (302, 302, 302, 200, 200, 200, 200, 200),
    # The page of a row by its ID; here, no row has the ID.
    "admin/id/<uuid:key>/": (302, 302, 302, 404, 404, 404, 404, 404),
    # Only the user's own sessions.
    "admin/sessions/": (302, 302, 302, 200, 200, 200, 200, 200),
    # Django's URL, which no screen uses.
    "admin/autocomplete/": (302, 302, 302, 403, 403, 403, 403, 403),
    # Django's texts for its scripts, without data.
    "admin/jsi18n/": (302, 302, 302, 200, 200, 200, 200, 200),
    "admin/<app>/": (302, 302, 302, 404, 200, 200, 200, 200),
    # Pages that do not exist.
    "admin/<url>": (302, 302, 302, 404, 404, 404, 404, 404),
}

#: Visitors who are not redirected to the sign-in, and visitors who may read.
INSIDE = PEOPLE[3:]
READERS = ("support", "moderator", "admin", "super_admin")
MODERATORS = ("moderator", "admin", "super_admin")
ADMINS = ("admin", "super_admin")

NOTE = {"note": READERS}
CONTENT = {"soft_delete": MODERATORS, "restore": MODERATORS, **NOTE}
#: For each table: who may export its list, and who may run which action on a row. All readers can
#: read all tables, and all staff can read the staff log and the notes. For a table after V1, it is
#: those to whom its migration has granted the permissions: see `line_of`.
SCREENS: dict[str, tuple[tuple[str, ...], dict[str, tuple[str, ...]]]] = {
    "users": (READERS, {
        "ban": READERS, "unban": READERS, "deactivate": READERS, "reactivate": READERS,
        "verify": READERS, "unverify": READERS, "unlock": READERS, "revoke": READERS,
        "suspend": READERS, "change_email": READERS, "restore": ADMINS,
        "delete_content": MODERATORS, "restore_content": MODERATORS,
        "grant_role": ADMINS, "withdraw_role": ADMINS, "export_data": ADMINS,
        "reset_second_factor": ADMINS, **NOTE,
    }),
    "federated_identities": (ADMINS, {}),
    "refresh_tokens": (READERS, {}),
    "password_reset_tokens": (ADMINS, {}),
    "email_verification_tokens": (ADMINS, {}),
    "user_sessions": (READERS, {"revoke": READERS}),
    "roles": (ADMINS, {}),
    "permissions": (ADMINS, {}),
    "user_roles": (ADMINS, {}),
    "role_permissions": (ADMINS, {}),
    "user_profiles": (ADMINS, {}),
    "user_settings": (ADMINS, {}),
    "tracks": (MODERATORS, CONTENT),
    "track_versions": (ADMINS, {}),
    "playlists": (MODERATORS, CONTENT),
    "playlist_tracks": (ADMINS, {}),
    "playlist_collaborators": (ADMINS, {}),
    "playlist_follows": (ADMINS, {}),
    "track_plays": (ADMINS, {}),
    "track_likes": (ADMINS, {}),
    "track_shares": (MODERATORS, CONTENT),
    "track_comments": (MODERATORS, CONTENT),
    "track_history": (ADMINS, {}),
    "playback_analytics": (ADMINS, {}),
    "hls_streams": (ADMINS, {}),
    "hls_transcode_queue": (READERS, {
        "retry": READERS, "cancel": READERS, "put_first": READERS,
        "priority": READERS, **NOTE,
    }),
    "bitrate_adaptation_logs": (ADMINS, {}),
    "rooms": (MODERATORS, CONTENT),
    # No role has a permission with such a name.
    "veza_site_stafflogentry": (("super_admin",), {}),
    "veza_site_note": (("super_admin",), {}),
}  # fmt: skip


def line_of(model: type[Model]) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """The line of a screen."""
    table = model._meta.db_table
    if table in SCREENS:
        return SCREENS[table]
    granted = {*RolePermission.objects.values_list("role__name", "permission__name")}

    def with_all(permissions: Iterable[str]) -> tuple[str, ...]:
        return tuple(
            reader
            for reader in READERS
            if reader == "super_admin" or {(reader, name) for name in permissions} <= granted
        )

    actions = {name: with_all(action.permissions) for name, action in actions_of(model).items()}
    return with_all([f"{table}.update"]), actions


def spelled(route: str) -> str:
    """A route in the form of the table above, with Django's patterns shortened."""
    if "(?P<app_label>" in route:
        return "admin/<app>/"
    return "admin/<url>" if "(?P<url>" in route else route


def path_of(route: str) -> str:
    """A URL of the table above."""
    path = "/" + route.replace("<app>", "veza_core").replace("<url>", "no/such/page")
    return path.replace("<uuid:key>", "00000000-0000-4000-8000-000000000000")


def test_every_address_has_its_line() -> None:
    """And no line is about a URL that does not exist."""
    found = {address for address in addresses() if address.name not in screen_names()}
    assert {spelled(address.route) for address in found} == set(ADDRESSES)
    assert {model._meta.db_table for model in MODELS} - later_tables() == set(SCREENS)
    assert {address.name for address in addresses()} >= set(screen_names())


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
@pytest.mark.django_db
def test_every_action_has_its_line(model: type[Model]) -> None:
    assert set(actions_of(model)) == set(line_of(model)[1])


def test_no_screen_but_ours() -> None:
    assert set(admin.site._registry) >= set(MODELS)
    assert {model for model in admin.site._registry if prefix(model) + "_delete" in NAMES} == set()


NAMES = {address.name for address in addresses()}


@pytest.mark.parametrize("route", ADDRESSES)
def test_address(route: str, knocking: Knocking) -> None:
    path = path_of(route)
    answers = [client.get(path) for _, client in knocking.everybody()]
    assert tuple(answer.status_code for answer in answers) == ADDRESSES[route]
    for (name, client), answer in zip(knocking.everybody(), answers, strict=True):
        if name in INSIDE and answer["Content-Type"].startswith("text/html"):
            assert answer.status_code != 200 or 'action="/admin/logout/"' in answer.text
        if name not in INSIDE:
            end = client.get(path, follow=True).request["PATH_INFO"]
            assert end in ("/admin/login/", "/admin/second-factor/")


def refused(client: Client, path: str, name: str) -> bool:
    """Whether both GET and POST are refused: by the sign-in or, for staff, by "not allowed"."""
    answers = [client.get(path), client.post(path, {"reason": "test"})]
    statuses = {answer.status_code for answer in answers}
    if name not in INSIDE:
        assert statuses == {302}
        assert all(answer["Location"].startswith("/admin/login/?next=") for answer in answers)
        return True
    assert all(status < 500 for status in statuses), path
    assert not any(answer.get("Location", "").startswith("/admin/login") for answer in answers)
    return statuses == {403}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_screen(model: type[Model], knocking: Knocking) -> None:
    table = model._meta.db_table
    exporters, actions = line_of(model)
    readers = INSIDE if table.startswith("veza_site_") else READERS
    row: Any = baker.make(model, **({"username": "somebody"} if model is User else {}))
    if model is User:
        # A role without permissions, which can be withdrawn.
        baker.make(UserRoleAssignment, user=row, role=baker.make(Role, name="listener"))
    pages = {
        address_of(model, "changelist"): readers,
        address_of(model, "change", row.pk): readers,
        address_of(model, "export"): exporters,
        **{address_of(model, "action", row.pk, name): who for name, who in actions.items()},
        **{
            f"{address_of(model, 'selected', name)}?row={row.pk}": actions[name]
            for name, action in actions_of(model).items()
            if action.in_lists
        },
    }
    if model is User:
        pages[address_of(model, "erasure", row.pk)] = ADMINS
        pages[address_of(model, "related", row.pk)] = READERS
    before = model._base_manager.values().get(pk=row.pk)
    for path, allowed in pages.items():
        got = {name for name, client in knocking.everybody() if not refused(client, path, name)}
        assert got == set(allowed), path
    assert model._base_manager.values().get(pk=row.pk) == before
    for name, client in knocking.everybody():
        expected = 404 if name in INSIDE else 302
        assert client.get(address_of(model, "action", row.pk, "no")).status_code == expected
        assert client.get(address_of(model, "selected", "no")).status_code == expected


def test_django_s_own_pages_of_a_row_are_gone() -> None:
    for page in ("add", "delete", "history"):
        for model in MODELS:
            with pytest.raises(NoReverseMatch):
                reverse(f"admin:{prefix(model)}_{page}", args=[1] if page != "add" else [])


@pytest.mark.parametrize("route", ADDRESSES)
def test_no_method_but_those_of_a_browser(route: str, knocking: Knocking) -> None:
    """Django treats an unknown method as a GET, or as a POST without a form."""
    path = path_of(route)
    for method in ("TRACE", "OPTIONS", "PUT", "PATCH", "DELETE", "CONNECT", "PROPFIND", "QUERY"):
        for name in ("anonymous", "super_admin"):
            answer = knocking(name).generic(method, path, headers={"x-secret": "not-to-be-seen"})
            assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD, POST")
            assert "not-to-be-seen" not in answer.text + str(answer.headers)


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_a_probe_with_another_method_gets_an_empty_response(path: str, super_admin: Client) -> None:
    for method in ("TRACE", "OPTIONS", "DELETE", "QUERY"):
        answer = super_admin.generic(method, path, headers={"x-secret": "not-to-be-seen"})
        assert answer.status_code == 405
        assert answer["Allow"].startswith("GET, HEAD")
        assert "not-to-be-seen" not in answer.text + str(answer.headers)


def test_the_site_is_attacked_as_the_role_of_its_process(
    super_admin: Client, web_role: str
) -> None:
    row = baker.make(User)
    assert super_admin.get(address_of(User, "change", row.pk)).status_code == 200
    entry = StaffLogEntry.objects.latest("id")
    assert (entry.subject_id, entry.written_by) == (str(row.pk), web_role)
