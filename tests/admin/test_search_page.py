"""The search page: permissions, log entries, and invalid terms."""

import json
import re
import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from model_bakery import baker

from tests.admin.searching import MODELS, SEARCH, found, search, text_of
from tests.counts import TABLES
from tests.staff import make_staff, make_user, signed_in
from veza_core.models import Permission, Role, RolePermission, User, UserRoleAssignment, UserSession
from veza_core.secret_columns import SECRET_COLUMNS
from veza_site.models import StaffLogEntry
from veza_streaming.models import Playlist, Track

pytestmark = pytest.mark.django_db


def somebody_with(*names: str) -> Client:
    """Staff whose only role has these permissions, and `admin.access`."""
    role = baker.make(Role, name="narrow")
    for name in ("admin.access", *names):
        baker.make(RolePermission, role=role, permission=Permission.objects.get(name=name))
    user = make_user("narrow")
    baker.make(UserRoleAssignment, user=user, role=role)
    return signed_in(user)


class TestAccess:
    @pytest.mark.parametrize("method", ["get", "post"])
    def test_anonymous_and_users_without_rights_are_sent_to_sign_in(self, method: str) -> None:
        for client in (Client(), signed_in(make_user("outsider"))):
            response = getattr(client, method)(SEARCH, {"q": "x"} if method == "post" else {})
            assert response.status_code == 302
            assert response.headers["Location"].startswith("/admin/login/")

    def test_only_tables_that_one_may_read_are_found_or_even_asked(self) -> None:
        track = baker.make(Track, title="Hidden")
        playlist = baker.make(Playlist, title="Hidden", id=track.pk)
        client = somebody_with("playlists.read")
        for text in ("hidden", str(track.pk)):
            with CaptureQueriesContext(connection) as queries:
                response = search(client, text)
            assert found(response) == {"playlists": [playlist.pk]}
            asked = [query["sql"] for query in queries if '"tracks"' in query["sql"]]
            assert asked == []

    def test_without_any_table(self) -> None:
        track = baker.make(Track)
        assert found(search(somebody_with(), str(track.pk))) == {}

    def test_every_role_may_search(self) -> None:
        track = baker.make(Track)
        for role in ("support", "moderator", "admin"):
            client = signed_in(make_staff(role, username=f"a_{role}"))
            assert found(search(client, str(track.pk))) == {"tracks": [track.pk]}

    def test_a_post_needs_its_csrf_token(self, staff: User) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(staff)
        assert client.post(SEARCH, {"q": "x"}).status_code == 403


class TestPrivacy:
    TERM = "anna@example.com"

    def test_the_address_and_the_title_do_not_have_it(self, browser: Client) -> None:
        response = browser.post(SEARCH, {"q": self.TERM})
        assert response.status_code == 302
        assert re.fullmatch(r"/admin/search/\?s=[\w-]{12}", response.headers["Location"])
        page = browser.get(response.headers["Location"])
        title = text_of(page).partition("<title>")[2].partition("</title>")[0]
        assert "Nothing found" in title
        assert self.TERM not in title

    def test_a_text_in_the_address_is_refused(self, browser: Client) -> None:
        response = browser.get(SEARCH, {"q": self.TERM})
        assert response.status_code == 400
        assert self.TERM not in text_of(response)

    def test_the_staff_log_has_kinds_and_counts_only(self, browser: Client) -> None:
        baker.make(User, username="anna", email=self.TERM)
        baker.make(User, username="joanna", email=f"{self.TERM}x")
        search(browser, self.TERM)
        (entry,) = StaffLogEntry.objects.filter(action="search")
        assert entry.after == {"found": {"users": "2"}}
        values = [getattr(entry, field.attname) for field in StaffLogEntry._meta.concrete_fields]
        assert self.TERM not in json.dumps(values, default=str)

    def test_nothing_is_logged_without_a_search(self, browser: Client) -> None:
        assert browser.get(SEARCH).status_code == 200
        assert not StaffLogEntry.objects.filter(action="search").exists()

    def test_going_back_works_for_oneself_only_and_for_the_latest(self, browser: Client) -> None:
        first = browser.post(SEARCH, {"q": "first"}).headers["Location"]
        assert browser.get(first).status_code == 200
        assert browser.get(first).context["term"].text == "first"
        other = signed_in(make_staff("admin"))
        assert other.get(first).status_code == 404
        for number in range(20):
            browser.post(SEARCH, {"q": f"later {number}"})
        forgotten = browser.get(first)
        assert forgotten.status_code == 404
        assert "Search again" in text_of(forgotten)

    def test_secrets_are_never_selected(self, browser: Client) -> None:
        secret = "c0ffee0123456789abcdef"
        baker.make(UserSession, token_hash=secret)
        make_user("coffee")
        names = {name for names in SECRET_COLUMNS.values() for name in names}
        for text, allowed in ((secret, ["token_hash"]), ("coffee", [])):
            with CaptureQueriesContext(connection) as queries:
                search(browser, text)
            for query in (query["sql"] for query in queries):
                assert {name for name in names if f'"{name}"' in query} <= set(allowed), query
                # Only compared as a whole, in WHERE.
                assert '"token_hash"' not in re.sub(r'WHERE \(?"\w+"\."token_hash" = ', "", query)


