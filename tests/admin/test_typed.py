"""Typed text is not lost if the session has ended or the row is locked."""

import re
from typing import Any

import psycopg
import pytest
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.test import Client
from model_bakery import baker

from tests.acting import ROW, columns, open_page, url
from tests.staff import PASSWORD, make_staff, signed_in
from veza_core.models import User
from veza_core.screens.actions import perform
from veza_streaming.models import Playlist

pytestmark = pytest.mark.django_db

LIST = "/admin/veza_streaming/playlist/"
WORDS = "He asked for it on the phone, twice"


def form(client: Client, address: str) -> dict[str, Any]:
    """The hidden fields of a page's form."""
    page = client.get(address)
    assert page.status_code == 200
    content = page.content.decode().partition('id="content-main"')[2]
    # A list has forms of filters too.
    text = content.partition('id="changelist-form"')[2] or content
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text)
    names = {name for name, _ in fields}
    return {name: [value for one, value in fields if one == name] for name in names}


def sign_in(client: Client, username: str, address: str) -> str:
    """Sign in at the page of the redirect; return the text of the next page."""
    data = {"username": username, "password": PASSWORD, "next": address}
    return client.post("/admin/login/", data, follow=True).content.decode()


@pytest.fixture
def alice(db: Any) -> User:
    return make_staff("moderator")


@pytest.fixture
def client(alice: User) -> Client:
    return signed_in(alice)


def ended(client: Client, lost_cookie: bool) -> None:
    """End the session, with or without its cookie in the browser."""
    Session.objects.all().delete()
    if lost_cookie:
        client.cookies.clear()


@pytest.mark.parametrize("lost_cookie", [True, False])
def test_a_reason_comes_back_after_the_sign_in(client: Client, bob: User, lost_cookie: bool):
    address = url(bob, "ban")
    sent = {**form(client, address), "reason": WORDS, "confirm": "bob", "code": "123456"}
    ended(client, lost_cookie)
    response = client.post(address, sent)
    assert response.headers["Location"] == f"/admin/login/?next={address}"
    assert columns(bob, "is_banned") == (False,)
    page = sign_in(client, "alice", address)
    assert WORDS in page
    assert "Your session had ended" in page
    assert 'value="bob"' in page
    assert "123456" not in page
    # Only once; and it can be sent as usual.
    seen = ROW.findall(page)
    assert WORDS not in client.get(address).content.decode()
    client.post(address, {"row": seen, "reason": WORDS, "confirm": "bob"})
    assert columns(bob, "is_banned") == (True,)


def test_it_comes_back_to_nobody_else(client: Client, bob: User):
    make_staff(username="mallory")
    address = url(bob, "note")
    sent = {**form(client, address), "text": WORDS}
    ended(client, lost_cookie=True)
    client.post(address, sent)
    assert WORDS not in sign_in(client, "mallory", address)
    client.post("/admin/logout/")
    assert WORDS not in sign_in(client, "alice", address)


def test_a_form_from_another_site_is_not_stored(bob: User):
    stranger = Client()
    for stamp in ("", "x", "ImFiYyI:1xXWMi:qFuZ"):
        stranger.post(url(bob, "note"), {"text": WORDS, "typed_by": stamp})
        stranger.post("/admin/search/", {"q": WORDS, "typed_by": stamp})
    assert not Session.objects.exists()


def test_selected_rows_are_restored_too(client: Client):
    rows = baker.make(Playlist, 3)
    query = "&".join(f"row={row.pk}" for row in rows)
    address = f"{LIST}selected/soft_delete/"
    sent = {**form(client, f"{address}?{query}&next={LIST}?is_public=yes"), "reason": WORDS}
    ended(client, lost_cookie=True)
    client.post(address, sent)
    page = sign_in(client, "alice", address)
    assert WORDS in page
    assert len(ROW.findall(page)) == 3
    assert f'value="{LIST}?is_public=yes"' in page


@pytest.mark.parametrize("lost_cookie", [True, False])
def test_ticked_rows_and_the_action_come_back(client: Client, lost_cookie: bool):
    """After the sign-in, the confirmation page has them, as if the session had not ended."""
    rows = baker.make(Playlist, 3)
    address = f"{LIST}?is_public=yes"
    ticks = {"_selected_action": [str(row.pk) for row in rows], "action": "soft_delete"}
    stamp = form(client, address)
    ended(client, lost_cookie)
    response = client.post(address, {**stamp, **ticks})
    assert response.headers["Location"].startswith("/admin/login/?next=")
    page = sign_in(client, "alice", address)
    assert {one.partition(".")[0] for one in ROW.findall(page)} == {str(row.pk) for row in rows}
    assert "Your session had ended" in page
    assert f'value="{address}"' in page
    assert "Your session had ended" not in client.get(address).content.decode()


