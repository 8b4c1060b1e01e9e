"""The rules for every action: permissions, reason, typed word, guard, log, undo."""

import uuid
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.test import Client, RequestFactory
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice
from model_bakery import baker

from tests.acting import columns, entries, open_page, take, url
from tests.staff import grant, make_staff, make_user, signed_in
from veza_core.access import access_of
from veza_core.models import Permission, Role, RolePermission, User, UserSession
from veza_core.screens.actions import addresses, perform
from veza_core.screens.actions.action import ChangeContext
from veza_site.models import StaffLogEntry
from veza_streaming.models import Playlist, Track

pytestmark = pytest.mark.django_db

# Reading the URLs registers the screens.
import_module(settings.ROOT_URLCONF)
ADMINS = [site_admin for site_admin in admin.site._registry.values() if site_admin.row_actions]
EVERY = [(site_admin, action) for site_admin in ADMINS for action in site_admin.row_actions]
NAMES = [f"{site_admin.opts.db_table}.{action.name}" for site_admin, action in EVERY]


def custom_role(*permissions: str) -> Role:
    role = baker.make(Role, name=f"custom{uuid.uuid4().hex[:8]}", display_name="Custom")
    for name in permissions:
        baker.make(RolePermission, role=role, permission=Permission.objects.get(name=name))
    return role


def staff_with(*permissions: str) -> Client:
    user = make_user(f"u{uuid.uuid4().hex[:8]}")
    grant(user, custom_role("admin.access", *permissions).name)
    return signed_in(user)


@pytest.mark.parametrize(("site_admin", "action"), EVERY, ids=NAMES)
def test_every_action_is_declared_in_full(site_admin: Any, action: Any):
    names = [other.name for other in site_admin.row_actions]
    assert names.count(action.name) == 1
    assert action.undo == "" or action.undo in names
    assert action.label
    assert action.done
    assert action.explanation
    known = set(Permission.objects.values_list("name", flat=True))
    assert action.permissions
    assert set(action.permissions) <= known
    for name in action.permissions:
        assert name.split(".")[1] != "read" or action.name == "note"
    assert len(f"{site_admin.opts.db_table}.{action.name}") <= 50


@pytest.mark.parametrize(("site_admin", "action"), EVERY, ids=NAMES)
def test_each_permission_is_needed_at_the_server(site_admin: Any, action: Any):
    """Without any one of them, both the page and the POST are refused."""
    row = baker.make(site_admin.model)
    needed = {f"{site_admin.opts.db_table}.read", *action.permissions}
    for missing in needed:
        client = staff_with(*(needed - {missing}))
        assert client.get(url(row, action.name)).status_code == 403
        sent = {"row": f"{row.pk}.{action.seen(row)}", "reason": "because"}
        assert client.post(url(row, action.name), sent).status_code == 403
    assert not entries(f"{site_admin.opts.db_table}.{action.name}")


@pytest.mark.parametrize(("site_admin", "action"), EVERY, ids=NAMES)
def test_perform_itself_checks_the_permissions(site_admin: Any, action: Any, rf: RequestFactory):
    request = rf.post("/")
    request.access = access_of(make_user("nobody"))
    work = ChangeContext(request, admin.site, {}, "because")
    with pytest.raises(PermissionDenied):
        perform.perform(site_admin, action, {uuid.uuid4(): ""}, work)


@pytest.mark.parametrize(("site_admin", "action"), EVERY, ids=NAMES)
def test_anonymous_is_sent_to_sign_in(site_admin: Any, action: Any, client: Client):
    row = baker.make(site_admin.model)
    for response in (client.get(url(row, action.name)), client.post(url(row, action.name))):
        assert response.status_code == 302
        assert response.headers["Location"].startswith("/admin/login/")


@pytest.mark.parametrize(("site_admin", "action"), EVERY, ids=NAMES)
def test_get_changes_nothing(site_admin: Any, action: Any, browser: Client):
    row = baker.make(site_admin.model)
    before = columns(row, f"to_jsonb({row._meta.db_table})")
    for method in (browser.get, browser.head, browser.put, browser.delete, browser.patch):
        method(f"{url(row, action.name)}?reason=because&confirm=x&row={row.pk}")
    assert columns(row, f"to_jsonb({row._meta.db_table})") == before
    assert not entries(f"{site_admin.opts.db_table}.{action.name}")


