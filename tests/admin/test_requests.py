"""The answers of a list to query strings, ids and cursors that it has not created."""

import uuid
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from tests.admin.addresses import list_of, page_of, screen_of
from tests.admin.crowd import MODELS
from tests.attack.examples import inputs
from veza_core.models import FederatedIdentity, Role, User, UserSession
from veza_core.screens.listing import LIST_PARAMETERS
from veza_streaming.models import PlaylistTrack, Track, TrackPlay, TrackShare

pytestmark = pytest.mark.django_db

parametrize = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)

#: The examples need no rows, so all of them use one database.
often = inputs(12)

WORDS = [
    "", "0", "1", "-1", "yes", "no", "None", "reversed", "30d", "today", "failed", "\0", "'", "%",
    "2026-03-04", "2026-02-30", "0001-01-01", "9999-12-31", "2026-03-04T05:06:07+00:00",
    "infinity", "9" * 30, "a" * 300, "é" * 100, "\ud83d", "~", "<script>",
    "00000000-0000-4000-8000-000000000000", "0001-01-01T00:00:00+14:00~" + str(uuid.UUID(int=1)),
    "9999-12-31T23:59:59-14:00~" + str(uuid.UUID(int=1)), "1~" + str(uuid.UUID(int=1)),
    "2026-03-04T05:06:07+00:00~" + str(uuid.UUID(int=1)), f"{2**70}~" + str(uuid.UUID(int=1)),
    str(uuid.UUID(int=1)),
]  # fmt: skip
values = st.one_of(st.sampled_from(WORDS), st.text(max_size=20), st.datetimes().map(str))


def names_of(model: Any) -> list[str]:
    screen = screen_of(model).parameters()
    fields = [field.name for field in model._meta.concrete_fields]
    return [
        *screen.keys,
        *(state.name for state in screen.states),
        *LIST_PARAMETERS,
        *fields,
        *(f"{name}__startswith" for name in fields),
        *("q", "p", "o", "e", "all", "_popup", "_to_field", "_facets", "pk__in"),
    ]


@parametrize
def test_no_query_string_breaks_a_list(model: Any, browser: Client) -> None:
    @often
    @given(st.dictionaries(st.sampled_from(names_of(model)), values, max_size=4))
    def check(query: dict[str, str]) -> None:
        query = {name: value.encode("utf-8", "replace").decode() for name, value in query.items()}
        response = browser.get(list_of(model), query)
        assert response.status_code in (200, 400)
        if response.status_code == 400:
            assert "is not valid" in response.content.decode()

    check()


@pytest.mark.parametrize("model", [User, Track, UserSession])
def test_no_id_breaks_a_page(model: Any, browser: Client) -> None:
    @often
    @given(
        st.one_of(st.sampled_from(["x", "1", str(uuid.UUID(int=7)), "%00"]), st.text(min_size=1))
    )
    def check(pk: str) -> None:
        pk = pk.encode("utf-8", "replace").decode().replace("/", "-").replace(".", "-")
        response = browser.get(list_of(model) + pk.replace("?", "-").replace("#", "-") + "/")
        assert response.status_code == 404

    check()


@pytest.mark.parametrize(
    ("model", "lookup"),
    [
        (User, "password"),
        (User, "password__startswith"),
        (User, "password_hash"),
        (User, "email__startswith"),
        (FederatedIdentity, "access_token__contains"),
        (FederatedIdentity, "user__password__startswith"),
        (UserSession, "token_hash"),
        (UserSession, "user__refresh_tokens__token_hash__startswith"),
        (TrackShare, "token_hash__gt"),
        (Track, "user__password__regex"),
        (TrackPlay, "user__password__startswith"),
        (PlaylistTrack, "playlist__user__password__startswith"),
    ],
)
@pytest.mark.parametrize("value", ["", "$2b$"])
def test_secrets_are_not_searched(browser: Client, model: Any, lookup: str, value: str) -> None:
    """Nor anything else that is not a filter of the list: the answer does not depend on the
    value.
    """
    response = browser.get(list_of(model), {lookup: value})
    assert response.status_code == 400
    assert f"no filter “{lookup[:40]}" in response.content.decode()
    assert not screen_of(model).lookup_allowed(lookup, value)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"range": "30d", "since": "2026-01-01"}, "not both"),
        ({"range": "31d"}, "must be one of: today"),
        ({"since": "2026-02-30"}, "must be a date"),
        ({"jump": "1066-10-14"}, "between the years"),
        ({"role": "king"}, "the values are user, premium"),
        ({"after": "nonsense"}, "does not exist"),
        ({"last": "1", "jump": "2026-01-01"}, "only one of"),
    ],
)
def test_mistakes_are_reported(browser: Client, query: dict[str, str], told: str) -> None:
    response = browser.get(list_of(User), query)
    assert response.status_code == 400
    assert told in response.content.decode()


def test_a_value_given_twice(browser: Client) -> None:
    assert browser.get(f"{list_of(User)}?role=user&role=admin").status_code == 400


def test_a_day_to_jump_to_where_names_give_the_order(browser: Client) -> None:
    response = browser.get(list_of(Role), {"jump": "2026-03-04"})
    assert response.status_code == 400
    assert "this list is not sorted by time" in response.content.decode()


def test_nothing_is_changed_by_a_form(browser: Client, staff: User) -> None:
    for page in ("add/", f"{staff.pk}/delete/", f"{staff.pk}/history/", f"{staff.pk}/change/"):
        assert browser.get(list_of(User) + page).status_code == 404
    assert browser.post(page_of(User, staff.pk), {"username": "other"}).status_code == 405
    assert get_user_model().objects.get(pk=staff.pk).username == staff.username
