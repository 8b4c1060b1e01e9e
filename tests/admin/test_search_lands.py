"""A search that lands: what is meant is opened, however it was copied."""

import hashlib
import html
import secrets
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from model_bakery import baker

from tests.admin.plans import captured, nodes, plan_of
from tests.admin.searching import SEARCH, found, search
from tests.admin.test_search_page import somebody_with
from tests.staff import make_user
from veza_core.models import FederatedIdentity, User
from veza_core.screens.search.term import read, without_wrapping
from veza_streaming.models import Track, TrackComment, TrackShare

pytestmark = pytest.mark.django_db


def lands(client: Client, text: str) -> str:
    """The address of the page at the end of a search."""
    response = client.post(SEARCH, {"q": text}, follow=True)
    assert response.status_code == 200
    return str(response.request["PATH_INFO"])


def address(row: Any) -> str:
    meta = row._meta
    return f"/admin/{meta.app_label}/{meta.model_name}/{row.pk}/"


@pytest.mark.parametrize(
    "text",
    ["bob@example.com", "BOB@example.com", "Bob Ross <bob@example.com>", "<bob@example.com>",
     "mailto:bob@example.com", "MAILTO:bob@example.com?subject=Help", "bob@example.com,",
     "(bob@example.com).", "“bob@example.com”", "bob", "bob.", "{pk}", "{pk}.",
     "https://support.example/admin/veza_core/user/{pk}/", "/admin/veza_core/user/{pk}/ban/?x=1",
     "see https://support.example/admin/veza_core/user/{pk}/#timeline", "{short}", "{longer}",
     "{short}…", "{short}...", "user_id={pk}", "user {pk} cannot sign in",
     "E-mail: bob@example.com", "email=bob@example.com;", "From: Bob Ross <bob@example.com>",
     "\u202abob@example.com\u202c",
     "Bob <\u2068bob@example.com\u2069>", "@bob", "@bob!", "(@bob)"],
)  # fmt: skip
def test_a_user_however_copied(browser: Client, bob: User, text: str):
    baker.make(FederatedIdentity, user=bob, email="bob@example.com", provider="google")
    make_user("bobby")
    pk = str(bob.pk)
    asked = text.format(pk=pk, short=pk[:8], longer=pk[:15])
    assert lands(browser, asked) == address(bob)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7:51423", "192.0.2.7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("ip=192.0.2.7", "192.0.2.7"),
        ("client: 192.0.2.7:51423,", "192.0.2.7"),
        # Its beginning is no label.
        ("2001:db8::7", "2001:db8::7"),
        ("fe80::1:443", "fe80::1:443"),
        ("300.0.2.7:80", None),
    ],
)
def test_an_address_as_logs_have_it(text: str, address: str | None):
    assert read(text).address == address


@pytest.mark.parametrize("text", ["“Blue Train”", '"Blue Train"', "«Blue Train»"])
def test_a_title_in_quotes(browser: Client, text: str):
    track, quoted = baker.make(Track, title="Blue Train"), baker.make(Track, title="“Blue Train”")
    assert set(found(search(browser, text))["tracks"]) == {track.pk, quoted.pk}


@pytest.mark.parametrize("text", ["@", "@@", '""', "…", "a: b", "Re: Home", "x=1"])
def test_what_is_no_label_stays(text: str):
    assert without_wrapping(text) == text


def test_several_are_a_list(browser: Client, bob: User):
    """Two rows whose IDs begin alike, and a title that is no name of one row."""
    other = baker.make(Track, id=f"{str(bob.pk)[:8]}-0000-4000-8000-000000000001", title="Home")
    assert lands(browser, str(bob.pk)[:8]) == SEARCH
    assert found(search(browser, str(bob.pk)[:8])) == {"users": [bob.pk], "tracks": [other.pk]}
    assert lands(browser, "Home") == SEARCH


def test_all_that_was_found_is_a_click_away(browser: Client, bob: User):
    bobby = make_user("bobby")
    page = browser.post(SEARCH, {"q": "bob"}, follow=True).content.decode()
    assert "See all that was found" in page
    assert found(search(browser, "bob"))["users"] == [bob.pk, bobby.pk]


def test_a_token_as_its_owner_has_it(browser: Client):
    token = secrets.token_urlsafe(32)
    digest = hashlib.sha256(token.encode()).hexdigest()
    share = baker.make(TrackShare, token_hash=digest)
    assert lands(browser, token) == address(share)
    assert lands(browser, digest) == address(share)


