"""A user's page has the jobs of the user's tracks, the failed ones first."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from model_bakery import baker

from tests.admin.addresses import list_of, page_of
from tests.admin.searching import text_of
from tests.staff import grant, make_user, signed_in
from veza_core.models import Permission, Role, RolePermission, User
from veza_core.screens import panels
from veza_media.models import HlsTranscodeJob
from veza_streaming.models import Playlist, Track

pytestmark = pytest.mark.django_db


@pytest.fixture
def failed(bob: User) -> HlsTranscodeJob:
    """The oldest job of bob, among others of his and of somebody else's."""
    first, second, other = (
        baker.make(Track, user=bob),
        baker.make(Track, user=bob),
        baker.make(Track),
    )
    failed = {"status": "failed", "completed_at": timezone.now()}
    job = baker.make(HlsTranscodeJob, track=first, error_message="no such codec", **failed)
    done = {"status": "completed", "completed_at": timezone.now()}
    baker.make(HlsTranscodeJob, track=second, _quantity=panels.ROWS_PER_PANEL, **done)
    baker.make(HlsTranscodeJob, track=other, error_message="of another", **failed)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE hls_transcode_queue DISABLE TRIGGER USER")
        cursor.execute("UPDATE hls_transcode_queue SET created_at = %s WHERE id = %s",
                       [timezone.now() - timedelta(days=9), job.pk])  # fmt: skip
        cursor.execute("ALTER TABLE hls_transcode_queue ENABLE TRIGGER USER")
    return job


def panel_of(client: Client, user: User) -> str:
    """The panel of jobs; empty if there is none."""
    page = text_of(client.get(page_of(User, user.pk)))
    return page.partition(">Transcode jobs</h2>")[2].partition("</section>")[0]


def test_those_with_errors_come_first(browser: Client, bob: User, failed: HlsTranscodeJob) -> None:
    baker.make(Playlist, user=bob)
    panel = panel_of(browser, bob)
    assert panel.index("no such codec") < panel.index("Completed")
    assert "of another" not in panel
    assert f"{panels.ROWS_PER_PANEL} of them, and all {panels.ROWS_PER_PANEL + 1}" in panel
    address = list_of(HlsTranscodeJob, track_user=bob.pk)
    assert f'href="{address}"' in panel
    # Failed jobs come before everything else of the account.
    assert browser.get(page_of(User, bob.pk)).context["panels"][0].title == "Transcode jobs"
    for typed in (bob.pk, "Bob", "bob@example.com"):
        form = {"filters": "1", "track_user": typed, "failed": "latest"}
        shown = browser.post(list_of(HlsTranscodeJob), form, follow=True)
        assert [row.pk for row in shown.context["cl"].result_list] == [failed.pk]
    assert ">bob</a>" in text_of(browser.get(address))
    assert len(browser.get(address).context["cl"].result_list) == panels.ROWS_PER_PANEL + 1


def test_only_of_the_latest_tracks(
    browser: Client, bob: User, failed: HlsTranscodeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    Track.objects.filter(pk=failed.track_id).update(created_at=now - timedelta(days=9))
    monkeypatch.setattr(panels, "THROUGH", 1)
    assert "no such codec" not in panel_of(browser, bob)


@pytest.mark.parametrize("missing", ["tracks", "hls_transcode_queue"])
def test_who_may_not_read_either_has_no_panel(
    missing: str, bob: User, failed: HlsTranscodeJob
) -> None:
    role = baker.make(Role, name="visitor")
    visitor = make_user("visitor")
    grant(visitor, "visitor")

    def hold(table: str) -> None:
        permission = Permission.objects.get(name=table)
        baker.make(RolePermission, role=role, permission=permission)

    for table in {"users", "tracks", "hls_transcode_queue"} - {missing}:
        hold(f"{table}.read")
    hold("admin.access")
    client = signed_in(visitor)
    assert panel_of(client, bob) == ""
    hold(f"{missing}.read")
    assert "no such codec" in panel_of(client, bob)
