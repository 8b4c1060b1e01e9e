"""A search opens the row that is meant, however its name was copied."""

import hashlib
import html
import re
import secrets
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from model_bakery import baker

from tests.admin.addresses import list_of
from tests.admin.plans import captured, nodes, plan_of
from tests.admin.searching import SEARCH, found, search, text_of
from tests.admin.test_search_page import somebody_with
from tests.staff import make_user, signed_in
from veza_core.models import (
    FederatedIdentity,
    Permission,
    RefreshToken,
    Role,
    RolePermission,
    User,
    UserRoleAssignment,
    UserSession,
)
from veza_core.screens.search.term import read, without_wrapping
from veza_streaming.models import Track, TrackComment, TrackShare

pytestmark = pytest.mark.django_db


def lands(client: Client, text: str) -> str:
    """The URL of the page that a search opens."""
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
     "Bob <\u2068bob@example.com\u2069>", "@bob", "@bob!", "(@bob)", "BOB", "Bob's", "@Bob’s",
     "bob@example.com's", "BOB-SLUG", "#{short}", "#{short}:"],
)  # fmt: skip
def test_a_user_id_in_any_spelling(browser: Client, bob: User, text: str):
    baker.make(FederatedIdentity, user=bob, email="bob@example.com", provider="google")
    make_user("bobby")
    User.objects.filter(pk=bob.pk).update(slug="bob-slug")
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
def test_an_address_as_logs_write_it(text: str, address: str | None):
    assert read(text).address == address


@pytest.mark.parametrize("text", ["“Blue Train”", '"Blue Train"', "«Blue Train»"])
def test_a_title_in_quotes(browser: Client, text: str):
    track, quoted = baker.make(Track, title="Blue Train"), baker.make(Track, title="“Blue Train”")
    assert set(found(search(browser, text))["tracks"]) == {track.pk, quoted.pk}


@pytest.mark.parametrize("text", ["@", "@@", '""', "…", "a: b", "Re: Home", "x=1"])
def test_text_that_is_not_a_label_stays(text: str):
    assert without_wrapping(text) == text


@pytest.mark.parametrize(
    "address",
    ["/admin/veza_core/user/?is_banned=yes", "/admin/sessions/", "/admin/",
     "/admin/veza_streaming/track/export/?status=failed"],
)  # fmt: skip
def test_the_address_of_a_page_without_a_row(browser: Client, address: str, settings: Any):
    settings.ALLOWED_HOSTS = ["support.example", "testserver"]
    for text in (address, f"https://support.example{address}", f"<http://testserver{address}>"):
        opened = browser.post(SEARCH, {"q": text}, follow=True).request
        query = opened["QUERY_STRING"]
        assert opened["PATH_INFO"] + (f"?{query}" if query else "") == address
    for text in (f"https://other.example{address}", f"x{address}"):
        assert lands(browser, text) == SEARCH


def test_not_the_address_of_a_page_that_one_may_not_open(support: Client):
    for address in ("/admin/veza_streaming/track/export/", "/admin/veza_site/note/export/"):
        assert lands(support, address) == SEARCH


@pytest.mark.parametrize("text", ["@example.com", "*@example.com", "*@Example.com,"])
def test_a_domain(text: str):
    assert read(text).domain == "example.com"


def test_several_are_a_list(browser: Client, bob: User):
    """Two rows whose IDs begin with the same digits, or whose titles are equal or begin so."""
    other = baker.make(Track, id=f"{str(bob.pk)[:8]}-0000-4000-8000-000000000001", title="Home")
    assert lands(browser, str(bob.pk)[:8]) == SEARCH
    assert found(search(browser, str(bob.pk)[:8])) == {"users": [bob.pk], "tracks": [other.pk]}
    assert lands(browser, "Home") == address(other)
    longer = baker.make(Track, title="Home again")
    assert lands(browser, "Home") == SEARCH
    assert lands(browser, "Home ag") == SEARCH, "a part alone is a guess"
    Track.objects.filter(pk=longer.pk).update(title="Home")
    assert lands(browser, "Home") == SEARCH


def test_an_address_with_one_session_opens_it(browser: Client):
    """The session's page has a link to all accounts that were seen at the address."""
    session, other = baker.make(UserSession, ip_address="192.0.2.7"), baker.make(UserSession)
    assert lands(browser, "192.0.2.7") == address(session)
    UserSession.objects.filter(pk=other.pk).update(ip_address="192.0.2.7")
    assert lands(browser, "192.0.2.7") == SEARCH
    page = text_of(browser.post(SEARCH, {"q": "192.0.2.7"}, follow=True))
    assert (
        f'href="{list_of(User, address="192.0.2.7")}">Users: seen at IP address 192.0.2.7' in page
    )


def test_an_address_that_no_session_has_leads_to_accounts(browser: Client, bob: User):
    """Accounts that only played there, for users who may read all tables of the search."""
    session = {"user": bob, "ip_address": "192.0.2.7"}
    baker.make(RefreshToken, **session, expires_at=timezone.now() + timedelta(days=1))
    response = browser.post(SEARCH, {"q": "192.0.2.7:443"}, follow=True)
    assert response.request["PATH_INFO"] == list_of(User)
    assert [row.pk for row in response.context["cl"].result_list] == [bob.pk]
    role = baker.make(Role)
    names = ("admin.access", "users.read", "user_sessions.read")
    for permission in Permission.objects.filter(name__in=names):
        baker.make(RolePermission, role=role, permission=permission)
    reader = make_user("reader")
    baker.make(UserRoleAssignment, user=reader, role=role, expires_at=None)
    assert lands(signed_in(reader), "192.0.2.7") == SEARCH


def test_all_results_are_one_click_away(browser: Client, bob: User):
    bobby = make_user("bobby")
    page = browser.post(SEARCH, {"q": "bob"}, follow=True).content.decode()
    assert "See all that was found" in page
    assert found(search(browser, "bob"))["users"] == [bob.pk, bobby.pk]


def test_a_token_as_its_owner_sees_it(browser: Client):
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
    form = {"filters": "1", "user": asked}
    page = browser.post("/admin/veza_streaming/trackcomment/", form, follow=True).content.decode()
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
    ("text", "url"),
    [
        ("Sessions", "/admin/veza_core/usersession/"),
        ("plays", "/admin/veza_streaming/trackplay/"),
        ("Plays this week", "/admin/veza_streaming/trackplay/?range=7d"),
        ("tracks", "/admin/veza_streaming/track/"),
    ],
)
def test_the_list_of_the_whole_name_opens(browser: Client, text: str, url: str):
    """As the box suggests it, even if other lists begin with the name, or rows contain it."""
    baker.make(Track, title=f"All {text} of mine")
    response = browser.post(SEARCH, {"q": text}, follow=True)
    assert response.redirect_chain[-1][0] == url
    (every,) = re.findall(r'<a href="([^"]+)">See all that was found</a>', text_of(response))
    assert f"All {text} of mine" in browser.get(html.unescape(every)).content.decode()


def test_a_view_outside_the_menu_does_not_match_by_name(browser: Client):
    assert lands(browser, "failed") == SEARCH


@pytest.mark.parametrize(
    "text", ["essions", "xyz", "@", "_", "sessions of mars", "bob@example.com"]
)
def test_a_name_that_no_list_has(browser: Client, text: str):
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
    """With any provider, and exactly as typed; only for users who may read that table."""
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
