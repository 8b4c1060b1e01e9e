"""Actions on tracks, playlists, comments, shares, rooms and jobs, and notes about them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.utils import timezone
from model_bakery import baker

from benchmarks.queries.statements import sql
from tests.acting import columns, entries, take, url
from tests.staff import make_staff, make_user, signed_in
from veza_core.models import User
from veza_legacy_chat.models import Room
from veza_media.models import HlsTranscodeJob
from veza_streaming.models import Playlist, PlaylistTrack, Track, TrackComment, TrackShare

pytestmark = pytest.mark.django_db

SOFT = [(Track, "title"), (Playlist, "title"), (Room, "name"), (TrackComment, ""), (TrackShare, "")]


@pytest.fixture
def moderator() -> Client:
    return signed_in(make_staff("moderator"))


@pytest.fixture
def support() -> Client:
    return signed_in(make_staff())


@pytest.mark.parametrize(("model", "typed"), SOFT)
def test_deleted_and_restored(moderator: Client, model: type[Model], typed: str):
    row: Any = baker.make(model, **({typed: "Name"} if typed else {}))
    table = model._meta.db_table
    rest = f"to_jsonb({table}) - 'deleted_at' - 'updated_at'"
    before = columns(row, rest)
    assert take(moderator, row, "soft_delete", confirm="Name").status_code == 302
    assert columns(row, "deleted_at IS NOT NULL") == (True,)
    assert take(moderator, row, "restore").status_code == 302
    assert columns(row, "deleted_at") == (None,)
    assert columns(row, rest) == before
    assert (entries(f"{table}.soft_delete")[0].before or {}) == {"deleted_at": None}
    assert (entries(f"{table}.restore")[0].after or {}) == {"deleted_at": None}


@pytest.mark.parametrize(("model", "typed"), SOFT)
def test_support_cannot_delete_content(support: Client, model: type[Model], typed: str):
    row: Any = baker.make(model)
    assert support.get(url(row, "soft_delete")).status_code == 403
    assert support.post(url(row, "soft_delete")).status_code == 403
    assert columns(row, "deleted_at") == (None,)


def test_deletion_does_not_cascade(moderator: Client):
    entry = baker.make(PlaylistTrack, playlist__title="Mine")
    take(moderator, entry.playlist, "soft_delete", confirm="Mine")
    assert columns(entry, "deleted_at") == (None,)


def test_a_restore_that_collides_says_with_what(moderator: Client):
    track = baker.make(Track, slug="song", deleted_at=datetime(2026, 1, 1, tzinfo=UTC))
    baker.make(Track, slug="song")
    response = take(moderator, track, "restore")
    assert response.status_code == 409
    page = response.content.decode()
    assert "cannot be restored" in page
    assert "slug “song”" in page
    assert columns(track, "deleted_at") != (None,)
    assert not entries("tracks.restore")


def test_a_collision_over_a_token_does_not_show_it(moderator: Client):
    secret = "0123456789abcdef" * 4
    share = baker.make(TrackShare, token_hash=secret, deleted_at=datetime(2026, 1, 1, tzinfo=UTC))
    baker.make(TrackShare, token_hash=secret)
    response = take(moderator, share, "restore")
    assert response.status_code == 409
    assert "cannot be restored" in response.content.decode()
    assert secret not in response.content.decode()


# Jobs ---------------------------------------------------------------------------------------------


def make_job(status: str, **values: Any) -> Any:
    """A job in a state, with the time of its end if it has ended."""
    ended = None if status in ("pending", "processing") else timezone.now()
    return baker.make(HlsTranscodeJob, status=status, completed_at=ended, **values)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_retry(support: Client, status: str):
    job = baker.make(
        HlsTranscodeJob, status=status, attempt_count=3, error_message="no codec",
        locked_by="worker-1", locked_at=datetime(2026, 1, 1, tzinfo=UTC),
        run_after=datetime(2099, 1, 1, tzinfo=UTC), completed_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    take(support, job, "retry")
    assert columns(job, "status::text", "attempt_count", "locked_by", "locked_at", "error_message",
                   "completed_at", "run_after <= now()"
                   ) == ("pending", 0, None, None, None, None, True)  # fmt: skip
    (entry,) = entries("hls_transcode_queue.retry")
    assert entry.before
    assert entry.before["error_message"] == "no codec"
    # A worker finds it with the workers' statement.
    with connection.cursor() as cursor:
        cursor.execute(sql("TakeTranscodeJob").replace("$1", "%s"), ["worker-2"])
        assert cursor.fetchone()[0] == job.pk


def test_a_stream_is_not_put_into_the_queue_twice(support: Client):
    waiting = baker.make(HlsTranscodeJob)
    job = make_job("failed", track=waiting.track)
    response = take(support, job, "retry")
    assert response.status_code == 409
    assert "is already waiting" in response.content.decode()
    assert columns(job, "status::text") == ("failed",)
    assert not entries("hls_transcode_queue.retry")


@pytest.mark.parametrize("status", ["pending", "processing"])
def test_cancel_and_undo(support: Client, status: str):
    job = baker.make(HlsTranscodeJob, status=status, locked_by="worker-1")
    response = take(support, job, "cancel")
    assert columns(job, "status::text", "locked_by") == ("cancelled", None)
    assert url(job, "retry") in support.get(response.headers["Location"]).content.decode()


@pytest.mark.parametrize(
    ("action", "status"),
    [("retry", "pending"), ("retry", "processing"), ("retry", "completed"), ("cancel", "completed"),
     ("cancel", "failed"), ("cancel", "cancelled"), ("priority", "completed"),
     ("priority", "processing")],
)  # fmt: skip
def test_other_states_are_left_alone(support: Client, action: str, status: str):
    job = make_job(status)
    assert support.get(url(job, action)).status_code == 409


def test_a_worker_that_was_faster(support: Client):
    """The worker takes the job between the page and the POST."""
    job = baker.make(HlsTranscodeJob, status="pending")
    seen = support.get(url(job, "cancel")).context["sent"][0]
    HlsTranscodeJob.objects.filter(pk=job.pk).update(
        status="completed", completed_at=timezone.now()
    )
    sent = {"row": seen, "reason": "because"}
    assert support.post(url(job, "cancel"), sent).status_code == 409
    assert columns(job, "status::text") == ("completed",)


def test_priority_and_undo(support: Client):
    job = baker.make(HlsTranscodeJob, status="pending", priority=4)
    response = take(support, job, "priority", priority="10")
    assert columns(job, "priority") == (10,)
    page = support.get(response.headers["Location"]).content.decode()
    assert f"{url(job, 'priority')}?priority=4" in page
    assert 'value="4"' in support.get(f"{url(job, 'priority')}?priority=4").content.decode()


def test_put_first_is_one_step_and_undo_restores_the_priority(support: Client):
    job = baker.make(HlsTranscodeJob, status="pending", priority=4)
    response = take(support, job, "put_first")
    assert columns(job, "priority") == (10,)
    page = support.get(response.headers["Location"]).content.decode()
    assert f"{url(job, 'priority')}?priority=4" in page


@pytest.mark.parametrize("priority", ["0", "11", "-1", "2.5", "high", "", "9" * 30])
def test_priorities_go_from_1_to_10(support: Client, priority: str):
    job = baker.make(HlsTranscodeJob, status="pending", priority=4)
    assert take(support, job, "priority", priority=priority).status_code == 200
    assert columns(job, "priority") == (4,)


# Notes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [User, Track, Playlist, TrackComment, TrackShare, Room,
                                   HlsTranscodeJob])  # fmt: skip
def test_a_note_is_shown_from_then_on(support: Client, model: type[Model]):
    row = baker.make(model)
    data = {"text": "Called twice.\n<script>alert(1)</script>"}
    assert take(support, row, "note", **data, reason="").status_code == 302
    address = f"/admin/{model._meta.app_label}/{model._meta.model_name}/{row.pk}/"
    page = support.get(address).content.decode()
    assert "Called twice." in page
    assert "<script>alert" not in page
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT subject_table, subject_id, author_name, text FROM django.veza_site_note"
        )
        assert cursor.fetchall() == [
            (model._meta.db_table, str(row.pk), "alice", data["text"].replace("\n", "\n"))
        ]
    (entry,) = entries(f"{model._meta.db_table}.note")
    assert list(entry.after or {}) == ["note"]
    assert "Called" not in str(entry.after)


@pytest.mark.parametrize("text", ["", "  ", "x" * 4001, "a\0b"])
def test_a_note_must_not_be_empty(support: Client, text: str):
    bob = make_user("bob")
    assert take(support, bob, "note", text=text).status_code == 200
    assert not entries("users.note")


def test_notes_are_allowed_on_oneself_and_on_deleted_accounts(support: Client):
    alice = User.objects.get(username="alice")
    assert take(support, alice, "note", text="On leave.").status_code == 302
    track = baker.make(Track, deleted_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert take(support, track, "note", text="Rightly so.").status_code == 302


@pytest.mark.parametrize(
    ("model", "values", "action"),
    [
        (
            HlsTranscodeJob,
            {"status": "completed", "completed_at": datetime(2026, 1, 1, tzinfo=UTC)},
            "cancel",
        ),
        (Track, {}, "restore"),
    ],
)
def test_a_form_made_by_hand_does_not_get_past_the_state(
    moderator: Client, model: type[Model], values: dict[str, Any], action: str
):
    """The form has the digest of the current state, so only the state itself prevents the
    action.
    """
    row = baker.make(model, **values)
    known = {one.name: one for one in admin.site._registry[model].row_actions}
    sent = {"row": f"{row.pk}.{known[action].seen(row)}", "reason": "x"}
    before = columns(row, f"to_jsonb({model._meta.db_table})")
    assert moderator.post(url(row, action), sent).status_code == 409
    assert columns(row, f"to_jsonb({model._meta.db_table})") == before
    assert not entries(f"{model._meta.db_table}.{action}")
