"""Actions on ticked rows of a list."""

import html
import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from model_bakery import baker

from tests.acting import ROW, columns, entries
from tests.admin.plans import captured, queries_in
from tests.staff import make_staff, make_user, signed_in
from veza_core.models import User, UserSession
from veza_core.screens.actions import pages, selection
from veza_media.models import HlsTranscodeJob
from veza_streaming.models import Playlist

pytestmark = pytest.mark.django_db

LIST = "/admin/veza_streaming/playlist/"
USERS = "/admin/veza_core/user/"
JOBS = "/admin/veza_media/hlstranscodejob/"
SESSIONS = "/admin/veza_core/usersession/"


def choose(client: Client, action: str, rows: list[Any], query: str = "") -> Any:
    """Tick rows of the list and choose an action; return the confirmation page."""
    data = {"action": action, "index": "0", "_selected_action": [str(row.pk) for row in rows]}
    return client.post(f"{LIST}{query}", data, follow=True)


def test_a_selection_is_changed_as_one(browser: Client):
    rows = baker.make(Playlist, 3)
    page = choose(browser, "soft_delete", rows, "?is_public=yes")
    assert page.status_code == 200
    seen = ROW.findall(page.content.decode())
    assert [value.split(".")[0] for value in seen] == [str(row.pk) for row in rows]
    assert all(columns(row, "deleted_at") == (None,) for row in rows)
    address = page.request["PATH_INFO"]
    sent = {"row": seen, "reason": "spam", "next": f"{LIST}?is_public=yes"}
    assert browser.post(address, {**sent, "confirm": "2"}).status_code == 200
    response = browser.post(address, {**sent, "confirm": "3"})
    assert response.headers["Location"] == f"{LIST}?is_public=yes"
    assert all(columns(row, "deleted_at") != (None,) for row in rows)
    assert len(entries("playlists.soft_delete")) == 3
    # And undo it, by the link in the message.
    message = browser.get(response.headers["Location"]).content.decode()
    (undo,) = re.findall(r'<a href="([^"]+)">Undo</a>', message)
    _, response = send(browser, html.unescape(undo))
    assert response.headers["Location"] == f"{LIST}?is_public=yes"
    assert all(columns(row, "deleted_at") == (None,) for row in rows)


def test_rows_that_do_not_apply_are_left_out_and_named(browser: Client):
    """Before the form is filled in, and if somebody was faster. The other rows are changed."""
    rows = [baker.make(Playlist, title=f"list {number}") for number in range(4)]
    rows[0].soft_delete()
    page = choose(browser, "soft_delete", rows)
    text = page.content.decode()
    assert text.partition("Left out: 1")[2].partition("</ul>")[0].count("list 0") == 1
    seen = ROW.findall(text)
    assert len(seen) == 3
    rows[2].soft_delete()
    sent = {"row": seen, "reason": "spam", "confirm": "3"}
    done = browser.post(page.request["PATH_INFO"], sent, follow=True).content.decode()
    assert "Deleted 2 playlists." in done
    assert "1 left out. “list 2”" in done
    assert all(columns(row, "deleted_at") != (None,) for row in rows)
    assert [entry.subject_label for entry in entries("playlists.soft_delete")] == [
        "list 1", "list 3",
    ]  # fmt: skip


def test_what_applies_to_no_row_says_so(browser: Client):
    rows = baker.make(Playlist, 2)
    response = choose(browser, "restore", rows)
    assert response.status_code == 409
    assert "none of these rows" in response.content.decode()