@pytest.mark.parametrize("text", ["1234567", "bob-ross", "deadbeef-", "zzzzzzzz", "...", "<>"])
def test_what_only_looks_alike_is_searched_for_as_text(browser: Client, bob: User, text: str):
    assert browser.post(SEARCH, {"q": text}, follow=True).status_code == 200


def test_the_beginning_of_an_id_is_a_range_of_the_key(browser: Client, bob: User):
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('enable_seqscan', 'off', true)")
    _, statements = captured(browser, _kept(browser, str(bob.pk)[:8]))
    (asked,) = [one for one in statements if "BETWEEN" in one]
    scans = [node for node in nodes(plan_of(asked)) if "id >= " in node.get("Index Cond", "")]
    assert len(scans) > 20
    for scan in scans:
        assert scan["Index Name"] == f"{scan['Relation Name']}_pkey"


def _kept(client: Client, text: str) -> str:
    return f"{client.post(SEARCH, {'q': text}).headers['Location']}&all=1"


@pytest.mark.parametrize("name", ["bob", "BOB", "bob@example.com", "{pk}"])
def test_a_filter_takes_a_username(browser: Client, bob: User, name: str):
    baker.make(TrackComment, user=bob, content="by bob")
    baker.make(TrackComment, content="by another")
    asked = name.format(pk=bob.pk)
    page = browser.get(f"/admin/veza_streaming/trackcomment/?user={asked}").content.decode()
    assert "by bob" in page
    assert "by another" not in page


def test_a_filter_by_nobody_says_so(browser: Client):
    response = browser.get("/admin/veza_streaming/trackcomment/?user=nobody")
    assert response.status_code == 400
    assert "no user “nobody”" in response.content.decode()


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("sessions", "/admin/veza_core/usersession/"),
        ("Sessions", "/admin/veza_core/usersession/"),
        ("user_sessions", "/admin/veza_core/usersession/"),
        ("streams", "/admin/veza_media/hlsstream/"),
        ("hls str", "/admin/veza_media/hlsstream/"),
        ("failed jobs", "/admin/veza_media/hlstranscodejob/"),
        ("banned", "/admin/veza_core/user/"),
        ("what colleagues", "/admin/veza_site/stafflogentry/"),
    ],
)
def test_a_list_by_its_name(browser: Client, text: str, url: str):
    page = search(browser, text)
    assert any(place.url.partition("?")[0] == url for place in page.context["places"])
    for place in page.context["places"]:
        assert f'href="{html.escape(place.url)}"' in page.text
        assert browser.get(place.url).status_code == 200


def test_the_one_list_opens_when_no_row_has_the_name(browser: Client):
    assert lands(browser, "hls streams") == "/admin/veza_media/hlsstream/"
    baker.make(Track, title="hls streams")
    assert lands(browser, "hls streams") == SEARCH


@pytest.mark.parametrize(
    "text", ["essions", "xyz", "@", "_", "sessions of mars", "bob@example.com"]
)
def test_what_no_list_is_called(browser: Client, text: str):
    assert search(browser, text).context["places"] == []


def test_only_lists_that_one_may_see_are_found():
    client = somebody_with("tracks.read")
    assert search(client, "tracks").context["places"][0].url.endswith("/track/")
    for text in ("sessions", "streams", "banned", "failed jobs"):
        assert search(client, text).context["places"] == [], text


def test_that_costs_no_query(browser: Client):
    url = browser.post(SEARCH, {"q": "zzzzz"}).headers["Location"]
    _, none = captured(browser, url)
    url = browser.post(SEARCH, {"q": "tracks"}).headers["Location"]
    _, some = captured(browser, f"{url}&all=1")
    assert len(some) == len(none)


def test_a_user_by_the_id_at_a_provider(browser: Client, bob: User):
    """Whatever the provider is called, and as it is written; only for who may read that table."""
    theirs = "10769150350006150715113082367"
    identities = [
        baker.make(FederatedIdentity, user=bob, provider=provider, provider_user_id=f"{id_}")
        for provider, id_ in (("google", theirs), ("zitadel", "Ab.9"), ("apple", "Ab.9"))
    ]
    assert lands(browser, theirs) == address(identities[0])
    assert set(found(search(browser, "Ab.9"))["federated_identities"]) == {
        one.pk for one in identities[1:]
    }
    assert "federated_identities" not in found(search(browser, "ab.9"))
    assert "federated_identities" not in found(search(browser, theirs[:20]))
    identities[0].soft_delete()
    assert "federated_identities" not in found(search(browser, theirs))
    assert found(search(somebody_with("users.read"), "Ab.9")) == {}
