"""Each button and each “Undo” leads to a form, in whatever state the row is."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import resolve
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice
from model_bakery import baker

from tests.acting import ROW, take, url
from tests.admin.addresses import page_of
from tests.staff import grant, make_staff, make_user, signed_in
from tests.support import later_tables
from veza_core.admin import standing
from veza_core.admin.content_actions import CONTENT_ACTIONS
from veza_core.models import SoftDeleteModel, User, UserRole, UserSession
from veza_core.screens.actions.addresses import selected_url
from veza_core.screens.display import declared
from veza_legacy_chat.models import Room
from veza_media.models import HlsTranscodeJob, TranscodeStatus
from veza_site.models import StaffLogEntry
from veza_streaming.models import Playlist, Track, TrackComment, TrackShare

pytestmark = pytest.mark.django_db

LINK = re.compile(r'<a [^>]*?href="(/admin/[^"]+)"')
PAST = datetime(2026, 1, 1, tzinfo=UTC)
CONTENT: dict[type[Model], str] = {
    Track: "user", Playlist: "user", TrackShare: "user", TrackComment: "user", Room: "creator",
}  # fmt: skip


def accounts() -> list[User]:
    """Accounts in all states."""
    later = timezone.now() + timedelta(days=1)
    states: dict[str, dict[str, Any]] = {
        "plain": {},
        "banned": {"is_banned": True, "is_verified": True},
        "inactive": {"is_active": False},
        "gone": {"deleted_at": PAST},
        "locked": {"failed_login_count": 7, "locked_until": later},
        "suspended": {"locked_until": later},
        "boss": {"role": UserRole.SUPER_ADMIN},
    }
    users = [make_user(name, **values) for name, values in states.items()]
    users += [make_staff(username="staffed"), make_staff("admin", "enrolled"),
              make_staff("moderator", "half_enrolled"),
              make_staff(username="left", is_banned=True)]  # fmt: skip
    for user in users[-3:]:
        TOTPDevice.objects.create(user=user, confirmed=user.username != "half_enrolled")
    former = make_user("former")
    grant(former, "support", expires_at=PAST)
    return [*users, former, *owners_of(Room)]


def owners_of(model: type[Model]) -> list[User]:
    """Of a live row, and of a deleted one."""
    owners = [make_user(f"{state}_{model._meta.model_name}") for state in ("live", "deleted")]
    for owner, deleted_at in zip(owners, (None, PAST), strict=True):
        baker.make(model, **{CONTENT[model]: owner}, deleted_at=deleted_at)
    return owners


def rows() -> list[Model]:
    """Rows of the other tables with actions, in all states."""
    made: list[Any] = [
        baker.make(model, deleted_at=deleted_at) for model in CONTENT for deleted_at in (None, PAST)
    ]
    made += [
        baker.make(HlsTranscodeJob, status=status, priority=priority, started_at=PAST,
                   completed_at=PAST if status in ("completed", "failed", "cancelled") else None)
        for status in TranscodeStatus.values for priority in (5, 10)
    ]  # fmt: skip
    # Rows of a table after V1: live and, if it has soft deletion, deleted.
    for model, screen in admin.site._registry.items():
        if screen.row_actions and model not in (User, UserSession, HlsTranscodeJob, *CONTENT):
            states = (None, PAST) if issubclass(model, SoftDeleteModel) else (None,)
            made += [baker.make(model, **({"deleted_at": at} if at else {})) for at in states]
    later = timezone.now() + timedelta(days=1)
    sessions = ({"expires_at": later}, {"expires_at": later, "revoked_at": PAST},
                {"expires_at": PAST, "created_at": PAST})  # fmt: skip
    return [*made, *(baker.make(UserSession, **values) for values in sessions)]


def act_and_undo(client: Client) -> list[Model]:
    """Take actions and undo some of them; return the rows."""
    user, track = make_user("busy"), baker.make(Track, title="busy")
    baker.make(Playlist, user=user)
    job = baker.make(HlsTranscodeJob, status="pending")
    lists = baker.make(Playlist, 2)
    steps: list[tuple[Any, str, dict[str, str]]] = [
        (user, "ban", {}), (user, "unban", {}),
        (user, "grant_role", {"role": "support"}), (user, "withdraw_role", {"role": "support"}),
        (user, "suspend", {"days": "7"}), (user, "unlock", {}),
        (user, "change_email", {"email": "new@example.com"}), (user, "delete_content", {}),
        (track, "soft_delete", {}), (track, "restore", {}),
        (job, "cancel", {}), (job, "retry", {}), (job, "priority", {"priority": "9"}),
    ]  # fmt: skip
    for row, action, data in steps:
        answer = take(client, row, action, confirm="busy", **data)
        assert answer.status_code == (200 if answer.streaming else 302), action
        assert not answer.streaming or answer.getvalue()
    for action in ("soft_delete", "restore"):
        address = selected_url(Playlist, action, [("row", row.pk) for row in lists])
        sent = {"row": ROW.findall(client.get(address).text), "reason": "x", "confirm": "2"}
        assert client.post(address.partition("?")[0], sent).status_code == 302
    return [user, track, job, *lists]


def buttons_on(client: Client, page: str) -> set[str]:
    """The URLs of actions on a page."""
    found = map(unescape, LINK.findall(client.get(page).text))
    names = ("_action", "_selected")
    return {one for one in found if (resolve(urlsplit(one).path).url_name or "").endswith(names)}


def check(client: Client, pages: list[str]) -> set[tuple[str, str]]:
    """Follow all buttons; return the screen and the name of each action."""
    found = {(one, page) for page in pages for one in buttons_on(client, page)}
    refused = [(status, one, page) for one, page in sorted(found)
               if (status := client.get(one).status_code) != 200]  # fmt: skip
    assert refused == []
    at = [resolve(urlsplit(one).path) for one, _ in found]
    return {(str(one.url_name), one.kwargs["action"]) for one in at}


def test_each_button_opens_a_form(browser: Client, staff: User):
    pages = [page_of(type(row), row.pk) for row in (*accounts(), *rows(), staff)]
    offered = {
        (f"{screen.opts.app_label}_{screen.opts.model_name}_action", action.name)
        for screen in admin.site._registry.values()
        for action in screen.row_actions
        if action.offered
    }
    assert offered == check(browser, pages)


def test_each_button_of_an_administrator_opens_a_form():
    """Who has fewer permissions than some of the accounts."""
    me = make_staff("admin", "myself")
    client = signed_in(me)
    found = check(client, [page_of(User, user.pk) for user in (*accounts(), me)])
    assert {"reset_second_factor", "delete_content", "withdraw_role"} <= {name for _, name in found}


def test_each_undo_opens_a_form(browser: Client):
    pages = [page_of(type(row), row.pk) for row in act_and_undo(browser)]
    entries = StaffLogEntry.objects.exclude(reason="")
    check(browser, [*pages, *(page_of(StaffLogEntry, entry.pk) for entry in entries)])


def offers(client: Client, user: User, action: str) -> bool:
    return url(user, action) in client.get(page_of(User, user.pk)).text


def test_content_is_looked_for_in_every_table(browser: Client):
    tables = {model._meta.db_table for model in CONTENT}
    assert tables == set(declared("content")) - later_tables()
    for model in CONTENT:
        assert [offers(browser, user, "delete_content") for user in owners_of(model)] == [
            True, False,
        ], model  # fmt: skip


def test_a_second_factor_is_one_that_was_confirmed(browser: Client):
    found = [one.username for one in accounts() if offers(browser, one, "reset_second_factor")]
    assert found == ["enrolled", "left"]


def test_there_is_no_button_for_sessions_that_are_over(browser: Client):
    live, *over = [row for row in rows() if isinstance(row, UserSession)]
    assert url(live, "revoke") in browser.get(page_of(UserSession, live.pk)).text
    assert len(over) == 2
    for session in over:
        assert url(session, "revoke") not in browser.get(page_of(UserSession, session.pk)).text


def test_there_is_no_button_for_content_of_which_all_is_deleted(browser: Client):
    """However much it is, up to what one action deletes."""
    track, user = baker.make(Track), make_user("gone")
    TrackComment.objects.bulk_create(
        TrackComment(track=track, user=user, content="x", deleted_at=PAST) for _ in range(600)
    )
    assert not offers(browser, user, "delete_content")
    baker.make(TrackComment, track=track, user=user)
    assert offers(browser, user, "delete_content")


def test_of_many_deleted_rows_not_all_are_read(browser: Client, monkeypatch: pytest.MonkeyPatch):
    """Then the button is there, and its page says that nothing is left."""
    monkeypatch.setattr(standing, "_LOOKED_THROUGH", 3)
    few, many = make_user("few"), make_user("many")
    baker.make(Track, 2, user=few, deleted_at=PAST)
    baker.make(Track, 3, user=many, deleted_at=PAST)
    assert [offers(browser, user, "delete_content") for user in (few, many)] == [False, True]
    answer = browser.get(url(many, CONTENT_ACTIONS[0].name))
    assert (answer.status_code, "has no content" in answer.text) == (409, True)