def test_a_selection_is_bounded(browser: Client):
    ids = [str(uuid.uuid4()) for _ in range(selection.MAX_ROWS + 1)]
    response = browser.get(f"{LIST}selected/soft_delete/?row={'+'.join(ids)}")
    assert response.status_code == 400
    assert "fewer at a time" in response.content.decode()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({}, "No action was chosen"),
        ({"action": "soft_delete"}, "No row is selected"),
        ({"action": "", "_selected_action": str(uuid.uuid4())}, "No action was chosen"),
    ],
)
def test_an_empty_selection_is_reported_on_the_list(browser: Client, data: Any, told: str):
    response = browser.post(f"{LIST}?is_public=yes", data)
    assert response.headers["Location"] == f"{LIST}?is_public=yes"
    assert told in browser.get(response.headers["Location"]).content.decode()


@pytest.mark.parametrize(
    "data",
    [{"action": "delete_selected", "_selected_action": str(uuid.uuid4())},
     {"action": "soft_delete", "_selected_action": "x"}],
)  # fmt: skip
def test_an_invalid_choice_gets_a_page_that_helps(browser: Client, data: dict[str, str]):
    assert browser.post(LIST, data).status_code in (400, 404)


def send_all(client: Client, action: str, query: str, **data: str) -> tuple[str, Any]:
    """Choose all rows of a list, and send the form; return the confirmation page and the answer."""
    address = client.post(f"{LIST}{query}", {"action": action, "select_across": "1"})
    return send(client, address.headers["Location"], **data)


def send(client: Client, address: str, **data: str) -> tuple[str, Any]:
    page = client.get(address).content.decode()
    hidden = {name: re.findall(rf'name="{name}" value="([^"]*)"', page)
              for name in ("row", "next", "batch")}  # fmt: skip
    sent = {name: [html.unescape(value) for value in values] for name, values in hidden.items()}
    response = client.post(address.partition("?")[0], {**sent, "reason": "spam", **data})
    return page, response


def test_all_of_a_list_is_one_action_and_one_undo(browser: Client, monkeypatch: Any):
    """It changes more rows than a page of the list has, but only those that match."""
    monkeypatch.setattr(selection, "CHUNK", 20)
    monkeypatch.setattr(pages, "CHUNK", 20)
    rows = baker.make(Playlist, 57, is_public=True)
    others = baker.make(Playlist, 3, is_public=False)
    kept = baker.make(Playlist, is_public=True)
    page, response = send_all(browser, "soft_delete", "?is_public=yes", confirm="58")
    assert "58 playlists" in page
    assert "and 38 more" in page
    # A colleague has already changed one of them.
    told = response.getvalue().decode()
    assert [int(number) for number in re.findall(r"<li>(\d+) of 58</li>", told)] == [20, 40, 58]
    assert "You can undo all of it at once." in told
    assert "Deleted 58 playlists." in told
    assert "</html>" in told
    assert all(columns(row, "deleted_at") != (None,) for row in (*rows, kept))
    assert all(columns(row, "deleted_at") == (None,) for row in others)
    made = entries("playlists.soft_delete")
    assert len({entry.batch for entry in made}) == 1
    assert {entry.reason for entry in made} == {"spam"}
    # One of them changes; the others are restored, and the link leads to the filtered list.
    kept.refresh_from_db()
    kept.restore()
    (undo,) = re.findall(r'<a href="([^"]+)">Undo</a>', told)
    page, response = send(browser, html.unescape(undo))
    assert "Left out: 1" in page
    told = response.getvalue().decode()
    assert "Restored 57 playlists." in told
    assert f'href="{LIST}?is_public=yes"' in told
    assert all(columns(row, "deleted_at") == (None,) for row in rows)


@pytest.mark.parametrize("chunk", [1, 50], ids=["with progress", "at once"])
def test_what_cannot_be_undone_promises_no_undo(browser: Client, monkeypatch: Any, chunk: int):
    monkeypatch.setattr(pages, "CHUNK", chunk)
    later = timezone.now() + timedelta(days=1)
    sessions = baker.make(UserSession, 2, user=make_user("bob"), revoked_at=None, expires_at=later)
    query = "&".join(f"row={session.pk}" for session in sessions)
    _, response = send(browser, f"{SESSIONS}selected/revoke/?{query}&next={SESSIONS}")
    told = response.getvalue() if response.streaming else browser.get(SESSIONS).content
    assert b"Revoked 2 " in told
    assert b"undo" not in told.lower()
    assert all(columns(session, "revoked_at") != (None,) for session in sessions)


