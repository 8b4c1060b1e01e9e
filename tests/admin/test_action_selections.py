"""Actions on rows that are ticked in a list."""

import re
import uuid
from typing import Any

import pytest
from django.test import Client
from model_bakery import baker

from tests.acting import ROW, columns, entries
from tests.staff import make_staff, signed_in
from veza_streaming.models import Playlist

pytestmark = pytest.mark.django_db

LIST = "/admin/veza_streaming/playlist/"


def choose(client: Client, action: str, rows: list[Any], query: str = "") -> Any:
    """Tick rows of the list and choose an action; the confirmation page."""
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
    # And back, from the link in the message.
    message = browser.get(response.headers["Location"]).content.decode()
    found = re.search(r'<a href="([^"]+)">Undo</a>', message)
    assert found
    undo = found[1].replace("&amp;", "&")
    seen = ROW.findall(browser.get(undo).content.decode())
    browser.post(undo.partition("?")[0], {"row": seen, "reason": "my mistake"})
    assert all(columns(row, "deleted_at") == (None,) for row in rows)


def test_one_conflict_stops_the_whole_selection(browser: Client):
    rows = baker.make(Playlist, 3)
    page = choose(browser, "soft_delete", rows)
    seen = ROW.findall(page.content.decode())
    rows[2].soft_delete()
    sent = {"row": seen, "reason": "spam", "confirm": "3"}
    assert browser.post(page.request["PATH_INFO"], sent).status_code == 409
    assert columns(rows[0], "deleted_at") == (None,)
    assert not entries("playlists.soft_delete")


def test_a_selection_is_bounded(browser: Client):
    ids = [str(uuid.uuid4()) for _ in range(51)]
    response = browser.post(LIST, {"action": "soft_delete", "_selected_action": ids})
    assert response.status_code == 400
    assert "fewer at a time" in response.content.decode()


@pytest.mark.parametrize(
    "data",
    [{}, {"action": "soft_delete"}, {"action": "", "_selected_action": str(uuid.uuid4())},
     {"action": "delete_selected", "_selected_action": str(uuid.uuid4())},
     {"action": "soft_delete", "_selected_action": "x", "select_across": "1"}],
)  # fmt: skip
def test_a_choice_that_is_none_gets_a_page_that_helps(browser: Client, data: dict[str, str]):
    assert browser.post(LIST, data).status_code in (400, 404)


def test_the_list_leads_back_nowhere_else(browser: Client):
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
