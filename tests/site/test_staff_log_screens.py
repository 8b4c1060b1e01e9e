"""The screens of the staff log and of the notes."""

import re
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from model_bakery import baker

from tests.staff import grant, make_staff, make_user, signed_in
from veza_core.models import Permission, Role, RolePermission
from veza_core.screens.display import address
from veza_site.models import Note, StaffLogEntry

pytestmark = pytest.mark.django_db

LOG = "/admin/veza_site/stafflogentry/"
NOTES = "/admin/veza_site/note/"


@pytest.fixture
def bob():
    return make_user("bob")


@pytest.fixture
def browser(bob):
    """Alice, who is support, and a log with entries of others."""
    alice = make_staff()
    for number in range(3):
        StaffLogEntry.objects.create(
            staff_id=alice.pk,
            staff_name="alice",
            address="192.0.2.7",
            action="users.ban",
            subject_table="users",
            subject_id=str(bob.pk),
            subject_label="bob",
            reason=f"reason {number}",
            before={"is_banned": False},
            after={"is_banned": True},
        )
    StaffLogEntry.objects.create(
        staff_name="manage.py grant_staff (root)", action="user_roles.grant"
    )
    return signed_in(alice)


def reasons(page):
    return re.findall(r"reason \d", page.text)


def test_latest_first(browser):
    assert reasons(browser.get(LOG)) == ["reason 2", "reason 1", "reason 0"]


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("staff_name=alice", 3),
        ("action=users.ban", 3),
        ("subject_table=users", 3),
        ("staff_id=alice", 3),
        ("subject_id={bob}", 3),
        ("staff_name=nobody", 0),
        ("action=user_roles.grant", 0),
        ("subject_id=x", 0),
        ("action=users.ban&subject_table=tracks", 0),
    ],
)
def test_filters(browser, bob, query, number):
    page = browser.get(f"{LOG}?{query.format(bob=bob.pk)}")
    assert page.status_code == 200
    assert len(reasons(page)) == number


@pytest.mark.parametrize(
    "query",
    ["staff_id=nonsense", "reason=x", "before__is_banned=1", "after=x~y", "q=bob", "action=%00"],
)
def test_malformed_queries(browser, query):
    assert browser.get(f"{LOG}?{query}").status_code == 400


def test_an_entry(browser, bob):
    entry = StaffLogEntry.objects.order_by("-id").filter(action="users.ban")[0]
    page = browser.get(f"{LOG}{entry.pk}/")
    assert page.status_code == 200
    for text in (
        address("192.0.2.7"),
        "reason 2",
        "Banned: no",
        f"/admin/veza_core/user/{bob.pk}/",
    ):
        assert text in page.text
    assert f'{LOG}?staff_id={entry.staff_id}"' in page.text


@pytest.mark.parametrize("key", ["0", "x", "9" * 30, str(uuid.UUID(int=1)), "-1"])
def test_no_such_entry(browser, key):
    assert browser.get(f"{LOG}{key}/").status_code == 404


@pytest.mark.parametrize("page", [LOG, NOTES])
def test_read_only(browser, page):
    baker.make(Note, subject_table="users", subject_id="x", text="a remark")
    model = StaffLogEntry if page == LOG else Note
    row = model.objects.values().latest("id")
    key = row["id"]
    assert browser.post(f"{page}{key}/", {"reason": "x", "text": "x"}).status_code in (200, 405)
    assert model.objects.values().get(pk=key) == row
    for path in (f"{page}add/", f"{page}{key}/delete/", f"{page}{key}/change/"):
        assert browser.get(path).status_code == 404
    browser.post(page, {"action": "delete_selected", "_selected_action": key, "post": "yes"})
    assert model.objects.values().get(pk=key) == row


def test_notes(browser, bob):
    note = baker.make(
        Note, subject_table="users", subject_id=str(bob.pk), author_name="alice", text="<b>rude</b>"
    )
    page = browser.get(f"{NOTES}?subject_id={bob.pk}")
    assert "&lt;b&gt;rude&lt;/b&gt;" in page.text
    assert "<b>rude" not in page.text
    assert browser.get(f"{NOTES}{note.pk}/").status_code == 200