@pytest.mark.parametrize(
    "text",
    ["", "   ", "\u200b", "a" * 256, "nul\0", "bell\x07", "\x1b[31m", "\ud7ff\uffff", "𐀀" * 256],
    ids=ascii,
)
def test_an_invalid_search_term_gets_a_page_that_helps(text: str, browser: Client) -> None:
    response = browser.post(SEARCH, {"q": text})
    assert response.status_code == 400
    assert "This cannot be searched for" in text_of(response)
    assert 'role="search"' in text_of(response)


@pytest.mark.parametrize(
    "body", [b"", b"q", b"q=%ff%fe", b"q=%ed%a0%80", b"x=1", b"q=%00"], ids=ascii
)
def test_malformed_posts(body: bytes, browser: Client) -> None:
    response = browser.post(SEARCH, body, content_type="application/x-www-form-urlencoded")
    assert response.status_code in (302, 400)


@pytest.mark.parametrize(
    "text",
    [
        "𝒽𝑒𝓁𝓁𝑜", "👩‍👩‍👧", "مرحبا بالعالم", "a" * 255, "%" * 255, "' OR 1=1 --", "{}", "\\",
        "fe80::1%eth0", "999.1.1.1", "::", "0.0.0.1", "1.2.3.4/24", "urn:uuid:", "-" * 36, "\ufffd",
        "0" * 32, "{{ 7*7 }}", "<script>alert(1)</script>", "ßßß", "a\tb\nc",
    ],
    ids=ascii,
)  # fmt: skip
def test_odd_terms_get_a_page(text: str, browser: Client) -> None:
    baker.make(Track, title=text[:255])
    response = search(browser, text)
    assert response.status_code == 200
    assert "<script>alert" not in text_of(response)


@pytest.mark.parametrize("query", ["s=", "s=x", "s=%00", "s=a&s=b", "p=1", "s=x&q=1"])
def test_malformed_addresses(query: str, browser: Client) -> None:
    assert browser.get(f"{SEARCH}?{query}").status_code in (400, 404)


def test_other_methods(browser: Client) -> None:
    assert browser.delete(SEARCH).status_code == 405


def test_the_box_is_on_every_page(browser: Client, staff: User) -> None:
    pages = [reverse("admin:index"), SEARCH, reverse("admin:veza_core_user_changelist"),
             reverse("admin:veza_core_user_change", args=[staff.pk])]  # fmt: skip
    for address in pages:
        page = text_of(browser.get(address))
        assert re.search(r'<form id="search" role="search" method="post"', page), address
        assert '<label for="search-box"' in page
        assert "veza/search.js" in page
    assert 'id="search-box"' not in text_of(Client().get("/admin/login/"))


def test_results_are_announced_and_nothing_is_inline(browser: Client) -> None:
    baker.make(Track, title="Announced")
    page = text_of(search(browser, "announced"))
    assert re.search(r'<p role="status">\s*<a href="#found-tracks">1 track</a>', page)
    assert '<th scope="col">Title</th><th scope="col">Artist</th>' in page
    assert not re.search(r"""\s(style|on\w+)=["']""", page)
    assert not re.search(r"<script(?![^>]*\ssrc=)", page)


def test_at_most_15_queries(browser: Client) -> None:
    """For any results. Statements that begin or end transactions and savepoints are not counted."""
    counts = []
    for quantity in (1, 30):
        baker.make(Track, title="many words", artist="many words", _quantity=quantity)
        baker.make(Playlist, title="many words", _quantity=quantity)
        baker.make(User, username=lambda: f"many_words_{uuid.uuid4().hex[:8]}", _quantity=quantity)
        address = browser.post(SEARCH, {"q": "many"}).headers["Location"]
        with CaptureQueriesContext(connection) as queries:
            page = browser.get(address)
        assert len(found(page)) == 3
        counts.append(len([query for query in queries if "SAVEPOINT" not in query["sql"]]))
    assert counts[0] == counts[1]
    assert counts[0] <= 15, counts


def test_an_id_costs_the_same_for_all_tables(browser: Client) -> None:
    assert len(MODELS) == TABLES
    with CaptureQueriesContext(connection) as queries:
        search(browser, str(uuid.uuid4()))
    (asked,) = [query["sql"] for query in queries if "UNION ALL" in query["sql"]]
    tables = set(re.findall(r'FROM "(\w+)" WHERE "\1"\."id" = ', asked))
    assert tables == {model._meta.db_table for model in MODELS}