def test_all_rows_of_a_list_come_back(client: Client):
    baker.make(Playlist, 3, is_public=False)
    baker.make(Playlist, 60, is_public=True)
    address = f"{LIST}?is_public=yes"
    sent = {**form(client, address), "select_across": "1", "action": "soft_delete"}
    ended(client, lost_cookie=True)
    client.post(address, sent)
    page = sign_in(client, "alice", address)
    assert "60 playlists" in page
    assert "Your session had ended" in page


def test_ticks_come_back_to_nobody_else_and_to_no_other_list(client: Client):
    make_staff("moderator", username="mallory")
    row = baker.make(Playlist)
    ticks = {"_selected_action": str(row.pk), "action": "soft_delete"}
    sent = {**form(client, LIST), **ticks}
    ended(client, lost_cookie=True)
    client.post(LIST, sent)
    assert "Your session had ended" not in sign_in(client, "alice", f"{LIST}?is_public=no")
    client.post("/admin/logout/")
    client.post(LIST, sent)
    page = sign_in(client, "mallory", LIST)
    assert "Your session had ended" not in page
    assert " checked>" not in page


@pytest.mark.parametrize("lost", [True, False])
def test_ticks_without_an_action_are_ticked_again(client: Client, lost: bool):
    """An action without ticked rows is also chosen again, whether the session ended or not."""
    rows = baker.make(Playlist, 2)
    sent = {**form(client, LIST), "_selected_action": str(rows[0].pk)}
    if lost:
        ended(client, lost_cookie=True)
    client.post(LIST, sent)
    page = sign_in(client, "alice", LIST) if lost else client.get(LIST).content.decode()
    ticked = re.findall(r'value="([^"]+)" class="action-select"[^>]* checked>', page)
    assert ticked == [str(rows[0].pk)]
    client.post(LIST, {**form(client, LIST), "action": "soft_delete"})
    page = client.get(LIST).content.decode()
    assert '<option value="soft_delete" selected>' in page
    assert " checked>" not in page


def test_an_export_and_a_search_come_back(client: Client, bob: User):
    address = "/admin/veza_streaming/track/export/"
    sent = {**form(client, address), "reason": WORDS}
    ended(client, lost_cookie=True)
    client.post(address, sent)
    assert WORDS in sign_in(client, "alice", address)
    stamp = client.get("/admin/").context["typed_by"]
    ended(client, lost_cookie=True)
    client.post("/admin/search/", {"q": "bob@example.com", "typed_by": stamp})
    page = sign_in(client, "alice", "/admin/search/")
    assert "bob@example.com" in page
    assert str(bob.pk) in page


def test_signing_in_again_in_another_tab_keeps_the_text(alice: User, bob: User):
    """The CSRF token changes at the sign-in, and the form still has the old one."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="veza_site.support.backend.SupportBackend")
    address = url(bob, "note")
    sent = {**form(client, address), "text": WORDS, "csrfmiddlewaretoken": "x" * 64}
    response = client.post(address, sent)
    assert response.status_code == 302
    assert WORDS in client.get(response.headers["Location"]).content.decode()
    # Without the stamp it is a forged request.
    assert client.post(address, {**sent, "typed_by": ""}).status_code == 403


def test_a_locked_row_shows_the_form_again(client: Client, bob: User, monkeypatch: Any):
    seen = open_page(client, bob, "ban")
    held = OperationalError("held")
    held.__cause__ = psycopg.errors.LockNotAvailable()

    def hold(*_: Any, **__: Any) -> Any:
        raise held

    monkeypatch.setattr(perform, "_lock", hold)
    response = client.post(url(bob, "ban"), {"row": seen, "reason": WORDS, "confirm": "bob"})
    page = response.content.decode()
    assert response.status_code == 409
    assert WORDS in page
    assert "Another service is changing this row" in page
    # The form can be sent again with the state that was shown.
    monkeypatch.undo()
    sent = {"row": ROW.findall(page), "reason": WORDS, "confirm": "bob"}
    assert client.post(url(bob, "ban"), sent).status_code == 302


def test_the_text_is_kept_when_somebody_else_changed_the_row(client: Client, bob: User):
    seen = open_page(client, bob, "ban")
    User.objects.filter(pk=bob.pk).update(is_banned=True)
    response = client.post(url(bob, "ban"), {"row": seen, "reason": WORDS, "confirm": "bob"})
    page = response.content.decode()
    assert response.status_code == 409
    assert WORDS in page
    assert "Somebody else changed" in page
    # There is nothing to send: it is banned.
    assert not ROW.findall(page)
    assert 'type="submit" value="Ban"' not in page
