"""The results of the search box for each kind of term, exact matches first."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import BooleanField, Model
from django.db.models.expressions import RawSQL
from django.test import Client
from django.utils import timezone
from model_bakery import baker

from tests.admin.addresses import list_of
from tests.admin.searching import MODELS, found, search, text_of
from veza_core.models import (
    EmailVerificationToken,
    FederatedIdentity,
    PasswordResetToken,
    Permission,
    RefreshToken,
    Role,
    User,
    UserSession,
)
from veza_core.screens.search.finders import Finder
from veza_legacy_chat.models import Room
from veza_streaming.models import Playlist, Track, TrackShare


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_id_of_anything(model: type[Model], browser: Client) -> None:
    row = baker.make(model)
    response = search(browser, f"  {str(row.pk).upper()}\n")
    meta = model._meta
    assert found(response) == {meta.db_table: [row.pk]}
    assert f"/admin/{meta.app_label}/{meta.model_name}/{row.pk}/" in text_of(response)


def test_an_id_that_no_row_has(browser: Client) -> None:
    response = search(browser, str(uuid.uuid4()))
    assert found(response) == {}
    assert "Nothing found" in text_of(response)


def test_one_id_in_several_tables_however_written(browser: Client) -> None:
    track = baker.make(Track)
    room = baker.make(Room, id=track.pk)
    expected = {"tracks": [track.pk], "rooms": [room.pk]}
    for text in (
        track.pk.hex,
        f"{{{track.pk}}}",
        f"urn:uuid:{track.pk}",
        f"\u200b{track.pk}\ufeff",
    ):
        assert found(search(browser, text)) == expected


def test_email_exact_before_what_begins_so(browser: Client) -> None:
    longer = baker.make(User, username="other", email="anna@example.community")
    exact = baker.make(User, username="someone", email="Anna@Example.com")
    baker.make(User, username="nobody", email="joanna@example.com")
    assert found(search(browser, "anna@example.COM")) == {"users": [exact.pk, longer.pk]}


def test_the_beginning_of_an_email(browser: Client) -> None:
    begins = baker.make(User, username="someone", email="ann_a%b@example.com")
    for text in ("ann_", "ANN_a%", "ann_a%b@", "Ann_a%b@exam"):
        response = search(browser, text)
        assert found(response) == {"users": [begins.pk]}, text
        assert "Beginning of e-mail" in text_of(response)
    baker.make(User, username="nobody", email="annxa@example.com")
    assert found(search(browser, "ann_a")) == {"users": [begins.pk]}
    # No index finds the middle of an e-mail address.
    assert found(search(browser, "xa@example")) == {}


def test_all_emails_of_a_domain_newest_first(browser: Client) -> None:
    now = timezone.now()
    users = [
        baker.make(User, username=f"number{n}", email=f"{n}@mail.example.com") for n in range(3)
    ]
    for age, user in enumerate(users):
        User.objects.filter(pk=user.pk).update(created_at=now - timedelta(age + 1))
    baker.make(User, username="nobody", email="n@mail.example.com.other")
    baker.make(User, username="nothing", email="n@example.com")
    for text in ("@mail.example.com", "Mail.Example.COM"):
        response = search(browser, text)
        assert found(response) == {"users": [user.pk for user in users]}, text
        assert "Domain of e-mail" in text_of(response)
        assert list_of(User, domain="mail.example.com") in response.content.decode()


def test_email_at_another_provider(browser: Client) -> None:
    identity = baker.make(FederatedIdentity, email="Anna@Provider.example")
    response = search(browser, "anna@provider.example")
    assert found(response) == {"federated_identities": [identity.pk]}


def test_username_exact_then_what_begins_so_then_the_rest(browser: Client) -> None:
    inside = baker.make(User, username="a_brooke_b", email="1@x.example")
    longer = baker.make(User, username="brooke_lyn_smith", email="2@x.example")
    begins = baker.make(User, username="Brookes", email="3@x.example")
    exact = baker.make(User, username="brooke", email="4@x.example")
    expected = {"users": [exact.pk, begins.pk, longer.pk, inside.pk]}
    assert found(search(browser, "brooke")) == expected


def test_title_and_artist(browser: Client) -> None:
    exact = baker.make(Track, title="Blue Monday", artist="x")
    by_artist = baker.make(Track, title="y", artist="Blue Monday Band")
    playlist = baker.make(Playlist, title="My BLUE MONDAY mix")
    expected = {"tracks": [exact.pk, by_artist.pk], "playlists": [playlist.pk]}
    assert found(search(browser, "blue  monday")) == expected


def test_whole_titles_and_artists_of_two_characters(browser: Client) -> None:
    track = baker.make(Track, title="One", artist="U2")
    baker.make(Track, title="Two", artist="U2b")
    japanese = baker.make(Playlist, title="東京")
    response = search(browser, "u2")
    assert found(response) == {"tracks": [track.pk]}
    assert "Too short for a part" in text_of(response)
    assert found(search(browser, "東京")) == {"playlists": [japanese.pk]}


def test_slugs_and_names(browser: Client) -> None:
    user = baker.make(User, username="slugged", slug="q8")
    track = baker.make(Track, slug="q8")
    playlist = baker.make(Playlist, slug="q8")
    room = baker.make(Room, name="q8")
    expected = {"users": [user.pk], "tracks": [track.pk], "playlists": [playlist.pk],
                "rooms": [room.pk]}  # fmt: skip
    assert found(search(browser, "q8")) == expected
    role, permission = Role.objects.get(name="moderator"), Permission.objects.get(name="rooms.read")
    assert found(search(browser, "moderator"))["roles"] == [role.pk]
    assert found(search(browser, "rooms.read"))["permissions"] == [permission.pk]


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
def test_address_latest_session_first(address: str, browser: Client) -> None:
    now = timezone.now()
    sessions = [
        baker.make(UserSession, ip_address=address, last_activity_at=now - timedelta(hours=hours))
        for hours in range(12)
    ]
    baker.make(UserSession, ip_address="192.0.2.8")
    response = search(browser, address.upper())
    assert found(response) == {"user_sessions": [session.pk for session in sessions[:10]]}
    (group,) = response.context["groups"]
    assert (group.count, group.hidden) == ("12", True)
    everything = browser.get(group.url)
    assert everything.status_code == 200
    assert len(everything.context["cl"].result_list) == 12


@pytest.mark.parametrize(
    "model",
    [RefreshToken, PasswordResetToken, EmailVerificationToken, UserSession, TrackShare],
    ids=lambda model: model.__name__,
)
def test_the_hash_of_a_token(model: type[Model], browser: Client) -> None:
    secret = "sha256:c0ffee0123456789abcdef"
    row = baker.make(model, token_hash=secret)
    response = search(browser, secret)
    assert found(response) == {model._meta.db_table: [row.pk]}
    # The box repeats what was typed; the results do not have it.
    assert text_of(response).count(secret) == 1
    assert found(search(browser, secret[:-1])) == {}


def test_deleted_rows_are_found_and_marked_after_live_ones(browser: Client) -> None:
    gone = baker.make(User, username="gone", email="a@x.example", deleted_at=timezone.now())
    live = baker.make(User, username="live", email="b@x.example")
    response = search(browser, "x.example")
    assert found(response) == {"users": [live.pk, gone.pk]}
    assert found(search(browser, "a@X.example")) == {"users": [gone.pk]}
    assert 'class="badge badge-bad">Deleted' in text_of(response)


@pytest.mark.parametrize("text", ["%%%", "___", "100%", "a_c", "\\", "'; --", "<b>x</b>"])
def test_wildcards_and_quotes_are_text(text: str, browser: Client) -> None:
    baker.make(Track, title="abc 1000 axc")
    named = baker.make(Track, title=f"{text}")
    assert found(search(browser, text)) == {"tracks": [named.pk]}


def test_wildcards_within_a_part_are_text(browser: Client) -> None:
    baker.make(Track, title="the 1000 songs")
    named = baker.make(Track, title="the 100% songs")
    assert found(search(browser, "100% song")) == {"tracks": [named.pk]}


def test_each_kind_is_capped(browser: Client) -> None:
    tracks = baker.make(Track, title="Common", artist="x", _quantity=52)
    for term, is_exact in (("comm", False), ("common", True)):
        response = search(browser, term)
        (group,) = response.context["groups"]
        assert (len(group.rows), group.count, group.hidden) == (10, "50+", True)
        assert {row.pk for row in group.rows} <= {track.pk for track in tracks}
        assert group.is_exact == is_exact
        # Whole titles fill the page, so parts are not searched.
        assert ("Too many tracks contain this text" in text_of(response)) != is_exact


def test_what_is_too_common_says_so_and_the_rest_is_found(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If one finder exceeds its time limit, the results of the others are still shown."""
    monkeypatch.setattr("veza_core.screens.search.engine.PARTS_TIMEOUT", 3_000)
    exact = baker.make(Track, title="sleepy")
    playlist = baker.make(Playlist, title="my sleepy list")
    slow_down(monkeypatch, Track, SLEEP)
    response = search(browser, "sleepy")
    assert found(response) == {"tracks": [exact.pk], "playlists": [playlist.pk]}
    assert "Too many tracks contain this text" in text_of(response)


