"""Lists as CSV: limits, permissions, and log entries."""

import re
import tracemalloc
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.contrib import admin
from django.core.signals import request_finished
from django.db import close_old_connections, connection, transaction
from django.test import Client, RequestFactory
from model_bakery import baker

from tests.acting import entries
from tests.exporting import address, download, lines, rows
from tests.staff import make_staff, make_user, signed_in
from veza_core.access import access_of
from veza_core.db.session import database_of
from veza_core.models import RefreshToken, User
from veza_core.screens import keyset
from veza_core.screens.actions import batches, export
from veza_site.settings import ROOT_URLCONF
from veza_streaming.models import Playlist, Track, TrackPlay

pytestmark = pytest.mark.django_db

# The screens are registered when the addresses are read.
import_module(ROOT_URLCONF)


def test_the_cap_is_kept_and_said(browser: Client, settings: Any):
    settings.EXPORT_MAX_ROWS = 3
    baker.make(Track, 4)
    _, *body = lines(download(browser, Track))
    assert len(body) == 4
    assert "3 rows at most" in body[-1][0]
    assert entries("tracks.exported")[0].after == {
        "rows": 3, "ending": "stopped: an export has 3 rows at most",
    }  # fmt: skip


def test_exactly_as_many_as_the_cap_are_all(browser: Client, settings: Any):
    settings.EXPORT_MAX_ROWS = 3
    baker.make(Track, 3)
    assert len(lines(download(browser, Track))) == 4
    assert entries("tracks.exported")[0].after == {"rows": 3, "ending": "complete"}


@pytest.mark.parametrize("query", ["", "?is_public=yes", "?order=reversed", "?status=failed"])
def test_batches_neither_skip_nor_repeat_rows(
    browser: Client, query: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(batches, "BATCH", 3)
    monkeypatch.setattr(keyset, "WINDOW", 4)
    tracks = baker.make(Track, 20, status="failed", is_public=True)
    found = [row["id"] for row in rows(download(browser, Track, query))]
    assert len(found) == 20
    assert set(found) == {str(track.pk) for track in tracks}


def test_lists_of_a_key_that_no_index_sorts(browser: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(batches, "BATCH", 3)
    user = make_user("bob")
    baker.make(RefreshToken, 8, user=user)
    baker.make(RefreshToken, 2)
    assert len(rows(download(browser, RefreshToken, f"?user={user.pk}"))) == 8


def test_a_filter_without_an_index_is_limited(browser: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(keyset, "WINDOW", 4)
    monkeypatch.setattr(batches, "WINDOWS", 2)
    baker.make(TrackPlay, 12, is_complete=True)
    _, *body = lines(download(browser, TrackPlay, "?is_complete=no"))
    assert len(body) == 1
    assert "no index covers" in body[0][0]


def test_it_streams_and_memory_does_not_grow(browser: Client, monkeypatch: pytest.MonkeyPatch):
    """With ten times as many rows, the memory is about the same: it reads one batch at a time."""
    monkeypatch.setattr(batches, "BATCH", 50)
    user = make_user("bob")

    def peak(count: int) -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO playlists (user_id, title, created_at) "
                "SELECT %s, repeat('x', 200), timestamptz '2026-01-01' + n * interval '1 s' "
                "FROM generate_series(1, %s) AS n",
                [user.pk, count],
            )
        response = download(browser, Playlist)
        assert response.streaming
        tracemalloc.start()
        total = sum(len(chunk) for chunk in response.streaming_content)
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert total > count * 200
        return highest

    peak(100)
    assert 1.5 * peak(200) + 100_000 > peak(2_700)


def test_the_first_rows_are_sent_before_the_last_are_read(
    browser: Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(batches, "BATCH", 2)
    baker.make(Track, 6)
    response = download(browser, Track)
    chunks = iter(response.streaming_content)
    next(chunks), next(chunks)
    Track.objects.all().delete()
    assert len(b"".join(chunks).splitlines()) == 0


# Permissions and log entries ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "model", "status"),
    [("support", User, 200), ("support", Track, 403), ("support", TrackPlay, 403),
     ("moderator", Track, 200), ("moderator", TrackPlay, 403), ("admin", TrackPlay, 200)],
)  # fmt: skip
def test_who_may_read_and_update_may_export(role: str, model: Any, status: int):
    client = signed_in(make_staff(role))
    assert client.get(address(model)).status_code == status
    assert download(client, model).status_code == status
    listed = client.get(address(model, "")).content.decode()
    assert ("export/" in listed) == (status == 200)


def test_anonymous_gets_nothing(client: Client):
    assert download(client, User).status_code == 302


@pytest.mark.parametrize("reason", ["", "  ", "x" * 1001])
def test_without_a_reason_nothing_leaves(browser: Client, reason: str):
    response = download(browser, User, reason=reason)
    assert response.status_code == 200
    assert not response.streaming
    assert "Nothing was exported" in response.content.decode()
    assert not entries("users.export")


def test_get_exports_nothing(browser: Client):
    response = browser.get(f"{address(User)}?reason=x")
    assert response.status_code == 400
    assert not browser.get(address(User)).streaming
    assert browser.put(address(User)).status_code == 405


def test_the_log_has_reason_filters_and_count(browser: Client):
    owner = make_user("owner")
    baker.make(Playlist, 2, user=owner)
    lines(download(browser, Playlist, f"?user={owner.pk}&range=7d", "for the owner"))
    (begun,), (ended,) = entries("playlists.export"), entries("playlists.exported")
    assert begun.reason == "for the owner"
    assert begun.after
    assert begun.after["filters"] == ["user", "range"]
    assert str(owner.pk) not in str(begun.after)
    assert (begun.subject_table, begun.subject_id) == ("playlists", "")
    assert ended.after == {"rows": 2, "ending": "complete"}


def test_a_download_that_is_broken_off_is_remembered(
    rf: RequestFactory, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(batches, "BATCH", 2)
    baker.make(Track, 6)
    request = rf.post("/", {"reason": "audit"})
    request._dont_enforce_csrf_checks = True
    request.access = access_of(make_staff("moderator"))
    request.session = {}
    (view,) = export.export_urls(admin.site._registry[Track])
    response = view.callback(request)
    chunks = iter(response.streaming_content)
    next(chunks), next(chunks)
    # The server does this if the client disconnects. The signal would close the test's connection.
    request_finished.disconnect(close_old_connections)
    try:
        response.close()
    finally:
        request_finished.connect(close_old_connections)
    assert entries("tracks.exported")[0].after == {"rows": 2, "ending": "interrupted"}


def test_a_failing_log_lets_nothing_leave(browser: Client):
    browser.raise_request_exception = False
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE django.veza_site_stafflogentry "
            "ADD CONSTRAINT no_exports CHECK (action <> 'users.export') NOT VALID"
        )
    with transaction.atomic():
        assert download(browser, User).status_code == 500


def test_the_file_has_a_name_and_is_never_shown(browser: Client):
    """The file's name contains the database's name, because a CSV has no other place for it."""
    headers = download(browser, User).headers
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    name = re.sub(r"\W+", "-", database_of(connection))
    assert headers["Content-Disposition"].startswith(f'attachment; filename="users-{name}-20')
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_range_of_dates(browser: Client):
    new, old = baker.make(Playlist, 2)
    Playlist.objects.filter(pk=old.pk).update(created_at=datetime.now(UTC) - timedelta(days=40))
    assert [row["id"] for row in rows(download(browser, Playlist, "?range=30d"))] == [str(new.pk)]
