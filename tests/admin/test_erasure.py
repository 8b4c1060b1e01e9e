"""The forecast of an erasure, compared with what the purge then does."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from model_bakery import baker

from tests.acting import take
from tests.admin.plans import captured, nodes, plan_of, rows_read
from tests.staff import make_user
from veza_core.models import RefreshToken, User, UserSession
from veza_core.operations.purge import erasure
from veza_core.operations.purge.erasure import ErasedRows, foresee_one
from veza_streaming.models import (
    Playlist,
    PlaylistTrack,
    Track,
    TrackComment,
    TrackLike,
    TrackPlay,
    TrackShare,
)

pytestmark = pytest.mark.django_db


def page(user: User) -> str:
    return f"/admin/veza_core/user/{user.pk}/erasure/"


def foreseen(user: User) -> dict[tuple[str, str, str], int | None]:
    return {
        (str(effect.table), effect.what, ", ".join(effect.columns)): effect.rows
        for effect in foresee_one(connection, "users", user.pk)
        if effect.rows != 0
    }


@pytest.fixture
def dora(bob: User) -> User:
    """A user with rows that are deleted, set to NULL, and kept."""
    dora = make_user("dora")
    own, other = baker.make(Track, user=dora), baker.make(Track, user=bob)
    session = baker.make(UserSession, user=dora)
    baker.make(RefreshToken, 2, user=dora, session=session)
    baker.make(TrackPlay, 3, track=own, user=bob)
    baker.make(TrackPlay, 2, track=own, user=dora)
    baker.make(TrackPlay, 4, track=other, user=dora)
    baker.make(TrackLike, track=own, user=bob)
    shared = baker.make(Playlist, user=bob)
    baker.make(PlaylistTrack, playlist=shared, track=other, added_by=dora, position=1)
    baker.make(PlaylistTrack, playlist=shared, track=own, added_by=dora, position=2)
    return dora


def test_the_purge_does_what_was_foreseen(dora: User):
    before = foreseen(dora)
    deleted = {
        table: rows for (table, what, _), rows in before.items() if what == ErasedRows.DELETED
    }
    cleared = {(table, column): rows for (table, what, column), rows in before.items()
               if what == ErasedRows.CLEARED}  # fmt: skip
    assert deleted == {
        "users": 1, "tracks": 1, "user_sessions": 1, "refresh_tokens": 2, "track_plays": 5,
        "track_likes": 1, "playlist_tracks": 1,
    }  # fmt: skip
    assert cleared == {("track_plays", "user_id"): 4, ("playlist_tracks", "added_by_id"): 1}
    counts = {table: _count(table) for table in deleted}
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM users WHERE id = %s", [dora.pk])
    assert {table: counts[table] - _count(table) for table in deleted} == deleted
    assert _count("track_plays", "WHERE user_id IS NULL") == 4


def _count(table: str, where: str = "") -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table} {where}")
        return int(cursor.fetchone()[0])


def test_the_page_has_it_table_by_table(browser: Client, dora: User):
    take(browser, dora, "note", text="calls often")
    text = browser.get(page(dora)).content.decode()
    rows = {
        re.sub("<[^>]+>", "", cells[0]): [re.sub("<[^>]+>", "", cell) for cell in cells[1:]]
        for cells in (row.split("</td><td>") for row in re.findall("<tr><td>(.*)</td></tr>", text))
    }
    assert rows["Tracks"] == ["Deleted", "1", "User"]
    assert rows["Users"] == ["Deleted", "1", "the account itself"]
    assert rows["Notes"][:2] == ["Kept", "1"]
    assert ["Reference removed", "4", "User"] in rows.values()
    assert "while the account is not deleted" in text
    assert (
        f'href="{page(dora)}"' in browser.get(page(dora).replace("erasure/", "")).content.decode()
    )


@pytest.mark.parametrize(
    ("days", "ago", "said"),
    [(None, None, "PURGE_DELETED_AFTER_DAYS"), (30, 40, "The next purge deletes"),
     (30, 10, "A purge after 20")],
)  # fmt: skip
def test_when(browser: Client, bob: User, settings: Any, days: Any, ago: Any, said: str):
    settings.PURGE_AFTER_DAYS = {**settings.PURGE_AFTER_DAYS, "deleted": days}
    if ago is not None:
        User.all_objects.filter(pk=bob.pk).update(deleted_at=timezone.now() - timedelta(days=ago))
    assert said in browser.get(page(bob)).content.decode()


def test_a_new_table_and_what_prevents_it(bob: User):
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE public.gifts (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),"
            " user_id uuid REFERENCES users ON DELETE CASCADE, from_id uuid REFERENCES users);"
            "CREATE SCHEMA elsewhere;"
            "CREATE TABLE elsewhere.members (id int PRIMARY KEY, user_id uuid REFERENCES users)"
        )
        cursor.execute("INSERT INTO gifts (user_id, from_id) VALUES (%s, %s)", [bob.pk, bob.pk])
    found = foreseen(bob)
    assert found["gifts", ErasedRows.DELETED, "user_id"] == 1
    assert found["gifts", ErasedRows.FORBIDDING, "from_id"] == 1
    assert found["elsewhere.members", ErasedRows.FORBIDDING, "user_id"] is None


def told(user: User) -> dict[tuple[str, str], tuple[int | None, bool, bool]]:
    return {
        (str(effect.table), effect.what): (effect.rows, effect.is_least, effect.is_most)
        for effect in foresee_one(connection, "users", user.pk)
        if effect.rows or effect.is_least
    }


def test_counts_end(bob: User, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(erasure, "MAX_COUNTED", 3)
    baker.make(TrackPlay, 6, user=bob)
    assert told(bob)["track_plays", ErasedRows.CLEARED] == (3, True, False)


def test_replicas_that_are_not_followed_are_reported(
    browser: Client, bob: User, monkeypatch: pytest.MonkeyPatch
):
    """Incomplete numbers are marked: here only the likes of two of three tracks were counted."""
    monkeypatch.setattr(erasure, "FOLLOWED", 2)
    others, own = make_user("others"), baker.make(Track, 3, user=bob)
    for track in own:
        baker.make(TrackLike, track=track, user=others)
        baker.make(TrackPlay, track=track, user=bob)
    baker.make(TrackPlay, 4, track=baker.make(Track, user=others), user=bob)
    found = told(bob)
    assert found["tracks", ErasedRows.DELETED] == (3, False, False)
    assert found["track_likes", ErasedRows.DELETED] == (2, True, False)
    assert found["track_plays", ErasedRows.DELETED] == (2, True, False)
    # Four, and one that goes with the third track.
    assert found["track_plays", ErasedRows.CLEARED] == (5, False, True)
    assert found["track_shares", ErasedRows.DELETED] == (0, True, False)
    text = browser.get(page(bob)).content.decode()
    assert "2+" in text
    assert "5 or fewer" in text


def test_rows_that_refer_to_others_of_their_table(bob: User, monkeypatch: pytest.MonkeyPatch):
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE public.links (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid"
            " REFERENCES users ON DELETE CASCADE, after_id uuid REFERENCES links ON DELETE CASCADE)"
        )
        cursor.execute("INSERT INTO links (user_id) VALUES (%s) RETURNING id", [bob.pk])
        for _ in range(3):
            cursor.execute(
                "INSERT INTO links (after_id) VALUES (%s) RETURNING id", cursor.fetchone()
            )
    assert told(bob)["links", ErasedRows.DELETED] == (4, False, False)
    monkeypatch.setattr(erasure, "FOLLOWED", 2)
    assert told(bob)["links", ErasedRows.DELETED] == (4, True, False)
    monkeypatch.setattr(erasure, "MAX_COUNTED", 2)
    assert told(bob)["links", ErasedRows.DELETED] == (2, True, False)


def test_what_was_not_followed_may_forbid_it(bob: User, monkeypatch: pytest.MonkeyPatch):
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE public.prizes (id uuid PRIMARY KEY, track_id uuid REFERENCES tracks)"
        )
    baker.make(Track, 3, user=bob)
    assert ("prizes", ErasedRows.FORBIDDING) not in told(bob)
    monkeypatch.setattr(erasure, "FOLLOWED", 2)
    assert told(bob)["prizes", ErasedRows.FORBIDDING] == (0, True, False)


@pytest.mark.parametrize(
    ("most", "followed", "rows"), [(2, 100, 3), (100, 2, 2 * 8)]
)  # fmt: skip
def test_the_work_is_bounded(
    browser: Client,
    bob: User,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
    followed: int,
    rows: int,
):
    """It reads only as many rows of each table as it counts or follows."""
    other = make_user("other")
    for track in baker.make(Track, 8, user=bob):
        baker.make(TrackPlay, 8, track=track, user=other)
        baker.make(TrackComment, 8, track=track, user=other)
    baker.make(TrackShare, 8, user=bob, track=track)
    monkeypatch.setattr(erasure, "MAX_COUNTED", most)
    monkeypatch.setattr(erasure, "FOLLOWED", followed)
    _, statements = captured(browser, page(bob))
    (statement,) = (one for one in statements if "gone users" in one)
    read = [
        (node["Relation Name"], rows_read(node) * node["Actual Loops"])
        for node in nodes(plan_of(statement))
        if "Relation Name" in node
    ]
    assert {name for name, _ in read} >= {"tracks", "track_plays", "track_comments"}
    assert [(name, number) for name, number in read if number > rows] == []
