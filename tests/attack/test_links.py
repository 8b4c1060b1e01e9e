"""Links in text of staff lead where they seem to lead, and the text contains nothing else."""

from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.urls import get_resolver
from model_bakery import baker

from tests.acting import take
from tests.attack.payloads import KINDS, SHAPES
from tests.attack.people import make, sign_in
from veza_core.access import Access, StaffRequest
from veza_core.models import User, UserRole
from veza_core.screens.links import linked
from veza_site.models import Note, StaffLogEntry
from veza_streaming.models import Track

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
HOSTILE = [text for texts in (KINDS | SHAPES).values() for text in texts] + [
    "https://x.example/\"onmouseover='hit()'", "https://x.example/'><svg onload=hit()>",
    "https://javascript:hit()", "javascript://x.example/%0ahit()", "data:text/html,<script>",
    "https://x.example/&quot;onclick=hit()&#34;", "https://x.example\\@evil.example/",
    "https://admin.example@evil.example/", "https://evil.example\u202e/nimda/",
    "https://xn--/..//", "https://[::1", "https://x:99999/", "https:///admin/", "//evil.example/",
    "/admin/\"onclick=hit()", "/admin//evil.example", "/\\evil.example", "https://аdmin.example/",
]  # fmt: skip


#: The request of a user who may open all pages.
EVERYTHING = StaffRequest()
EVERYTHING.access = Access(AnonymousUser(), is_super=True)


@pytest.fixture(autouse=True, scope="module")
def addresses() -> None:
    assert get_resolver().url_patterns


class Read(HTMLParser):
    """Reads the text as a browser would."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[dict[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        allowed = {"a": {"href", "rel"}, "bdi": set(), "span": {"class", "title"}}
        assert {name for name, _ in attrs} <= allowed[tag], (tag, attrs)
        if tag == "a":
            self.links.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("around", ["{}", "https://x.example/{}", "/admin/{}", f"{ID} {{}}"])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text(around: str, hostile: str) -> None:
    said = around.replace("{}", hostile, 1)
    read = Read(linked(said, EVERYTHING))
    if said.isascii() and said.isprintable() and said.strip() == said:
        assert read.text == said
    for link in read.links:
        href = link["href"] or ""
        if link.get("rel"):
            assert href.isascii()
            if href.startswith("mailto:"):
                assert href[len("mailto:") :] in said
                continue
            assert link["rel"] == "noopener noreferrer nofollow"
            assert href.startswith(("https://", "http://"))
            assert href in said
            assert "@" not in href.split("/")[2]
        else:
            assert href.startswith("/admin/")


@pytest.mark.parametrize(
    ("said", "links"),
    [
        ("see https://x.example/a?b=1&c=2#d.", ["https://x.example/a?b=1&c=2#d"]),
        ("(HTTP://x.example:8080/)", ["HTTP://x.example:8080/"]),
        ("/admin/veza_core/user/, then", ["/admin/veza_core/user/"]),
        (f"as {ID}: so", [f"/admin/id/{ID}/"]),
        (f"as {ID.upper()}", [f"/admin/id/{ID}/"]),
        (f"https://testserver/admin/veza_core/user/{ID}/?a=1 new",
         [f"/admin/veza_core/user/{ID}/?a=1"]),
        (f"https://other.example/admin/veza_core/user/{ID}/",
         [f"https://other.example/admin/veza_core/user/{ID}/"]),
        ("two https://a.example https://b.example", ["https://a.example", "https://b.example"]),
        ("and/or /etc/passwd a/admin/b x-admin 1/2", []),
        ("https://x.example/cut…", []),
        (f"x{ID} {ID}-1 {ID}f", []),
        ("mailto:a@example.com ftp://x.example javascript:hit()", ["mailto:a@example.com"]),
        ("Lena <lena.o+x@mail.example.com>, then.", ["mailto:lena.o+x@mail.example.com"]),
        ("a@b a@b.c @b.example.com a@example.com1 a@example.com/x b@example.com-", []),
        ("\u0430dmin@example.com admin@ex\u0430mple.com a@example.com\u0430", []),
        ("x@y.example?bcc=all@example.com", ["mailto:x@y.example"]),
        ("from 203.0.113.7:8080, and 2001:db8::1.",
         ["/admin/veza_core/user/?address=203.0.113.7",
          "/admin/veza_core/user/?address=2001%3Adb8%3A%3A1"]),
        ("v1.2.3.4.5 203.0.113.0/24 256.1.1.1 12:30:15 std::end 1.2.3.4e", []),
        (f"abc:{ID}", [f"/admin/id/{ID}/"]),
    ],
)  # fmt: skip
def test_what_is_a_link(said: str, links: list[str], settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["testserver", "*"]
    read = Read(linked(said, EVERYTHING))
    assert [link["href"] for link in read.links] == links
    assert read.text == said


@pytest.fixture
def chief(db: None) -> Client:
    return sign_in(baker.make(User, username="chief", role=UserRole.SUPER_ADMIN))


def test_on_pages(chief: Client) -> None:
    dora = baker.make(User, username="dora", email="dora@example.com", is_banned=False)
    take(chief, dora, "note", text="see https://x.example/a")
    take(chief, dora, "ban", reason="see https://x.example/b", confirm="dora")
    note, entry = Note.objects.get(), StaffLogEntry.objects.get(action="users.ban")
    end = '" rel="noopener noreferrer nofollow">https://x.example/'
    user = chief.get(f"/admin/veza_core/user/{dora.pk}/").content.decode()
    assert user.count(f'<a href="https://x.example/a{end}a</a>') == 1
    # Why the account is locked out, on the timeline, and in the panel of staff actions.
    assert user.count(f'<a href="https://x.example/b{end}b</a>') == 3
    for name, row in (("note", note), ("stafflogentry", entry)):
        page = chief.get(f"/admin/veza_site/{name}/{row.pk}/").content.decode()
        assert page.count(end) == 1


def test_an_id_leads_to_its_row(chief: Client, db: None) -> None:
    track = baker.make(Track)
    answer = chief.get(f"/admin/id/{track.pk}/")
    assert answer["Location"] == f"/admin/veza_streaming/track/{track.pk}/"
    assert chief.get(f"/admin/id/{ID}/").status_code == 404


def test_an_id_of_a_table_that_one_may_not_read(chief: Client) -> None:
    track = baker.make(Track)
    assert sign_in(make("bare")).get(f"/admin/id/{track.pk}/").status_code == 404
