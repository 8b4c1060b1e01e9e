"""The daily counts of the start page: every row is counted once, in any number of steps."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone
from model_bakery import baker

from veza_legacy_chat.models import Room
from veza_site.models import CountedUntil, DailyCount
from veza_site.support import daily

pytestmark = pytest.mark.django_db

TABLE = "rooms"


def make_rooms(*ages: timedelta) -> None:
    for age in ages:
        room = baker.make(Room)
        Room.objects.filter(pk=room.pk).update(created_at=timezone.now() - age)


def numbers() -> dict[int, int]:
    """The numbers other than 0, by the number of days ago."""
    today = timezone.now().astimezone(UTC).date()
    (days,) = daily.last_days(daily.go_on([TABLE], "default")).values()
    return {(today - day).days: number for day, number in days.items() if number}


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noon, so that an hour ago is today."""
    moment = datetime.now(UTC).replace(hour=12, minute=0)
    monkeypatch.setattr(timezone, "now", lambda: moment)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_steps(noon: None, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    monkeypatch.setattr(daily, "STEP", step)
    hour, day = timedelta(hours=1), timedelta(days=1)
    make_rooms(hour, hour, 2 * hour, day, day, day, 29 * day, 40 * day, timedelta())
    found = {}
    for _ in range(12):
        found = numbers()
    assert found == {0: 3, 1: 3, 29: 1}, "not those of before, nor of a moment ago"


def test_counting_continues_where_it_stopped(noon: None) -> None:
    make_rooms(timedelta(hours=3))
    assert numbers() == {0: 1}
    # As two hours later.
    CountedUntil.objects.update(until=timezone.now() - timedelta(hours=2))
    make_rooms(timedelta(hours=1))
    assert numbers() == {0: 2}


def test_somebody_else_has_continued(noon: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pages count the same rows at the same time; the numbers of one are kept."""
    make_rooms(timedelta(hours=3), timedelta(hours=4))
    count = daily._count

    def beside_another(*arguments: object) -> object:
        steps = count(*arguments)
        monkeypatch.setattr(daily, "_count", count)
        daily.go_on([TABLE], "default")
        return steps

    monkeypatch.setattr(daily, "_count", beside_another)
    daily.go_on([TABLE], "default")
    assert DailyCount.objects.get(table=TABLE).number == 2
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM django.veza_site_counteduntil")
        assert cursor.fetchone() == (1,)