def test_an_entry_leads_to_the_undo_of_all(browser: Client):
    rows = baker.make(Playlist, 2)
    send(browser, f"{LIST}selected/soft_delete/?row={rows[0].pk}&row={rows[1].pk}", confirm="2")
    entry, _ = entries("playlists.soft_delete")
    page = browser.get(f"/admin/veza_site/stafflogentry/{entry.pk}/").content.decode()
    (undo,) = re.findall(r'<a href="([^"]+)">Undo for all', page)
    _, response = send(browser, html.unescape(undo))
    assert response.status_code == 302
    assert all(columns(row, "deleted_at") == (None,) for row in rows)


def test_each_row_gets_its_own_value_back(browser: Client):
    jobs = [baker.make(HlsTranscodeJob, status="pending", priority=priority) for priority in (2, 7)]
    address = f"{JOBS}selected/priority/?row={jobs[0].pk}&row={jobs[1].pk}&next={JOBS}"
    send(browser, address, priority="9")
    assert [columns(job, "priority") for job in jobs] == [(9,), (9,)]
    message = browser.get(JOBS).content.decode()
    (undo,) = re.findall(r'<a href="([^"]+)">Undo</a>', message)
    page, response = send(browser, html.unescape(undo))
    assert 'name="priority"' not in page
    assert response.headers["Location"] == JOBS
    assert [columns(job, "priority") for job in jobs] == [(2,), (7,)]


def test_who_may_not_act_on_some_accounts_acts_on_the_others(support: Client):
    """The selection has a colleague with more permissions, and the user."""
    me, boss, bob = (User.objects.get(username="alice"), make_user("boss", role="super_admin"),
                     make_user("bob"))  # fmt: skip
    carol = make_user("carol")
    query = "&".join(f"row={one.pk}" for one in (me, boss, bob, carol))
    page, response = send(support, f"{USERS}selected/ban/?{query}", confirm="2")
    left = page.partition("Left out: 2")[2]
    assert "alice</bdi>: This is your own account" in left
    assert "boss has permissions here" in left
    assert response.status_code == 302
    assert [columns(one, "is_banned") for one in (me, boss, bob, carol)] == [
        (False,), (False,), (True,), (True,),
    ]  # fmt: skip


def test_names_cost_no_query_a_row(browser: Client):
    """The page for fifty rows runs as many queries as the page for two."""
    users = [make_user(f"user{number}") for number in range(30)]
    numbers = []
    for some in (users[:2], users):
        query = "&".join(f"row={one.pk}" for one in some)
        _, statements = captured(browser, f"{USERS}selected/ban/?{query}")
        numbers.append(len(queries_in(statements)))
    assert numbers[0] == numbers[1] <= 15


def test_the_list_redirects_only_to_itself(browser: Client):
    row = baker.make(Playlist)
    for elsewhere in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        address = f"{LIST}selected/soft_delete/?row={row.pk}&row={row.pk}&next={elsewhere}"
        assert "evil" not in browser.get(address).content.decode().replace("next=", "")
    rows = baker.make(Playlist, 2)
    seen = ROW.findall(choose(browser, "soft_delete", rows).content.decode())
    sent = {"row": seen, "reason": "x", "confirm": "2", "next": "https://evil.example/"}
    response = browser.post(f"{LIST}selected/soft_delete/", sent)
    assert response.headers["Location"] == LIST


def test_the_list_offers_what_is_allowed(browser: Client):
    baker.make(Playlist)
    assert 'value="soft_delete"' in browser.get(LIST).content.decode()
    page = signed_in(make_staff()).get(LIST).content.decode()
    assert 'value="soft_delete"' not in page
    assert "_selected_action" not in page
