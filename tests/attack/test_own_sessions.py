"""Staff see and end their own sessions, and not those of others."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from model_bakery import baker

from tests.acting import columns, take
from tests.attack.people import sign_in
from tests.site.test_sign_in import BARRED, ENDED
from tests.staff import make_staff, make_user, post_sign_in
from veza_core.admin import content_actions
from veza_core.models import User
from veza_core.screens.actions import perform
from veza_legacy_chat.models import Room
from veza_site.models import StaffLogEntry, StaffSession
from veza_site.support import sessions

pytestmark = pytest.mark.django_db

PAGE = "/admin/sessions/"
KEY = re.compile(r'name="end" value="([0-9a-f-]{36})"')


def signed_in(username: str = "alice", browser: str = "Firefox", **extra: Any) -> Client:
    client = Client(headers={"user-agent": browser})
    assert post_sign_in(client, username, **extra).status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def keys(client: Client) -> list[str]:
    """The sessions that the page offers to end."""
    return KEY.findall(client.get(PAGE).text)


def test_what_the_page_shows() -> None:
    make_staff()
    make_staff("admin", "bob")
    here = signed_in()
    signed_in(browser="<b>Chrome</b>", REMOTE_ADDR="192.0.2.7")
    signed_in("bob", "Opera")
    page = here.get(PAGE).text
    assert "&lt;b&gt;Chrome&lt;/b&gt;" in page
    assert "192.0.2.7" in page
    assert "Opera" not in page
    assert page.count("This session") == 1
    assert len(keys(here)) == 1
    assert PAGE in here.get("/admin/").text, "the way to it"


def test_the_page_is_bounded() -> None:
    """Somebody with the password can begin any number of sessions. All are ended at once."""
    alice = make_staff()
    here = signed_in()
    StaffSession.objects.update(created_at=F("created_at") - timedelta(minutes=1))
    baker.make(StaffSession, account_id=alice.pk, address="192.0.2.7", _quantity=70)
    assert len(keys(here)) == 50
    assert "Only the latest 50 are shown." in here.get(PAGE).text
    assert "Ended 70 sessions" in here.post(PAGE, {"end": "others"}, follow=True).text


def test_one_is_ended() -> None:
    make_staff()
    here, lost, kept = signed_in(), signed_in(), signed_in()
    own = StaffSession.objects.get(pk=lost.session["staff_session"])
    here.post(PAGE, {"end": str(own.pk)})
    assert not is_in(lost)
    assert is_in(kept)
    assert is_in(here)
    entry = StaffLogEntry.objects.get(action="sessions.end")
    assert (entry.staff_name, entry.after) == ("alice", {"sessions": 1})
    assert "Ended 0 sessions" in here.post(PAGE, {"end": str(own.pk)}, follow=True).text


def test_all_others_are_ended(settings: Any) -> None:
    make_staff()
    here, lost = signed_in(), signed_in()
    settings.SECOND_FACTOR_REQUIRED = True
    half_way = signed_in()
    assert "Set up" in half_way.get("/admin/second-factor/").text
    settings.SECOND_FACTOR_REQUIRED = False
    here.post(PAGE, {"end": "others"})
    settings.SECOND_FACTOR_REQUIRED = True
    assert half_way.get("/admin/second-factor/")["Location"] == "/admin/login/"
    settings.SECOND_FACTOR_REQUIRED = False
    assert not is_in(lost)
    assert is_in(here)
    assert keys(here) == []


def test_nobody_ends_those_of_others() -> None:
    make_staff()
    make_staff("admin", "bob")
    alice, bob = signed_in(), signed_in("bob")
    theirs = bob.session["staff_session"]
    for which in (theirs, "others", str(uuid4()), alice.session["staff_session"]):
        assert alice.post(PAGE, {"end": which}).status_code == 302
    for which in ("", "all", "\0", theirs + "'", "%"):
        assert alice.post(PAGE, {"end": which}).status_code == 400
    assert is_in(bob)
    assert is_in(alice), "one's own is ended by signing out"
    assert not StaffLogEntry.objects.filter(action="sessions.end").exists()


def test_it_takes_a_token() -> None:
    make_staff()
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_staff("admin", "bob"))
    assert client.post(PAGE, {"end": "others"}).status_code == 403


def test_the_row_goes_with_the_session() -> None:
    make_staff()
    client = signed_in()
    client.post("/admin/logout/")
    assert not StaffSession.objects.exists()
    make_staff("admin", "bob")
    bob = signed_in("bob")
    session = bob.session
    session["seen_at"] = 0
    session.save()
    assert not is_in(bob)
    assert not StaffSession.objects.exists()


def test_a_session_cannot_name_another_ones_row() -> None:
    """The session's contents come from the server. Without its row, the session is over."""
    make_staff()
    client = signed_in()
    session = client.session
    del session["staff_session"]
    session.save()
    assert not is_in(client)


def test_abandoned_ones_are_removed() -> None:
    make_staff()
    signed_in()
    StaffSession.objects.update(last_used_at=F("last_used_at") - timedelta(minutes=32))
    here = signed_in()
    assert str(StaffSession.objects.get().pk) == here.session["staff_session"]