def test_buttons_are_those_that_apply_and_are_allowed(support: Client, bob: User):
    page = support.get(f"/admin/veza_core/user/{bob.pk}/").content.decode()
    assert url(bob, "ban") in page
    assert url(bob, "unban") not in page
    assert url(bob, "grant_role") not in page
    take(support, bob, "ban", confirm="bob")
    page = support.get(f"/admin/veza_core/user/{bob.pk}/").content.decode()
    assert url(bob, "ban") not in page
    assert url(bob, "unban") in page


@pytest.mark.parametrize("reason", ["", "   ", "\n", None, "x" * 1001, "a\0b"])
def test_without_a_reason_nothing_is_changed(support: Client, bob: User, reason: str | None):
    data = {"row": open_page(support, bob, "ban"), "confirm": "bob"}
    response = support.post(url(bob, "ban"), data if reason is None else {**data, "reason": reason})
    assert response.status_code == 200
    assert "Nothing was changed" in response.content.decode()
    assert columns(bob, "is_banned") == (False,)
    assert not entries("users.ban")


@pytest.mark.parametrize("word", ["", "Bob", "bob2", "bo", "on"])
def test_the_wrong_word_does_not_confirm(support: Client, bob: User, word: str):
    response = take(support, bob, "ban", confirm=word)
    assert response.status_code == 200
    assert columns(bob, "is_banned", "token_version") == (False, 0)
    assert not entries("users.ban")


@pytest.mark.parametrize(
    ("title", "typed"),
    [("  two   blanks ", "two blanks"), ("a\tb", "a b"), ("“Ünïcödé” <b>", "“Ünïcödé” <b>")],
)
def test_the_confirmation_word_is_the_one_shown(title: str, typed: str):
    track = baker.make(Track, title=title)
    take(signed_in(make_staff("moderator")), track, "soft_delete", confirm=typed)
    assert columns(track, "deleted_at") != (None,)


@pytest.mark.parametrize("title", ["\u202eevil", "zero\u200bwidth"])
def test_a_title_that_cannot_be_typed_is_confirmed_by_the_id(title: str):
    track = baker.make(Track, title=title)
    take(signed_in(make_staff("moderator")), track, "soft_delete", confirm=str(track.pk)[:8])
    assert columns(track, "deleted_at") != (None,)


def test_two_people_do_not_undo_each_other(bob: User):
    """Both see the same state. The second one gets a message, and changes nothing."""
    one, other = signed_in(make_staff(username="one")), signed_in(make_staff(username="other"))
    seen = open_page(other, bob, "ban")
    take(one, bob, "ban", confirm="bob")
    response = other.post(url(bob, "ban"), {"row": seen, "reason": "too", "confirm": "bob"})
    assert response.status_code == 409
    assert "Somebody else changed" in response.content.decode()
    assert len(entries("users.ban")) == 1
    # Changed and changed back: the state is as it was shown, so the other one may continue.
    take(one, bob, "unban")
    assert other.post(
        url(bob, "ban"), {"row": seen, "reason": "too", "confirm": "bob"}
    ).status_code == 302  # fmt: skip


def test_what_does_not_apply_is_said_before_it_is_filled_in(support: Client, bob: User):
    response = support.get(url(bob, "unban"))
    assert response.status_code == 409
    assert "does not apply" in response.content.decode()


def test_a_failing_log_leaves_nothing_changed(support: Client, bob: User):
    """PostgreSQL itself refuses the entry."""
    seen = open_page(support, bob, "ban")
    support.raise_request_exception = False
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE django.veza_site_stafflogentry "
            "ADD CONSTRAINT no_bans CHECK (action <> 'users.ban') NOT VALID"
        )
    with transaction.atomic():
        data = {"row": seen, "reason": "because", "confirm": "bob"}
        assert support.post(url(bob, "ban"), data).status_code == 500
    assert columns(bob, "is_banned", "token_version") == (False, 0)