@pytest.mark.parametrize("key", ["x", "../../logout", "9" * 63])
def test_a_subject_that_is_no_key_has_no_link(browser, key):
    baker.make(Note, subject_table="users", subject_id=key, text="a remark")
    page = browser.get(NOTES)
    assert f"User: {key[:8]}" in page.text
    assert f"veza_core/user/{key}" not in page.text


def test_an_entry_says_what_changed_from_what_to_what(browser, bob):
    other = make_user("carol")
    entry = StaffLogEntry.objects.create(
        staff_name="alice",
        action="playlists.edit",
        subject_table="playlists",
        subject_id=str(bob.pk),
        before={
            "is_public": True,
            "user_id": str(bob.pk),
            "deleted_at": None,
            "title": "<b>old</b>",
            "kept": 1,
        },
        after={
            "is_public": False,
            "user_id": str(other.pk),
            "deleted_at": "2026-03-04T06:06:07+01:00",
            "title": "new",
            "kept": 1,
            "unknown": "x",
        },
    )
    page = browser.get(f"{LOG}{entry.pk}/").text
    said = page[page.index("Changes") : page.index("As recorded")]
    said = re.sub("</?(del|ins)>", "", said)
    for line in (
        "yes → no",
        "nothing → 2026-03-04 05:06:07 UTC",
        "&lt;b&gt;old&lt;/b&gt; → new",
        "Unknown: x",
    ):
        assert line in said, said
    for user in (bob, other):
        assert f'/admin/veza_core/user/{user.pk}/"' in said
    assert "kept" not in said.lower()


def test_a_subject_without_a_screen(db):
    browser = signed_in(make_user(role="super_admin"))
    StaffLogEntry.objects.create(
        staff_name="x", action="x", subject_table="gone", subject_label="<i>old</i>"
    )
    page = browser.get(LOG)
    assert "Gone: &lt;i&gt;old&lt;/i&gt;" in page.text


@pytest.mark.parametrize("page", [LOG, NOTES])
def test_who_may(client, page):
    assert client.get(page).status_code == 302
    for role in ("support", "moderator", "admin"):
        assert signed_in(make_staff(role, role)).get(page).status_code == 200


@pytest.mark.parametrize("held", [(), ("tracks.read",), ("users.read",)])
def test_details_of_a_row_are_shown_only_to_who_may_read_it(browser, bob, held):
    baker.make(Note, subject_table="users", subject_id=str(bob.pk), text="rude, reason 7")
    role = baker.make(Role, name="visitor")
    for name in ("admin.access", *held):
        baker.make(RolePermission, role=role, permission=Permission.objects.get(name=name))
    visitor = make_user("visitor")
    grant(visitor, "visitor")
    client = signed_in(visitor)
    entry = StaffLogEntry.objects.filter(action="users.ban").latest("id")
    pages = [client.get(url) for url in (LOG, f"{LOG}{entry.pk}/", NOTES, "/admin/")]
    assert [page.status_code for page in pages] == [200] * 4
    assert [bool(reasons(page)) for page in pages] == ["users.read" in held] * 3 + [False]
    for page in pages[:2]:
        assert ("User: bob" in page.text) == ("users.read" in held)
        assert ">Banned<" in page.text
    assert ("Banned: no" in pages[1].text) == ("users.read" in held)
    assert (">bob<" in pages[3].text) == ("users.read" in held)


def test_pages_of_any_number_cost_the_same(browser):
    def queries(url):
        with CaptureQueriesContext(connection) as captured:
            response = browser.get(url)
        assert response.status_code == 200
        return len(captured), response

    before, _ = queries(LOG)
    for _ in range(200):
        StaffLogEntry.objects.create(staff_name="x", action="x")
    after, page = queries(LOG)
    assert after == before <= 15
    following = re.search(r'href="(\?after=[^"]+)"', page.text)
    assert queries(LOG + following[1].replace("&amp;", "&"))[0] <= 15
