"""Every table has a screen, which shows what it should."""

import re
from datetime import date, timedelta

import pytest
from django.db.models import Model
from django.test import Client
from django.utils import timezone
from model_bakery import baker

from tests.admin.addresses import list_of, page_of, screen_of
from tests.admin.crowd import MODELS
from tests.counts import TABLES
from tests.staff import make_user, signed_in
from veza_core.models import (
    Permission,
    RefreshToken,
    Role,
    RolePermission,
    User,
    UserRoleAssignment,
    UserSession,
)
from veza_core.screens import panels
from veza_core.screens.charts import by_day, days_until
from veza_core.screens.labels import foreign_keys
from veza_core.screens.periods import PRESETS
from veza_site.models import StaffLogEntry
from veza_streaming.models import Playlist, PlaylistTrack, Track, TrackPlay


def test_every_table_has_one() -> None:
    assert len(MODELS) == TABLES


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_list_and_page_open(model: type[Model], browser: Client) -> None:
    row = baker.make(model)
    assert browser.get(list_of(model)).status_code == 200
    page = browser.get(page_of(model, row.pk))
    assert page.status_code == 200
    assert str(row.pk) in page.content.decode()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_list_has_presets_of_dates(model: type[Model], browser: Client) -> None:
    order = screen_of(model).parameters().order.removeprefix("-")
    column = order if order.endswith("_at") else "created_at"
    new, old = baker.make(model, _quantity=2)
    rows = model._base_manager
    # Also the rows that the migrations insert.
    for of, days in ((rows, 500), (rows.filter(pk=new.pk), 0), (rows.filter(pk=old.pk), 40)):
        of.update(**{column: timezone.now() - timedelta(days=days)})
    for preset, (days, label) in PRESETS.items():
        content = browser.get(list_of(model)).content.decode()
        assert f'<a href="?range={preset}">{label}</a>' in content
        content = browser.get(list_of(model, range=preset)).content.decode()
        assert f'<a href="?range={preset}" aria-current="true">{label}</a>' in content
        assert f'href="{page_of(model, new.pk)}"' in content
        assert (f'href="{page_of(model, old.pk)}"' in content) == (days > 40)


def test_dates_of_a_list_in_another_order(browser: Client) -> None:
    """A playlist is in the order of its entries, and dates can filter it too."""
    playlist = baker.make(Playlist)
    new, old = (baker.make(PlaylistTrack, playlist=playlist, position=n) for n in range(2))
    PlaylistTrack._base_manager.filter(pk=old.pk).update(created_at="2024-02-29T12:00Z")
    asked = {"playlist": playlist.pk, "since": "2024-02-29", "until": "2024-02-29"}
    content = browser.get(list_of(PlaylistTrack, **asked)).content.decode()
    assert page_of(PlaylistTrack, old.pk) in content
    assert page_of(PlaylistTrack, new.pk) not in content


def test_every_foreign_key_leads_back() -> None:
    """Panels link to lists, so each screen has a filter for each of its foreign keys."""
    for model in MODELS:
        missing = {key.name for key in foreign_keys(model)} - set(screen_of(model).keys)
        assert not missing, model


def test_every_order_has_an_index() -> None:
    for model in MODELS:
        screen = screen_of(model).parameters()
        firsts = {tuple(name.removeprefix("-") for name in index.fields)
                  for index in (*model._meta.indexes, *model._meta.constraints)
                  if getattr(index, "fields", ())}  # fmt: skip
        order = screen.order.removeprefix("-")
        wanted = {(screen.merged, order) if screen.merged else (order,)} - {("id",)}
        wanted |= {(name, order.removeprefix("-")) for name, order in screen.keys.items() if order}
        assert wanted <= firsts, model


def test_deleted_rows_are_found_and_marked(browser: Client) -> None:
    track, gone = baker.make(Track, _quantity=2)
    gone.soft_delete()
    links = {row: f'href="{page_of(Track, row.pk)}"' for row in (track, gone)}
    for query, shown in {"": [track, gone], "yes": [gone], "no": [track]}.items():
        content = browser.get(list_of(Track, deleted=query)).content.decode()
        for row, link in links.items():
            assert (link in content) == (row in shown), query
    page = browser.get(page_of(Track, gone.pk)).content.decode()
    assert "Deleted" in page
    assert 'class="badge badge-bad">Deleted' in browser.get(list_of(Track)).content.decode()


def test_a_link_to_a_deleted_row_says_so(browser: Client) -> None:
    play = baker.make(TrackPlay, track__title="Lost Song")
    play.track.soft_delete()
    content = browser.get(list_of(TrackPlay)).content.decode()
    assert re.search(r'class="gone"><a [^>]*>Lost Song</a></span> <span class="badge', content)


def test_panels_lead_both_ways(browser: Client) -> None:
    track = baker.make(Track, user__username="composer")
    baker.make(TrackPlay, track=track, _quantity=23)
    page = browser.get(page_of(Track, track.pk)).content.decode()
    assert f'href="{list_of(TrackPlay, track=track.pk)}">The latest 10, and all 23 →' in page
    assert f'href="{page_of(User, track.user_id)}">composer</a>' in page
    plays = browser.get(list_of(TrackPlay, track=track.pk)).content.decode()
    assert '<strong>23</strong> <span class="visually-hidden">plays' in plays