def test_the_entry_and_the_change_are_one_transaction(support: Client, bob: User):
    take(support, bob, "ban", confirm="bob", reason="spam")
    (entry,) = entries("users.ban")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT users.xmin = entry.xmin FROM users, django.veza_site_stafflogentry entry "
            "WHERE users.id = %s AND entry.id = %s",
            [bob.pk, entry.pk],
        )
        assert cursor.fetchone() == (True,)
    assert (entry.staff_name, entry.reason) == ("alice", "spam")
    assert (entry.subject_table, entry.subject_id) == ("users", str(bob.pk))
    assert entry.before == {"is_banned": False, "token_version": 0}
    assert entry.after == {"is_banned": True, "token_version": 1, "user_sessions_revoked": 0,
                           "refresh_tokens_revoked": 0}  # fmt: skip


def test_undo_is_linked_from_the_message_and_from_the_entry(support: Client, bob: User):
    page = support.get(take(support, bob, "ban", confirm="bob").headers["Location"])
    assert f'<a href="{url(bob, "unban")}">Undo</a>' in page.content.decode()
    request = RequestFactory().get("/")
    request.access = access_of(User.objects.get(username="alice"))
    (entry,) = entries("users.ban")
    assert addresses.undo_url_of(admin.site, request, entry) == url(bob, "unban")
    logged = support.get(f"/admin/veza_site/stafflogentry/{entry.pk}/").content.decode()
    assert f'<a href="{url(bob, "unban")}">Undo</a>' in logged
    assert url(bob, "unban") in panel(support, bob)
    assert take(support, bob, "unban").status_code == 302
    assert columns(bob, "is_banned") == (False,)
    # The ban cannot be lifted a second time, but the lifting can be undone.
    assert f'{url(bob, "unban")}">Undo' not in panel(support, bob)
    assert f'{url(bob, "ban")}">Undo' in panel(support, bob)
    request.access = access_of(make_user("nobody"))
    assert addresses.undo_url_of(admin.site, request, entry) == ""


def panel(client: Client, row: Any) -> str:
    """The page of a user, from the panel of staff actions on."""
    page = client.get(f"/admin/veza_core/user/{row.pk}/").content.decode()
    return page.partition("Staff actions")[2]


def test_entries_without_an_undo(rf: RequestFactory, bob: User):
    request = rf.get("/")
    request.access = access_of(make_staff())
    for action, subject in (("sign_in", ""), ("users.view", str(bob.pk)), ("users.list", ""),
                            ("users.revoke", str(bob.pk)), ("nothing.ban", "1")):  # fmt: skip
        entry = StaffLogEntry(action=action, subject_table="users", subject_id=subject)
        assert addresses.undo_url_of(admin.site, request, entry) == ""


def test_names_of_rows_are_escaped(browser: Client):
    track = baker.make(Track, title="<script>alert(1)</script>")
    page = browser.get(url(track, "soft_delete")).content.decode()
    assert "<script>alert" not in page
    response = take(browser, track, "soft_delete", confirm="<script>alert(1)</script>")
    assert "<script>alert" not in browser.get(response.headers["Location"]).content.decode()
    assert "<script>alert" not in browser.get(url(track, "soft_delete")).content.decode()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/admin/veza_core/user/nonsense/ban/", 400),
        ("/admin/veza_core/user/00000000-0000-0000-0000-000000000000/ban/", 404),
        ("/admin/veza_core/user/{pk}/explode/", 404),
        ("/admin/veza_core/user/selected/ban/", 400),
        ("/admin/veza_core/user/selected/grant_role/", 404),
        ("/admin/veza_core/user/selected/explode/", 404),
        ("/admin/veza_streaming/track/selected/soft_delete/", 400),
        ("/admin/veza_streaming/track/selected/soft_delete/?row=x", 400),
    ],
)
def test_malformed_addresses_get_a_page_that_helps(browser: Client, bob: User, path: str, status):
    response = browser.get(path.format(pk=bob.pk))
    assert response.status_code == status
    assert "The start page" in response.content.decode()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ([], 400),
        (["nonsense"], 400),
        (["\0"], 400),
        ([f"{uuid.uuid4()}.x"], 400),
        (["{pk}"], 409),
        (["{pk}."], 409),
        (["{pk}.0123456789abcdef"], 409),
    ],
)
def test_a_tampered_form_changes_nothing(browser: Client, bob: User, sent: list[str], status: int):
    rows = [value.format(pk=bob.pk) for value in sent]
    data = {"row": rows, "reason": "because", "confirm": "bob"}
    response = browser.post(url(bob, "ban"), data)
    assert response.status_code == status
    assert columns(bob, "is_banned") == (False,)


