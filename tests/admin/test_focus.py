"""The cursor is in the field that the user fills in next; a screen reader reads errors first."""

import re

import pytest
from django.test import Client
from model_bakery import baker

from tests.acting import open_page, take, url
from tests.admin.addresses import list_of
from tests.staff import make_user
from veza_core.models import User
from veza_streaming.models import Playlist

pytestmark = pytest.mark.django_db

CONTROL = re.compile(r'<(?:input|select|textarea)(?![^>]*type="(?:hidden|submit)")[^>]*name=[^>]*>')


def with_focus(page: str) -> list[str]:
    """The elements that ask for the focus; a browser gives it to the first one."""
    return re.findall(r"<[^>]* autofocus[^>]*>", page)


def fields(page: str) -> list[str]:
    return CONTROL.findall(page.partition('id="content-main"')[2])


@pytest.mark.parametrize("action", ["ban", "suspend", "change_email", "grant_role", "note"])
def test_the_first_field(browser: Client, bob: User, action: str) -> None:
    page = browser.get(url(bob, action)).text
    assert with_focus(page) == fields(page)[:1]
    page = browser.get(f"{list_of(User)}export/").text
    assert with_focus(page) == fields(page)[:1]


@pytest.mark.parametrize(
    ("action", "sent", "wrong"),
    [
        ("ban", {"confirm": "x"}, "confirm"),
        ("ban", {"reason": ""}, "reason"),
        ("suspend", {"days": "7", "confirm": ""}, "confirm"),
        ("change_email", {"email": "x"}, "email"),
        ("note", {"text": ""}, "text"),
    ],
)
def test_the_first_error(
    browser: Client, bob: User, action: str, sent: dict[str, str], wrong: str
) -> None:
    page = take(browser, bob, action, **sent).text
    (focused,) = with_focus(page)
    assert f'name="{wrong}"' in focused
    assert 'aria-invalid="true"' in focused
    assert f'aria-describedby="id_{wrong}' in focused
    assert page.index("errornote") < page.index('id="explanation"') < page.index(focused)


def test_the_error_of_the_whole_form(browser: Client, bob: User) -> None:
    seen = open_page(browser, bob, "ban")
    User.objects.filter(pk=bob.pk).update(is_banned=True)
    answer = browser.post(url(bob, "ban"), {"row": seen, "reason": "spam", "confirm": "bob"})
    assert answer.status_code == 409
    (focused,) = with_focus(answer.text)
    assert 'class="errornote"' in focused
    assert 'tabindex="-1"' in focused


def test_not_below_rows_that_must_be_read(browser: Client) -> None:
    """The focus would scroll the page down to the first field."""
    rows = [row.pk for row in baker.make(Playlist, 2, user=make_user("carla"))]
    sent = {"action": "soft_delete", "index": "0", "_selected_action": rows}
    page = browser.post(list_of(Playlist), sent, follow=True).text
    assert fields(page)
    assert with_focus(page) == []
