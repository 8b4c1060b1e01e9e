"""Pages forwards and backwards show all rows in order, also those with the same time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import Q, QuerySet
from model_bakery import baker

from veza_core.models import User
from veza_core.screens import keyset, unsorted
from veza_core.screens.order import FIRST, LAST, MalformedCursorError, Order, Place
from veza_legacy_chat.models import Room
from veza_media.models import HlsTranscodeJob, TranscodeStatus
from veza_streaming.models import PlaylistTrack, Track

pytestmark = pytest.mark.django_db

DAY = datetime(2026, 3, 4, tzinfo=UTC)


def turn(read: Any, start: Place, *, forwards: bool) -> list[list[Any]]:
    """All pages from `start` on, by the links to the next (or previous) page."""
    pages, place = [], start
    while place is not None:
        page = read(place)
        pages.append([row.pk for row in page.rows])
        place = page.next if forwards else page.previous
        assert len(pages) < 100
    return pages


def both_ways(read: Any) -> list[Any]:
    """The rows of all pages from the first to the last; the same from the last to the first."""
    forwards = [pk for page in turn(read, FIRST, forwards=True) for pk in page]
    back = [pk for page in reversed(turn(read, LAST, forwards=False)) for pk in page]
    assert forwards == back
    return forwards


@pytest.fixture
def rooms() -> QuerySet[Room]:
    """Of 40 rooms, 7 each have the same time, and every fifth is private."""
    for number in range(40):
        room = baker.make(Room, is_private=number % 5 == 0)
        moment = DAY + timedelta(hours=number // 7)
        Room.objects.filter(pk=room.pk).update(created_at=moment)
    return Room.objects.all()


@pytest.mark.parametrize("order", ["-created_at", "created_at", "id", "-id"])
@pytest.mark.parametrize("size", [1, 3, 7, 39, 40, 41])
def test_whole_order(rooms: QuerySet[Room], order: str, size: int) -> None:
    by = Order.parse(Room, order)
    whole = list(rooms.order_by(*by.by).values_list("pk", flat=True))
    assert both_ways(lambda place: keyset.read_page(rooms, by, place, size)) == whole


@pytest.mark.parametrize("window", [1, 2, 6, 13, 100])
@pytest.mark.parametrize("private", [True, False])
def test_condition(
    rooms: QuerySet[Room], monkeypatch: pytest.MonkeyPatch, window: int, private: bool
) -> None:
    monkeypatch.setattr(keyset, "WINDOW", window)
    by, condition = Order.parse(Room, "-created_at"), Q(is_private=private)
    whole = list(rooms.filter(condition).order_by(*by.by).values_list("pk", flat=True))
    assert both_ways(lambda place: keyset.read_page(rooms, by, place, 3, condition)) == whole


def test_there_and_back(rooms: QuerySet[Room]) -> None:
    """The page before the next page is the first one again."""
    by = Order.parse(Room, "-created_at")
    first = keyset.read_page(rooms, by, FIRST, 6)
    assert first.previous is None
    second = keyset.read_page(rooms, by, first.next, 6)
    again = keyset.read_page(rooms, by, second.previous, 6)
    assert [row.pk for row in again.rows] == [row.pk for row in first.rows]
    assert again.previous is None
    onwards = keyset.read_page(rooms, by, again.next, 6)
    assert [row.pk for row in onwards.rows] == [row.pk for row in second.rows]


def test_there_and_back_over_empty_pages(
    rooms: QuerySet[Room], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyset, "WINDOW", 4)
    by, condition = Order.parse(Room, "-created_at"), Q(is_private=True)
    seen, place = [], FIRST
    for _ in range(5):
        page = keyset.read_page(rooms, by, place, 2, condition)
        seen.append([row.pk for row in page.rows])
        place = page.next
    assert [] in seen
    back = []
    for _ in range(5):
        page = keyset.read_page(rooms, by, page.previous, 2, condition)
        back.append([row.pk for row in page.rows])
        if page.previous is None:
            break
    met = [pk for page in back for pk in page]
    assert len(met) == len(set(met)), "no row twice"
    assert {pk for page in seen[:-1] for pk in page} <= set(met), "none left out"


def test_merged_runs() -> None:
    for number in range(30):
        job = baker.make(
            HlsTranscodeJob, status=TranscodeStatus.values[number % 5], completed_at=DAY
        )
        HlsTranscodeJob.objects.filter(pk=job.pk).update(
            created_at=DAY + timedelta(hours=number // 4)
        )
    jobs = HlsTranscodeJob.objects.all()
    branches = [Q(status__any_of=status) for status in TranscodeStatus.values]
    by = Order.parse(HlsTranscodeJob, "-created_at", "status")
    whole = list(jobs.order_by("-created_at", "-id").values_list("pk", flat=True))
    assert both_ways(lambda place: keyset.read_page(jobs, by, place, 4, None, branches)) == whole
    assert str(keyset.count(jobs, by, branches)) == "30"


def test_key(monkeypatch: pytest.MonkeyPatch) -> None:
    track, other = baker.make(Track, _quantity=2)
    for number in range(12):
        baker.make(PlaylistTrack, track=other if number % 3 else track, position=number // 2)
    rows = PlaylistTrack.objects.filter(track__any_of=other.pk)
    by = Order.parse(PlaylistTrack, "position", "track")
    whole = list(rows.order_by("position", "id").values_list("pk", flat=True))
    assert len(whole) == 8
    assert both_ways(lambda place: keyset.read_page(rows, by, place, 3)) == whole


@pytest.mark.parametrize("condition", [None, Q(is_private=True)])
@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_unsorted(rooms: QuerySet[Room], condition: Q | None, size: int) -> None:
    by = Order.parse(Room, "-created_at")
    wanted = rooms.filter(condition) if condition else rooms
    whole = list(wanted.order_by(*by.by).values_list("pk", flat=True))
    assert not unsorted.is_cut(rooms, by)
    assert str(unsorted.read_page(rooms, by, FIRST, size, condition).count) == str(len(whole))
    assert both_ways(lambda place: unsorted.read_page(rooms, by, place, size, condition)) == whole


def test_unsorted_is_cut(rooms: QuerySet[Room], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsorted, "COUNT_LIMIT", 10)
    by = Order.parse(Room, "-created_at")
    assert unsorted.is_cut(rooms, by)
    assert str(unsorted.read_page(rooms, by, LAST, 3).count) == "10+"
    pages = turn(lambda place: unsorted.read_page(rooms, by, place, 3), FIRST, forwards=True)
    assert sum(map(len, pages)) == 11, "what it takes to know that there are more"


def test_count(rooms: QuerySet[Room], monkeypatch: pytest.MonkeyPatch) -> None:
    by = Order.parse(Room, "-created_at")
    assert str(keyset.count(rooms, by)) == "40"
    monkeypatch.setattr(keyset, "COUNT_LIMIT", 40)
    assert str(keyset.count(rooms, by)) == "40"
    monkeypatch.setattr(keyset, "COUNT_LIMIT", 39)
    assert str(keyset.count(rooms, by)) == "39+"


def test_cursor_is_read_back(rooms: QuerySet[Room]) -> None:
    for order in ("-created_at", "id"):
        by = Order.parse(Room, order)
        cursor = by.cursor_of(rooms.first())
        assert by.cursor(str(cursor)) == cursor


@pytest.mark.parametrize(
    "text",
    ["", "~", "a~b", "2026-03-04~00000000-0000-4000-8000-000000000000",
     "2026-03-04T05:06:07~00000000-0000-4000-8000-000000000000",
     "2026-03-04T05:06:07Z~1", "2026-03-04T05:06:07Z", "99999-01-01T00:00:00Z~1"],
)  # fmt: skip
def test_malformed_cursor(text: str) -> None:
    with pytest.raises(MalformedCursorError):
        Order.parse(User, "-created_at").cursor(text)