def test_the_token_against_forged_requests_is_needed(bob: User):
    staff = make_staff()
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff, backend="veza_site.support.backend.SupportBackend")
    data = {"row": open_page(client, bob, "ban"), "reason": "because", "confirm": "bob"}
    assert client.post(url(bob, "ban"), data).status_code == 403
    assert columns(bob, "is_banned") == (False,)


LIST = "/admin/veza_streaming/playlist/"

# Nothing is deleted -------------------------------------------------------------------------------


def test_no_address_of_the_admin_removes_a_row(browser: Client, staff: User):
    """All screens have exactly these URLs. The two that change rows are the actions above."""
    for site_admin in admin.site._registry.values():
        names = {pattern.name.rpartition("_")[2] for pattern in site_admin.get_urls()}
        pages = {"changelist", "change", "value", "export", "selected", "action", "timeline",
                 "erasure", "related"}  # fmt: skip
        assert names <= pages, site_admin
    row = baker.make(Playlist)
    for name in ("delete", "history", "add"):
        assert browser.post(f"{LIST}{row.pk}/{name}/", {"post": "yes"}).status_code == 404
        assert browser.post(f"{LIST}{name}/", {"post": "yes"}).status_code in (404, 405)
    assert columns(row, "deleted_at") == (None,)


#: The values of columns to which an action applies.
STATES: dict[str, dict[str, Any]] = {
    "unban": {"is_banned": True},
    "reactivate": {"is_active": False},
    "unverify": {"is_verified": True},
    "unlock": {"failed_login_count": 3},
    "restore": {"deleted_at": datetime(2026, 1, 1, tzinfo=UTC)},
    "retry": {"status": "failed", "completed_at": datetime(2026, 1, 1, tzinfo=UTC)},
}


def test_no_action_issues_a_delete(browser: Client):
    """Each action is taken once. No statement deletes a row, except the reset of a second
    factor.
    """
    statements: list[str] = []

    def listen(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append(str(getattr(sql, "as_string", lambda: sql)()).strip())
        return execute(sql, params, many, context)

    for site_admin, action in EVERY:
        if action.name in ("delete_content", "restore_content"):
            # These actions change rows of other tables.
            continue
        values = STATES.get(action.name, {})
        if site_admin.model is UserSession:
            values = {"expires_at": timezone.now() + timedelta(days=1)}
        row = baker.make(site_admin.model, **values)
        if action.name == "withdraw_role":
            grant(row, "support")
        if action.name == "reset_second_factor":
            grant(row, "support")
            TOTPDevice.objects.create(user=row, confirmed=True)
        word = str(getattr(row, action.typed)) if action.typed else ""
        data = {"confirm": word, "text": "x", "priority": "3", "role": "support", "days": "7",
                "email": "new@example.com"}  # fmt: skip
        with connection.execute_wrapper(listen):
            answer = take(browser, row, action.name, **data)
            if answer.streaming:
                assert b"".join(answer.streaming_content), action
            else:
                assert answer.status_code == 302, action
    written = [sql for sql in statements if not sql.startswith(("SELECT", "SAVEPOINT", "RELEASE"))]
    assert len(written) > 2 * len(EVERY)
    removed = [sql for sql in written if sql.startswith("DELETE")]
    assert {sql.split('"')[1].partition("_")[0] for sql in removed} == {"otp"}
    cursors = {"DECLARE", "FETCH", "CLOSE"}
    rest = {sql.split()[0] for sql in written} - {"DELETE"} - cursors
    assert rest == {"INSERT", "UPDATE"}
