"""One action deletes all content of a user, and one undo restores it."""

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from model_bakery import baker

from tests.acting import ROW, columns, entries, take, url
from tests.staff import grant, make_staff, signed_in
from tests.support import later_tables
from veza_core.admin import content_actions
from veza_core.models import RolePermission, User, UserRoleAssignment
from veza_core.screens.display import declared
from veza_legacy_chat.models import Room
from veza_site.models import StaffLogEntry
from veza_streaming.models import Playlist, Track, TrackComment, TrackShare

pytestmark = pytest.mark.django_db

DELETE, RESTORE = "delete_content", "restore_content"


@pytest.fixture
def moderator() -> Client:
    return signed_in(make_staff("moderator"))


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_actions, "CHUNK", 2)


def content_of(user: User) -> list[Any]:
    """Three rows of each kind."""
    return [
        *baker.make(Track, 3, user=user),
        *baker.make(Playlist, 3, user=user),
        *baker.make(TrackShare, 3, user=user),
        *baker.make(TrackComment, 3, user=user),
        *baker.make(Room, 3, creator=user),
    ]


def is_deleted(row: Any) -> bool:
    return columns(row, "deleted_at") != (None,)


def delete(client: Client, user: User, **data: str) -> str:
    """Return the complete page of the deletion."""
    answer = take(client, user, DELETE, **{"confirm": user.username, **data})
    assert answer.status_code == 200
    return answer.getvalue().decode() if answer.streaming else answer.text


def undo(client: Client, page: str) -> str:
    """Follow the undo link of a page; return the page of the restoration."""
    (address,) = re.findall(r'<a href="([^"]+)">Undo</a>', page)
    address = html.unescape(address)
    form = client.get(address)
    assert form.status_code == 200, form.text
    sent = {name: re.findall(rf'name="{name}" value="([^"]+)"', form.text)
            for name in ("row", "deletion")}  # fmt: skip
    answer = client.post(address.partition("?")[0], {**sent, "reason": "appeal"})
    assert answer.status_code == 200
    return answer.getvalue().decode() if answer.streaming else answer.text


def test_what_is_declared_is_what_staff_can_delete_and_belongs_to_an_account() -> None:
    tables = {model._meta.db_table for model in (Track, Playlist, TrackShare, TrackComment, Room)}
    assert set(declared("content")) - later_tables() == tables


def test_there_and_back_as_one(moderator: Client, bob: User):
    rows = content_of(bob)
    before = rows[0]
    before.soft_delete()
    others = content_of(baker.make(User, username="other"))
    asked = moderator.get(url(bob, DELETE)).text
    for told in ("2 tracks", "3 playlists", "3 share links", "3 comments", "3 chat rooms"):
        assert f"<li>{told}</li>" in asked
    page = delete(moderator, bob, reason="spam")
    # No chunk has rows of two tables.
    assert re.findall(r"<li>(\d+) of 14</li>", page) == ["2", "4", "5", "7", "8", "10", "11", "13",
                                                         "14"]  # fmt: skip
    told = re.search('status">(.*?)</li>', page)
    assert told is not None
    assert "2 tracks, " in told[1], told[1]
    assert "</html>" in page
    assert all(is_deleted(row) for row in rows)
    assert not any(is_deleted(row) for row in others)
    (entry,) = entries("users.delete_content")
    assert entry.reason == "spam"
    made = StaffLogEntry.objects.filter(action__endswith=".soft_delete")
    assert {(one.reason, str(one.batch)) for one in made} == {("spam", entry.after["deletion"])}
    assert made.count() == 14
    # The undo is also on the user's page.
    assert f"{url(bob, RESTORE)}?deletion={entry.after['deletion']}" in html.unescape(
        moderator.get(f"/admin/veza_core/user/{bob.pk}/").text
    )
    page = undo(moderator, page)
    told = re.search('status">(.*?)</li>', page)
    assert told is not None
    assert "2 tracks, " in told[1], told[1]
    assert [is_deleted(row) for row in rows] == [True] + [False] * 14
    (entry,) = entries("users.restore_content")
    assert entry.reason == "appeal"


def test_counters_are_right_both_ways(moderator: Client, bob: User):
    track = baker.make(Track, comment_count=0)
    baker.make(TrackComment, 5, user=bob, track=track)
    baker.make(TrackComment, 2, track=track)
    Track.objects.filter(pk=track.pk).update(comment_count=7)
    page = delete(moderator, bob)
    assert columns(track, "comment_count") == (2,)
    undo(moderator, page)
    assert columns(track, "comment_count") == (7,)


def test_what_was_deleted_by_another_action_since_stays_deleted(moderator: Client, bob: User):
    rows = baker.make(Room, 3, creator=bob)
    page = delete(moderator, bob)
    take(moderator, rows[0], "restore")
    take(moderator, rows[0], "soft_delete", confirm=rows[0].name)
    # Within a test, the time does not change.
    Room.all_objects.filter(pk=rows[0].pk).update(deleted_at=timezone.now())
    take(moderator, rows[1], "restore")
    page = undo(moderator, page)
    assert [is_deleted(row) for row in rows] == [True, False, False]
    assert "2 left out" in page


