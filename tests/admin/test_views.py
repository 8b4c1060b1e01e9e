"""The views of lists: links above them, and under "Desk" in the menu."""

import re
from datetime import timedelta
from html import unescape
from uuid import uuid4

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.utils import timezone
from model_bakery import baker

from tests.admin.addresses import list_of
from tests.admin.searching import text_of
from tests.staff import make_staff, signed_in
from veza_core.models import User, UserSession
from veza_core.screens import unsorted
from veza_core.screens.units import exact
from veza_media.models import HlsTranscodeJob
from veza_site.models import StaffLogEntry
from veza_site.support import overview

pytestmark = pytest.mark.django_db

JOBS = list_of(HlsTranscodeJob)


def test_each_is_marked_where_it_is(browser: Client) -> None:
    seen = 0
    for screen in admin.site.screens():  # type: ignore[attr-defined]
        for view in screen.all_views():
            page = browser.get(list_of(screen.model, **view.query)).content.decode()
            assert re.search(rf'aria-current="true">{view.label}</a>', page), (screen, view)
            # In the menu, either the view or the list is the current entry.
            menu = page.partition('<nav id="menu"')[2].partition("</nav>")[0]
            here = re.findall(r'aria-current="page">([^<]+)<', menu)
            assert len(here) == 1
            assert here[0] == view.desk or not view.desk
            seen += 1
    assert seen > 10


def test_the_start_page_has_what_one_may_read(browser: Client) -> None:
    def desk(client: Client) -> list[str]:
        page = client.get("/admin/").content.decode()
        menu = page.partition('id="menu-desk"')[2].partition("</ul>")[0]
        return [unescape(name) for name in re.findall(r'">([^<]+)</a>', menu)]

    everything = desk(browser)
    assert {
        "Failed jobs",
        "Stuck in processing",
        "New and unverified",
        "Plays this week",
        "Locked accounts",
        "Recently active sessions",
    } <= {*everything}
    # All staff can see who looks at personal data.
    assert "What colleagues did" in desk(signed_in(make_staff("support", "bob")))


@pytest.mark.parametrize(
    ("model", "query", "told"),
    [
        (User, {}, "Created, newest first"),
        (User, {"order": "reversed"}, "Created, oldest first"),
        # Times in the future are not new.
        (User, {"locked": "now"}, "Locked until, latest first"),
        (UserSession, {}, "Expires, latest first"),
        (UserSession, {"order": "reversed"}, "Expires, earliest first"),
    ],
)
def test_the_order_is_told(
    browser: Client, model: type[Model], query: dict[str, str], told: str
) -> None:
    assert f">{told} · <" in browser.get(list_of(model, **query)).content.decode()