def test_what_is_too_common_is_found_among_the_newest(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("engine", "views"):
        monkeypatch.setattr(f"veza_core.screens.search.{module}.NEWEST_ROWS", 3)
    titles = ["a sleepy one", "a sleepy two", "another", "a sleepy three"]
    old, two, _, three = [baker.make(Track, title=title, artist="x") for title in titles]
    for age, track in enumerate((three, two, old)):
        Track.objects.filter(pk=track.pk).update(created_at=timezone.now() - timedelta(age + 1))
    by_artist = baker.make(Track, title="hers", artist="sleepyhead")
    with connection.cursor() as cursor:
        cursor.execute(CREATE_CANCEL)
    slow_down(monkeypatch, Track, CANCEL)
    response = search(browser, "sleep")
    assert set(found(response)["tracks"]) == {three.pk, by_artist.pk}
    assert "only the newest 3 were searched" in text_of(response)


SLEEP = RawSQL("(SELECT true FROM pg_sleep(60))", [], output_field=BooleanField())
#: Ends the statement as a timeout does, and at once.
CANCEL = RawSQL("(SELECT true FROM pg_temp.cancel())", [], output_field=BooleanField())
CREATE_CANCEL = """
CREATE FUNCTION pg_temp.cancel() RETURNS text LANGUAGE plpgsql
    AS $$ BEGIN RAISE query_canceled; END $$
"""


def slow_down(monkeypatch: pytest.MonkeyPatch, model: type[Model], how: RawSQL) -> None:
    """Let PostgreSQL sleep, or cancel, in the query for parts of a model's names."""
    rows = Finder.rows

    def slow(self: Finder, of: type[Model], *arguments: Any) -> Any:
        found = rows(self, of, *arguments)
        if of is model and self.is_part:
            found.query.clear_limits()
            return found.filter(how)[:51]
        return found

    monkeypatch.setattr(Finder, "rows", slow)