def test_a_deletion_that_is_named_brings_back_nothing_of_anybody_else(moderator: Client, bob: User):
    other = baker.make(User, username="other")
    rows = baker.make(Room, 2, creator=other)
    delete(moderator, other)
    (entry,) = entries("users.delete_content")
    form = moderator.get(f"{url(bob, RESTORE)}?deletion={entry.after['deletion']}").text
    sent = {"row": ROW.findall(form), "deletion": entry.after["deletion"], "reason": "x"}
    answer = moderator.post(url(bob, RESTORE), sent)
    assert "Nothing was changed." in answer.getvalue().decode()
    assert all(is_deleted(row) for row in rows)


@pytest.mark.parametrize("deletion", ["", "x", "\0", "00000000-0000-0000-0000-000000000000"])
def test_a_deletion_that_does_not_exist(moderator: Client, bob: User, deletion: str):
    assert moderator.get(url(bob, RESTORE), {"deletion": deletion}).status_code == 409
    sent = {"row": f"{bob.pk}.{content_actions.RestoreContent().seen(bob)}", "reason": "x"}
    answer = moderator.post(url(bob, RESTORE), {**sent, "deletion": deletion})
    assert answer.status_code in (200, 409)
    assert entries("users.restore_content") == []


def test_nothing_to_delete_is_said_before_anything_is_filled_in(moderator: Client, bob: User):
    answer = moderator.get(url(bob, DELETE))
    assert answer.status_code == 409
    assert "bob has no content" in answer.text
    # An action that only undoes another one has no button.
    page = moderator.get(f"/admin/veza_core/user/{bob.pk}/").text
    assert url(bob, RESTORE) not in page
    # Nor has one that has nothing to do.
    assert url(bob, DELETE) not in page


@pytest.mark.parametrize("table", sorted(declared("content")))
def test_the_right_to_delete_each_table_is_needed(bob: User, table: str):
    client = signed_in(make_staff("moderator"))
    rows = content_of(bob)
    RolePermission.objects.filter(permission__name=f"{table}.delete", role__name="moderator"
                                  ).delete()  # fmt: skip
    assert client.get(url(bob, DELETE)).status_code == 403
    assert client.get(url(bob, RESTORE)).status_code == 403
    sent = {"row": str(bob.pk), "reason": "x", "confirm": "bob"}
    assert client.post(url(bob, DELETE), sent).status_code == 403
    assert not any(map(is_deleted, rows))


def test_nobody_deletes_their_own_content_or_that_of_accounts_with_more_permissions(
    moderator: Client, bob: User
):
    me = User.objects.get(username="alice")
    grant(bob, "admin")
    for account in (me, bob):
        baker.make(Room, creator=account)
        assert moderator.get(url(account, DELETE)).status_code == 403
    assert not Room.all_objects.exclude(deleted_at=None).exists()


@pytest.mark.parametrize("withdrawn", ["the permission", "the account's standing"])
def test_each_chunk_checks_the_permissions_again(
    moderator: Client, bob: User, monkeypatch: pytest.MonkeyPatch, withdrawn: str
):
    """A role ends, or the user gets one, while the page runs."""
    rows = baker.make(Room, 5, creator=bob)
    done = content_actions.perform_some

    def once(*arguments: Any) -> Any:
        outcome = done(*arguments)
        if withdrawn == "the permission":
            UserRoleAssignment.objects.filter(user__username="alice").delete()
        else:
            grant(bob, "admin")
        return outcome

    monkeypatch.setattr(content_actions, "perform_some", once)
    if withdrawn != "the permission":
        # Once is enough, because a user has a role only once.
        calls: Iterator[Any] = iter((once, done, done, done))
        monkeypatch.setattr(content_actions, "perform_some", lambda *given: next(calls)(*given))
    page = delete(moderator, bob)
    assert sum(map(is_deleted, rows)) == 2
    if withdrawn == "the permission":
        assert "Stopped after 2 of 5. You are no longer allowed to do this." in page
    else:
        assert "3 left out" in page
        assert "has permissions here that you do not have" in page


def test_the_page_of_the_run_has_the_breadcrumbs_of_all_pages(moderator: Client, bob: User):
    baker.make(Track, user=bob)
    form = moderator.get(url(bob, DELETE)).text
    for page in (form, delete(moderator, bob)):
        (crumbs,) = re.findall(r'<ol class="breadcrumbs">(.*?)</ol>', page, re.DOTALL)
        first, *_, last = re.findall(r"<li.*?</li>", crumbs)
        assert first == '<li><a href="/admin/veza_core/user/">Users</a></li>'
        assert last.startswith('<li aria-current="page">')


def test_it_is_limited_and_says_so(moderator: Client, bob: User, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(content_actions, "MOST_CONTENT", 3)
    monkeypatch.setattr(content_actions, "REPEAT_FOR_OTHERS", "There is more")
    rows = content_of(bob)
    assert "There is more" in moderator.get(url(bob, DELETE)).text
    delete(moderator, bob)
    assert sum(map(is_deleted, rows)) == 3
    delete(moderator, bob)
    assert sum(map(is_deleted, rows)) == 6


def test_a_page_that_is_closed_can_be_taken_back(moderator: Client, bob: User):
    rows = baker.make(Room, 5, creator=bob)
    answer = take(moderator, bob, DELETE, confirm="bob")
    parts = iter(answer.streaming_content)
    next(part for part in parts if b"2 of 5" in part)
    assert sum(map(is_deleted, rows)) == 2
    (entry,) = entries("users.delete_content")
    link = f'<a href="{url(bob, RESTORE)}?deletion={entry.after["deletion"]}">Undo</a>'
    undo(moderator, link)
    assert not any(map(is_deleted, rows))