def test_the_last_to_fail_come_first(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever the jobs were created, and however many others there are."""
    monkeypatch.setattr(unsorted, "COUNT_LIMIT", 1)
    monkeypatch.setattr(overview, "COUNT_LIMIT", 1)
    jobs = baker.make(HlsTranscodeJob, status="failed", completed_at=timezone.now(), _quantity=3)
    baker.make(HlsTranscodeJob, status="pending")
    now = timezone.now()
    for job, (made, failed) in zip(jobs, [(1, 3), (2, 1), (3, 2)], strict=True):
        HlsTranscodeJob.objects.filter(pk=job.pk).update(
            created_at=now - timedelta(days=made), completed_at=now - timedelta(hours=failed)
        )
    # A note about it, or another change, is not a failure.
    HlsTranscodeJob.objects.filter(pk=jobs[0].pk).update(priority=9)
    expected = [jobs[1].pk, jobs[2].pk, jobs[0].pk]
    response = browser.get(f"{JOBS}?failed=latest")
    assert [row.pk for row in response.context["cl"].result_list] == expected
    start = browser.get("/admin/").content.decode()
    places = [start.index(str(pk)) for pk in expected]
    assert places == sorted(places)


def test_the_start_page_counts_what_waits(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    late, _ = (
        baker.make(HlsTranscodeJob, status="processing", started_at=now - timedelta(hours=hours))
        for hours in (2, 0)
    )
    HlsTranscodeJob.objects.filter(pk=late.pk).update(created_at=now - timedelta(days=1))
    baker.make(HlsTranscodeJob, status="failed", completed_at=now, _quantity=3)
    new, _, old, gone = baker.make("veza_core.User", _quantity=4)
    unverified = [new.pk, old.pk, gone.pk]
    User.objects.update(is_verified=True)
    User.objects.filter(pk__in=unverified).update(is_verified=False)
    User.objects.filter(pk=old.pk).update(created_at=now - timedelta(days=8))
    User.objects.filter(pk=gone.pk).update(deleted_at=now)
    tiles = {tile.title: str(tile.count) for tile in browser.get("/admin/").context["tiles"]}
    assert tiles["Failed jobs"] == "3"
    assert tiles["Stuck in processing"] == "1"
    assert tiles["New and unverified"] == "1"
    # There are more jobs in processing, and more new accounts, than are examined.
    monkeypatch.setattr(overview, "OLDEST_JOBS", 1)
    monkeypatch.setattr(overview, "NEWEST_ACCOUNTS", 1)
    tiles = {tile.title: str(tile.count) for tile in browser.get("/admin/").context["tiles"]}
    assert tiles["Stuck in processing"] == "1+"
    assert tiles["New and unverified"] in ("0+", "1+")


def test_who_is_locked_and_who_is_there_now(browser: Client) -> None:
    now = timezone.now()
    later, soon, over, _ = baker.make(User, _quantity=4)
    for user, hours in ((later, 2), (soon, 1), (over, -1)):
        User.objects.filter(pk=user.pk).update(locked_until=now + timedelta(hours=hours))
    soon.refresh_from_db()
    assert soon.locked_until
    shown = browser.get(list_of(User, locked="now")).context["cl"].result_list
    assert [row.pk for row in shown] == [later.pk, soon.pk]
    # Only this view has a column with the end.
    page = text_of(browser.get(list_of(User, locked="now")))
    assert ">Locked until</th>" in page
    assert 'title="' + f"{exact(soon.locked_until)}" in page.partition("<tbody>")[2]
    assert "Locked until" not in text_of(browser.get(list_of(User)))
    ends = {"expires_at": now + timedelta(days=9)}
    used, idle, revoked = baker.make(UserSession, _quantity=3, **ends)
    UserSession.objects.filter(pk=idle.pk).update(last_activity_at=now - timedelta(hours=2))
    UserSession.objects.filter(pk=revoked.pk).update(revoked_at=now)
    shown = browser.get(list_of(UserSession, used="hour")).context["cl"].result_list
    assert [row.pk for row in shown] == [used.pk]


def test_an_empty_list_has_no_pages_to_turn(browser: Client) -> None:
    """Nor does a list with one page."""
    assert '<nav class="pages' not in text_of(browser.get(list_of(User, is_banned="yes")))
    assert '<nav class="pages' not in text_of(browser.get(list_of(User)))
    baker.make(User, _quantity=51)
    assert text_of(browser.get(list_of(User))).count('<nav class="pages') == 2


def test_an_empty_list_says_what_it_was_asked_for(browser: Client, staff: User) -> None:
    """Also on a phone, where the filters are folded: the button shows their number."""
    asked = {"user": staff.pk, "revoked": "yes", "range": "today"}
    page = browser.get(list_of(UserSession, **asked)).content.decode()
    told = re.sub(r"<[^>]+>", "", page.partition('<p class="none">')[2].partition("</p>")[0])
    assert told == (
        "No sessions here with User: staff, Revoked: Yes, Created: Today. Remove the filters"
    )
    assert "Filters and order (3 set)<" in page
    page = browser.get(list_of(HlsTranscodeJob)).content.decode()
    assert '<p class="none">No transcode jobs here.</p>' in page
    assert "Filters and order<" in page


def test_actions_are_described_in_words(browser: Client) -> None:
    baker.make(StaffLogEntry, action="users.ban", staff_name="carol", subject_label="bob",
               subject_table="users")  # fmt: skip
    baker.make(StaffLogEntry, action="search", staff_name="carol")
    page = browser.get("/admin/").content.decode().partition('<h2 id="actions">')[2]
    assert "<b>carol</b> banned bob" in page
    assert "searched" not in page
    assert ">Searched</a>" in browser.get(list_of(StaffLogEntry)).content.decode()


def test_an_action_on_many_rows_leaves_room_for_what_others_did(browser: Client) -> None:
    said = {"subject_table": "track_comments", "subject_label": "first!", "staff_name": "carol"}
    baker.make(StaffLogEntry, action="users.ban", staff_name="dave", subject_label="bob",
               subject_table="users")  # fmt: skip
    for number in (30, 2):
        baker.make(
            StaffLogEntry, number, action="track_comments.soft_delete", batch=uuid4(), **said
        )
    baker.make(StaffLogEntry, action="track_comments.restore", **said)
    page = browser.get("/admin/").content.decode().partition('<h2 id="actions">')[2]
    lines = re.findall(r"<li><span>(.*?)</span>", page.partition("</section>")[0])
    assert lines == [
        "<b>carol</b> restored first!",
        "<b>carol</b> deleted first! and 1 more",
        "<b>carol</b> deleted first! and 29 more",
        "<b>dave</b> banned bob",
    ]
