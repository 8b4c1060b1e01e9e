"""Accounts of one e-mail domain, and accounts seen at one address, as lists with actions."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from model_bakery import baker

from tests.admin.addresses import list_of, page_of
from tests.admin.searching import text_of
from tests.admin.test_actions import staff_with
from tests.staff import grant, make_user, signed_in
from veza_core.admin import related
from veza_core.models import Permission, RefreshToken, Role, RolePermission, User, UserSession
from veza_core.screens.display import address as address_code
from veza_streaming.models import TrackPlay

pytestmark = pytest.mark.django_db


def listed(response):
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]


def rows_of(browser: Client, user: User) -> list[list[str]]:
    """The lines of the page of related accounts."""
    panel = text_of(browser.get(f"{page_of(User, user.pk)}related/"))
    return [
        [re.sub("<[^>]+>", "", cell) for cell in row.split("</td><td>")]
        for row in re.findall("<tr><td>(.*?)</td></tr>", panel)
    ]


def test_accounts_of_a_domain(browser: Client) -> None:
    now = timezone.now()
    users = [baker.make(User, email=f"{n}@mail.example.org") for n in range(3)]
    for age, user in enumerate(users):
        User.objects.filter(pk=user.pk).update(created_at=now - timedelta(age + 1))
    baker.make(User, email="n@mail.example.org.other")
    for typed in ("mail.example.org", " @Mail.Example.ORG "):
        response = browser.get(list_of(User, domain=typed))
        assert listed(response) == [user.pk for user in users]
        assert response.context["cl"].chooses
    assert "mail.example.org" in text_of(response)
    later = browser.get(list_of(User, domain="mail.example.org", order="reversed"))
    assert listed(later) == [user.pk for user in reversed(users)]


def test_accounts_seen_at_an_address(browser: Client) -> None:
    seen, twice, other, deleted = baker.make(User, _quantity=4)
    User.objects.filter(pk=deleted.pk).update(deleted_at=timezone.now())
    for user, address in (
        (seen, "192.0.2.77"),
        (twice, "192.0.2.77"),
        (twice, "192.0.2.77"),
        (deleted, "192.0.2.77"),
        (other, "192.0.2.78"),
    ):
        session = baker.make(UserSession, user=user, ip_address=address)
    page = browser.get(list_of(User, address="192.0.2.77"))
    assert set(listed(page)) == {seen.pk, twice.pk, deleted.pk}
    assert listed(browser.get(list_of(User, address="192.0.2.77", deleted="yes"))) == [deleted.pk]
    assert listed(browser.get(list_of(User, address="192.0.2.99"))) == []
    # From the session's page.
    response = browser.get(page_of(UserSession, session.pk))
    assert f'href="{list_of(User, address="192.0.2.78")}"' in response.content.decode()
    assert listed(browser.get(list_of(User, address="192.0.2.78"))) == [other.pk]


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
def test_an_address_is_a_link_everywhere(browser: Client, address: str) -> None:
    """In lists, pages, panels, timelines and search results, for users who may see it."""
    bob = make_user("bob")
    session = baker.make(UserSession, user=bob, ip_address=address)
    play = baker.make(TrackPlay, user=bob, ip_address=address)
    token = baker.make(RefreshToken, user=bob, ip_address=address)
    shown = address_code(address)
    way = f'<a href="{list_of(User, address=address)}" title="Accounts seen there">{shown}'
    for row in (session, play, token):
        for url in (list_of(type(row)), page_of(type(row), row.pk)):
            assert way in browser.get(url).content.decode(), url
    user = browser.get(page_of(User, bob.pk)).content.decode()
    for part in (user.partition('class="timeline"')[2], user.partition(">Sessions</h2>")[2]):
        assert way in part
    assert listed(browser.get(list_of(User, address=address))) == [bob.pk]
    reader = staff_with("users.read", "user_sessions.read")
    page = reader.get(list_of(UserSession)).content.decode()
    assert shown in page
    assert "Accounts seen there" not in page


def test_accounts_seen_where_an_account_was(browser: Client) -> None:
    dora, twice, once, banned, other = (
        make_user(name) for name in ("dora", "twice", "once", "gone", "other")
    )
    User.objects.filter(pk=banned.pk).update(is_banned=True)
    for user, address in (
        (dora, "192.0.2.1"), (dora, "192.0.2.2"), (dora, None), (twice, "192.0.2.1"),
        (twice, "192.0.2.2"), (twice, "192.0.2.2"), (once, "192.0.2.2"), (banned, "192.0.2.1"),
        (other, "192.0.2.3"), (other, None),
    ):  # fmt: skip
        # A client that sends nothing is not a device that two accounts share.
        device = {dora: "iPhone 15", once: "iPhone 15", banned: "iPhone 14"}.get(user)
        baker.make(UserSession, user=user, ip_address=address, device_info=device)
    baker.make(TrackPlay, user=dora, ip_address="192.0.2.9")
    baker.make(RefreshToken, user=twice, ip_address="192.0.2.9")
    for address in ("192.0.2.9", "192.0.2.3", None):
        baker.make(TrackPlay, user=twice, ip_address=address)
    assert f'href="{page_of(User, dora.pk)}related/"' in text_of(
        browser.get(page_of(User, dora.pk))
    )
    panel = text_of(browser.get(f"{page_of(User, dora.pk)}related/"))
    rows = rows_of(browser, dora)
    # At the third address dora only listened; there twice used a token, and listened once.
    assert rows[0][:7] == ["twice", "Active Unverified", "3", "3", "0", "1", "1"]
    assert [(row[0], row[4]) for row in rows[1:]] == [("once", "1"), ("gone", "0")]
    assert {row[0]: row[1] for row in rows[1:]} == {
        "once": "Active Unverified", "gone": "Banned Unverified",
    }  # fmt: skip
    assert f'href="{list_of(User, seen_with=dora.pk)}"' in panel
    for typed in (dora.pk, "Dora", "dora@example.com"):
        form = {"filters": "1", "seen_with": typed}
        response = browser.post(list_of(User), form, follow=True)
        assert set(listed(response)) == {twice.pk, once.pk, banned.pk}
        assert response.context["cl"].chooses
    assert listed(browser.get(list_of(User, seen_with=baker.make(User).pk))) == []
    # Where twice only listened.
    assert [row[0] for row in rows_of(browser, other)] == ["twice"]
    alone = make_user("alone")
    baker.make(UserSession, user=alone, ip_address="192.0.2.99")
    assert "No other account" in text_of(browser.get(f"{page_of(User, alone.pk)}related/"))


def test_an_account_that_listened_where_another_signs_in(browser: Client) -> None:
    """The account has no session at that address."""
    dora, other = make_user("dora"), make_user("other")
    baker.make(TrackPlay, user=dora, ip_address="192.0.2.9")
    baker.make(UserSession, user=other, ip_address="192.0.2.9")
    assert listed(browser.get(list_of(User, seen_with=dora.pk))) == [other.pk]
    assert "other</a>" in text_of(browser.get(f"{page_of(User, dora.pk)}related/"))


def test_who_never_signed_in_there_but_was_there_lately(browser: Client) -> None:
    dora, *others = (make_user(name) for name in ("dora", "listener", "holder", "elsewhere"))
    listener, holder, elsewhere = others
    baker.make(UserSession, user=dora, ip_address="192.0.2.9")
    play = baker.make(TrackPlay, user=listener, ip_address="192.0.2.9")
    token = baker.make(RefreshToken, user=holder, ip_address="192.0.2.9")
    baker.make(TrackPlay, user=elsewhere, ip_address="192.0.2.10")
    baker.make(TrackPlay, user=None, ip_address="192.0.2.9")
    at_address = list_of(User, address="192.0.2.9")
    response = browser.get(at_address)
    assert set(listed(response)) == {dora.pk, listener.pk, holder.pk}
    assert "one of the newest 5,000" in text_of(response)
    assert set(listed(browser.get(list_of(User, seen_with=dora.pk)))) == {listener.pk, holder.pk}
    rows = rows_of(browser, dora)
    assert {row[0]: row[2:7] for row in rows} == {
        "listener": ["1", "0", "0", "0", "1"], "holder": ["1", "0", "0", "1", "0"],
    }  # fmt: skip
    for row in (play, token):
        assert f'href="{at_address}"' in browser.get(page_of(type(row), row.pk)).content.decode()


def test_only_the_newest_are_looked_through(browser: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(related, "NEWEST_SEARCHED", 2)
    early, late = make_user("early"), make_user("late")
    for days, user in ((3, early), (2, late), (1, None)):
        play = baker.make(TrackPlay, user=user, ip_address="192.0.2.9")
        TrackPlay.objects.filter(pk=play.pk).update(created_at=timezone.now() - timedelta(days))
    assert listed(browser.get(list_of(User, address="192.0.2.9"))) == [late.pk]


def test_facts_from_sessions_are_shown_only_to_who_may_read_them(browser: Client) -> None:
    session = baker.make(UserSession, ip_address="192.0.2.77")
    role = baker.make(Role, name="visitor")
    visitor = make_user("visitor")
    grant(visitor, "visitor")
    client = signed_in(visitor)
    address, link = list_of(User, address="192.0.2.77"), "Accounts seen at"

    def hold(*names: str) -> None:
        RolePermission.objects.filter(role=role).delete()
        for name in ("admin.access", *names):
            baker.make(RolePermission, role=role, permission=Permission.objects.get(name=name))

    hold("users.read")
    baker.make(UserSession, ip_address="192.0.2.77")
    page = page_of(User, session.user_id)
    assert "Accounts at the same" not in text_of(client.get(page))
    assert client.get(f"{page}related/").status_code == 403
    assert client.get(list_of(User, seen_with=session.user_id)).status_code == 400
    assert client.get(address).status_code == 400
    assert "Seen at IP" not in text_of(client.get(list_of(User)))
    hold("user_sessions.read")
    assert link not in text_of(client.get(page_of(UserSession, session.pk)))
    hold("users.read", "user_sessions.read")
    assert "Accounts at the same" not in text_of(client.get(page))
    assert client.get(f"{page}related/").status_code == 403
    hold("users.read", "user_sessions.read", "refresh_tokens.read", "track_plays.read")
    assert "Accounts at the same" in text_of(client.get(page))
    assert client.get(f"{page}related/").status_code == 200
    assert len(listed(client.get(address))) == 2
    assert link in text_of(client.get(page_of(UserSession, session.pk)))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("domain", "no domain", "is not a domain"),
        ("domain", "anna@example.com", "is not a domain"),
        ("address", "300.1.1.1", "is not an IP address"),
        ("address", "example.com", "is not an IP address"),
        ("address", "   ", "empty"),
        ("seen_with", "nobody", "There is no user"),
    ],
)
def test_any_other_value_is_refused(browser: Client, name: str, value: str, told: str) -> None:
    response = browser.get(list_of(User, **{name: value}))
    assert response.status_code == 400
    assert told in text_of(response)