def test_counts_of_panels_stop(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panels, "PANEL_COUNT_LIMIT", 22)
    track, other = baker.make(Track, _quantity=2)
    baker.make(TrackPlay, track=track, _quantity=23)
    baker.make(TrackPlay, track=other, _quantity=10)
    assert "The latest 10, and all 22+ →" in browser.get(page_of(Track, track.pk)).content.decode()
    assert "All 10 →" in browser.get(page_of(Track, other.pk)).content.decode()


def test_panels_do_not_say_latest_of_what_no_index_sorts(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panels, "LOOKED_THROUGH", 21)
    session, other = baker.make(UserSession, _quantity=2)
    baker.make(RefreshToken, session=session, _quantity=22)
    baker.make(RefreshToken, session=other, _quantity=21)
    page = browser.get(page_of(UserSession, session.pk)).content.decode()
    assert "10 of them, and all 22 →" in page
    page = browser.get(page_of(UserSession, other.pk)).content.decode()
    assert "The latest 10, and all 21 →" in page


def test_the_menu_says_where_one_is(browser: Client) -> None:
    track = baker.make(Track)
    for url, current in ((list_of(Track), Track), (page_of(Track, track.pk), Track),
                         (list_of(Playlist), Playlist)):  # fmt: skip
        page = browser.get(url).content.decode()
        assert re.findall(r'<a href="([^"]+)" aria-current="page">', page) == [list_of(current)]


def test_checkboxes_are_labelled_with_the_row_they_select(browser: Client) -> None:
    track = baker.make(Track, title="Lost <Song>")
    page = browser.get(list_of(Track)).content.decode()
    box = f'name="_selected_action" value="{track.pk}" class="action-select"'
    assert f'{box} aria-label="Select Lost &lt;Song&gt;">' in page
    assert "action-select" not in browser.get(list_of(TrackPlay)).content.decode()


def test_plays_by_day(browser: Client) -> None:
    track = baker.make(Track)
    baker.make(TrackPlay, track=track, _quantity=3)
    page = browser.get(page_of(Track, track.pk)).content.decode()
    assert "3 in 30 days" in page
    assert re.search(r'role="img" aria-labelledby="plays-t plays-d"', page)


def test_what_is_read_is_recorded(browser: Client, staff: User) -> None:
    track = baker.make(Track)
    browser.get(page_of(Track, track.pk))
    browser.get(list_of(Track, status="failed"))
    browser.get(list_of(Role))
    entries = StaffLogEntry.objects.filter(staff_id=staff.pk).order_by("id")
    told = [(entry.action, entry.subject_table, entry.subject_id) for entry in entries]
    assert told == [
        ("tracks.view", "tracks", str(track.pk)),
        ("tracks.list", "tracks", ""),
    ]
    assert not any("failed" in str(vars(entry)) for entry in entries)


def test_what_is_refused_is_not_recorded(browser: Client) -> None:
    browser.get(page_of(Track, "00000000-0000-4000-8000-000000000000"))
    browser.get(list_of(Track, nonsense="1"))
    assert not StaffLogEntry.objects.filter(subject_table="tracks").exists()


@pytest.mark.django_db
def test_without_the_permission_to_read() -> None:
    """There is no list, page, menu entry, panel, or name behind a foreign key."""
    staff = make_user("reader")
    role = baker.make(Role)
    for name in ("admin.access", "tracks.read"):
        baker.make(RolePermission, role=role, permission=Permission.objects.get(name=name))
    baker.make(UserRoleAssignment, user=staff, role=role, expires_at=None)
    client = signed_in(staff)
    track = baker.make(Track, user__username="composer")
    baker.make(TrackPlay, track=track)
    assert client.get(list_of(User)).status_code == 403
    assert client.get(page_of(User, track.user_id)).status_code == 403
    page = client.get(page_of(Track, track.pk)).content.decode()
    assert "composer" not in page
    assert str(track.user_id)[:8] in page
    assert list_of(TrackPlay) not in page
    assert list_of(User) not in page
    assert list_of(Track) in page


def test_a_chart_has_an_axis() -> None:
    """It shows the maximum and zero, and the first, the middle and the last day."""
    last = date(2026, 3, 30)
    days = {day: number for number, day in enumerate(days_until(last, 30), 1200)}
    svg = str(by_day("plays", "Plays", days)).partition("<svg")[2].partition("</svg>")[0]
    texts = re.findall(r"<text [^>]*>([^<]+)</text>", svg)
    assert texts == ["1,229", "0", "1 Mar", "16 Mar", "30 Mar"]
    # A line at each number; each day below its own bar, and the numbers left of all.
    assert re.findall(r'class="axis" x="0" y="(\d+)"', svg) == ["0", "90"]
    heights = re.findall(r'<text x="-6" y="(\d+)"', svg)
    assert heights == ["4", "94"]
    assert re.findall(r'<text x="(\d+)" y="108"', svg) == ["0", "180", "360"]
    tallest = re.findall(r'class="bar" x="([\d.]+)" y="0.0"', svg)
    assert [float(x) for x in tallest] == [pytest.approx(360 * 29 / 30, abs=0.1)]
    nothing = str(by_day("plays", "Plays", {last: 0}))
    assert ">0</text>" in nothing