def test_when_and_from_where_it_was_used_last() -> None:
    make_staff()
    client = signed_in()
    StaffSession.objects.update(last_used_at=F("last_used_at") - timedelta(minutes=10))
    session = client.session
    session["seen_at"] -= 61
    session.save()
    client.get("/admin/", REMOTE_ADDR="2001:db8::7")
    row = StaffSession.objects.get()
    assert row.address == "2001:db8::7"
    assert timezone.now() - row.last_used_at < timedelta(minutes=9)


def test_the_second_factor_is_asked_for_again(settings: Any) -> None:
    """Somebody who took over a session cannot end the owner's sessions."""
    settings.SECOND_FACTOR_REQUIRED = True
    alice = make_staff()
    here, owners = (sign_in(alice) for _ in "12")
    assert 'name="code"' not in here.get(PAGE).text
    session = here.session
    session[sessions.SECOND_FACTOR_AT] -= 600
    session.save()
    assert 'name="code"' in here.get(PAGE).text
    for which in ("others", *keys(here)):
        refused = here.post(PAGE, {"end": which, "code": "000000"})
        assert "No session was ended. That code is wrong" in refused.text
    assert is_in(owners)
    device, _ = TOTPDevice.objects.order_by("pk")
    code = f"{totp(device.bin_key):06}"
    assert here.post(PAGE, {"end": "others", "code": code}).status_code == 302
    assert not is_in(owners)


def test_they_outlive_the_rotation_of_the_key(settings: Any) -> None:
    """As long as the old one is a fallback."""
    make_staff()
    here, other = signed_in(), signed_in()
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "y" * 60
    assert is_in(here)
    settings.SECRET_KEY_FALLBACKS = []
    assert is_in(here), "it is signed with the new one since"
    assert not is_in(other)


@pytest.mark.parametrize("values", ENDED, ids=lambda values: next(iter(values)))
def test_what_a_service_does_ends_it_half_way_too(settings: Any, values: dict[str, Any]) -> None:
    settings.SECOND_FACTOR_REQUIRED = True
    alice = make_staff()
    half_way = signed_in()
    assert half_way.get("/admin/second-factor/").status_code == 200
    User.all_objects.filter(pk=alice.pk).update(**values)
    assert half_way.get("/admin/second-factor/")["Location"] == "/admin/login/"
    assert not StaffSession.objects.exists()


def test_a_lock_by_a_service_does_not_end_it_either(settings: Any) -> None:
    settings.SECOND_FACTOR_REQUIRED = True
    alice = make_staff()
    half_way = signed_in()
    User.objects.filter(pk=alice.pk).update(**BARRED[-1])
    assert half_way.get("/admin/second-factor/").status_code == 200


ENDINGS = {
    "by its owner": lambda: StaffSession.objects.all().delete(),
    "everywhere": lambda: User.objects.filter(username="alice").update(
        token_version=F("token_version") + 1
    ),
}

#: Statements that end a session by SQL alone.
WITHOUT_FACTOR = {
    "device gone": lambda: TOTPDevice.objects.all().delete(),
    "device not confirmed": lambda: TOTPDevice.objects.update(confirmed=False),
    "device of another": lambda: TOTPDevice.objects.update(user=make_user("mallory")),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_waiting_form_does_nothing_after_its_session_ended(
    ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row may be locked for seconds, and a thief of the session may have sent the form."""
    make_staff("moderator")
    room = baker.make(Room)
    lock = perform._lock

    def held(*arguments: Any, **options: Any) -> Any:
        ENDINGS[ending]()
        return lock(*arguments, **options)

    here = signed_in()
    monkeypatch.setattr(perform, "_lock", held)
    assert take(here, room, "soft_delete", confirm=room.name).status_code == 403
    assert columns(room, "deleted_at") == (None,)


@pytest.mark.parametrize("ending", WITHOUT_FACTOR)
def test_a_waiting_form_does_nothing_after_its_second_factor_expired(
    ending: str, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.SECOND_FACTOR_REQUIRED = True
    room = baker.make(Room)
    here = sign_in(make_staff("moderator"))
    lock = perform._lock

    def held(*arguments: Any, **options: Any) -> Any:
        WITHOUT_FACTOR[ending]()
        return lock(*arguments, **options)

    monkeypatch.setattr(perform, "_lock", held)
    assert take(here, room, "soft_delete", confirm=room.name).status_code == 403
    assert columns(room, "deleted_at") == (None,)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_page_that_runs_stops_once_its_session_is_ended(
    ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deletion of all content of a user runs in batches, and may take minutes."""
    make_staff("moderator")
    bob = baker.make(User, username="bob")
    rooms = baker.make(Room, 5, creator=bob)
    some = content_actions.perform_some

    def once(*arguments: Any) -> Any:
        outcome = some(*arguments)
        ENDINGS[ending]()
        return outcome

    monkeypatch.setattr(content_actions, "CHUNK", 2)
    monkeypatch.setattr(content_actions, "perform_some", once)
    answer = take(signed_in(), bob, "delete_content", confirm="bob")
    assert "Stopped after 2 of 5" in b"".join(answer.streaming_content).decode()
    assert sum(columns(room, "deleted_at") != (None,) for room in rooms) == 2
