"""Deletions and restores by staff keep the counters correct, in the same transaction."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from model_bakery import baker

from tests.acting import ROW, columns, take
from tests.staff import make_staff, signed_in
from veza_streaming.models import (
    Playlist,
    PlaylistFollow,
    PlaylistTrack,
    Track,
    TrackComment,
    TrackLike,
)

pytestmark = pytest.mark.django_db

LIST = "/admin/veza_streaming/trackcomment/"


@pytest.fixture
def moderator() -> Client:
    return signed_in(make_staff("moderator"))


def choose(client: Client, action: str, rows: list[Any]) -> None:
    """Tick rows of the list, and do it."""
    data = {"action": action, "index": "0", "_selected_action": [str(row.pk) for row in rows]}
    page = client.post(LIST, data, follow=True)
    sent = {"row": ROW.findall(page.content.decode()), "reason": "spam", "confirm": str(len(rows))}
    assert client.post(page.request["PATH_INFO"], sent).status_code == 302


def test_a_comment_and_back(moderator: Client):
    track = baker.make(Track, comment_count=3)
    comment = baker.make(TrackComment, track=track)
    assert take(moderator, comment, "soft_delete").status_code == 302
    assert columns(track, "comment_count") == (2,)
    assert take(moderator, comment, "restore").status_code == 302
    assert columns(track, "comment_count") == (3,)


def test_a_selection_and_back(moderator: Client):
    tracks = baker.make(Track, 3, comment_count=5)
    comments = [baker.make(TrackComment, track=track) for track in tracks for _ in range(2)]
    with CaptureQueriesContext(connection) as queries:
        choose(moderator, "soft_delete", comments)
    assert [columns(track, "comment_count") for track in tracks] == [(3,)] * 3
    # All tracks are locked by the first statement that locks any.
    locks = [one["sql"] for one in queries if 'FROM "public"."tracks"' in one["sql"]]
    assert all(track.pk.hex in locks[0] for track in tracks)
    choose(moderator, "restore", comments)
    assert [columns(track, "comment_count") for track in tracks] == [(5,)] * 3


def test_an_action_that_fails_changes_no_counter(moderator: Client):
    track = baker.make(Track, comment_count=3)
    comment = baker.make(TrackComment, track=track)
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE track_comments ADD CONSTRAINT open CHECK (deleted_at IS NULL) NOT VALID"
        )
    with pytest.raises(Exception, match="open"):
        take(moderator, comment, "soft_delete")
    assert columns(track, "comment_count") == (3,)


def test_a_counter_that_is_too_low_does_not_stop_it(moderator: Client):
    comment = baker.make(TrackComment, track__comment_count=0)
    assert take(moderator, comment, "soft_delete").status_code == 302
    assert columns(comment.track, "comment_count") == (0,)


@pytest.mark.parametrize(
    ("model", "parent", "counter"),
    [
        (TrackLike, "track", "like_count"),
        (TrackComment, "track", "comment_count"),
        (PlaylistTrack, "playlist", "track_count"),
        (PlaylistFollow, "playlist", "follower_count"),
    ],
)
def test_each_model(model: type[Any], parent: str, counter: str):
    row = baker.make(model, **{f"{parent}__{counter}": 1})
    other = type(row)._base_manager.get(pk=row.pk)
    row.soft_delete()
    assert columns(getattr(row, parent), counter) == (0,)
    # An instance that was read before the change.
    other.soft_delete()
    assert other.deleted_at == row.deleted_at
    other.restore()
    row.restore()
    assert row.deleted_at is None
    assert columns(getattr(row, parent), counter) == (1,)


def test_what_is_on_a_deleted_track_stays_counted(moderator: Client):
    """Soft deletion does not cascade, so a restored track has the same counters as before."""
    playlist = baker.make(Playlist, track_count=1)
    track = baker.make(Track, title="Song", like_count=7)
    baker.make(PlaylistTrack, playlist=playlist, track=track)
    assert take(moderator, track, "soft_delete", confirm="Song").status_code == 302
    assert columns(playlist, "track_count") == (1,)
    assert columns(track, "like_count") == (7,)


def test_rows_of_tables_that_inherit_are_another_services(moderator: Client):
    track = baker.make(Track, comment_count=3)
    comment = baker.make(TrackComment, track=track)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE others () INHERITS (tracks)")
        cursor.execute("INSERT INTO others SELECT * FROM ONLY tracks")
    counts = "SELECT tableoid::regclass::text, comment_count FROM tracks ORDER BY 1"
    for action, count in {"soft_delete": 2, "restore": 3}.items():
        assert take(moderator, comment, action).status_code == 302
        with connection.cursor() as cursor:
            cursor.execute(counts)
            assert cursor.fetchall() == [("others", 3), ("tracks", count)]
