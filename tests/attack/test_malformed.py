"""The site answers any request with a page that helps, never with an internal error.

The tests' client raises the errors of views, so no error is hidden behind a page for 500.
"""

from time import thread_time
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from django.contrib import admin
from django.db import connection, transaction
from django.test import Client
from hypothesis import example, given
from hypothesis import strategies as st
from model_bakery import baker

from tests.attack.addresses import MODELS, actions_of, address_of
from tests.attack.examples import inputs
from veza_core.models import User
from veza_core.screens.legible import name_html
from veza_core.screens.listing import LIST_PARAMETERS
from veza_site.requests import LARGEST, REFUSED_STATUS, checked, is_refused

PATIENT = inputs(100)

#: Values that break parsers.
ODD = st.sampled_from([
    "", " ", "0", "-1", "1e999", "NaN", "999999999999999999999", "null", "None", "true", "[]", "{}",
    "\0", "\ud800", "%00", "%", "%zz", "'", '"', "\\", "../..", "٣", "0001-01-01",
    "2026-03-04T05:06:07+99:99",
    "2026-03-\uff10\uff14", "9999-12-31", "2026-02-30", "infinity", "~",
    "00000000-0000-0000-0000-000000000000", "{00000000-0000-0000-0000-000000000000}", "urn:uuid:x",
    "2026-03-04T05:06:07+00:00~00000000-0000-0000-0000-000000000000", "x" * 300, "x" * 9000,
])  # fmt: skip
VALUES = ODD | st.text(max_size=40)
#: Names that are unknown to all lists.
NAMES = st.sampled_from([
    "row", "next", "s", "q", "p", "o", "e", "all", "_facets", "_popup", "_to_field", "id", "id__in",
    "user__password__startswith",
])  # fmt: skip
QUERIES = st.lists(st.tuples(NAMES | st.text(max_size=10), VALUES), max_size=4)
MODEL = st.sampled_from(MODELS)
#: The text of a page that helps: where to go next.
HELPS = "The start page"


def ask(client: Client, path: str, data: Any = None, *, post: bool = False) -> Any:
    """An answer without a traceback and without a failed transaction."""
    text = [(name.encode(errors="replace").decode(), value.encode(errors="replace").decode())
            for name, value in data or ()]  # fmt: skip
    body: dict[str, list[str]] = {}
    for name, value in text:
        body.setdefault(name, []).append(value)
    with transaction.atomic():
        answer = client.post(path, body) if post else client.get(path, body)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    assert answer.status_code in (200, 302, 400, 403, 404, 405, 409), (path, answer.status_code)
    if answer.status_code in (400, 404) and hasattr(answer, "text"):
        assert HELPS in answer.text or "Go to the start page" in answer.text
    return answer


@pytest.fixture
def user(super_admin: Client) -> User:
    """A row that is in some of the URLs."""
    user: User = baker.make(User, username="somebody")
    return user


def known_names(model: Any) -> list[str]:
    """The names that a list accepts."""
    screen: Any = admin.site._registry[model]
    asked = screen.parameters()
    return sorted({*asked.keys, *(state.name for state in asked.states), *LIST_PARAMETERS})


@PATIENT
@given(data=st.data(), page=st.sampled_from(("changelist", "export")), others=QUERIES)
def test_query_strings(super_admin: Client, data: Any, page: str, others: Any) -> None:
    """A known name with an odd value, alone and then with others."""
    model = data.draw(MODEL)
    pair = (data.draw(st.sampled_from(known_names(model))), data.draw(VALUES))
    ask(super_admin, address_of(model, page), [pair])
    ask(super_admin, address_of(model, page), [pair, *others])
    ask(super_admin, address_of(model, page), [pair, *others], post=True)


#: Times as a cursor has them: PostgreSQL refuses an offset of 16 hours or more, Python of 24.
OFFSETS = ("+16:00", "-16:00", "+15:59", "+23:59:59", "-23:59:59", "+24:00", "+00:00:01", "")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_cursors(super_admin: Client, model: Any) -> None:
    row = "1" if model.__name__ in ("StaffLogEntry", "Note") else str(UUID(int=1))
    for time in ("2026-03-04T05:06:07", "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999"):
        for offset in OFFSETS:
            ask(super_admin, address_of(model, "changelist"), [("after", f"{time}{offset}~{row}")])
    for value in ("", "null", "a\0b", "9" * 30, "-" + "9" * 30, "١", "1e3", "NaN", "infinity"):
        for cursor in (value, f"{value}~{row}", f"{row}~{value}"):
            ask(super_admin, address_of(model, "changelist"), [("upto", cursor)])


@PATIENT
@given(model=MODEL, rest=st.lists(VALUES, min_size=1, max_size=3), query=QUERIES)
@example(model=User, rest=["\0"], query=[])
@example(model=User, rest=["١"], query=[])
def test_paths(super_admin: Client, model: Any, rest: list[str], query: Any) -> None:
    path = address_of(model, "changelist")
    path += "/".join(quote(part.encode(errors="replace"), safe="") for part in rest) + "/"
    ask(super_admin, path, query)
    ask(super_admin, path, query, post=True)


@PATIENT
@given(data=st.data(), values=QUERIES, post=st.booleans())
def test_actions(super_admin: Client, user: User, data: Any, values: Any, post: bool) -> None:
    """On an existing row, or on several, with forms that no browser would send."""
    action = data.draw(st.sampled_from(sorted(actions_of(User))))
    field = st.sampled_from(["reason", "confirm", "role", "until", "text", "row", "next"])
    form = data.draw(st.lists(st.tuples(field, VALUES), max_size=5))
    before = User.all_objects.filter(pk=user.pk).values().get()
    ask(super_admin, address_of(User, "action", user.pk, action), values + form, post=post)
    ask(super_admin, address_of(User, "selected", action), values + form, post=post)
    assert User.all_objects.filter(pk=user.pk).values().get() == before


@PATIENT
@given(text=VALUES | st.text(max_size=1200))
def test_search(super_admin: Client, text: str) -> None:
    answer = ask(super_admin, "/admin/search/", [("q", text)], post=True)
    if answer.status_code == 302:
        ask(super_admin, answer["Location"])


@PATIENT
@given(form=st.lists(st.tuples(st.sampled_from(
    ["username", "password", "next", "code", "cancel", "q", "app_label"]), VALUES), max_size=5),
    post=st.booleans(),
)  # fmt: skip
def test_the_way_in(db: None, form: Any, post: bool) -> None:
    for path in ("/admin/login/", "/admin/second-factor/", "/admin/logout/", "/admin/autocomplete/",
                 "/admin/jsi18n/", "/admin/veza_core/", "/", "/healthz"):  # fmt: skip
        answer = ask(Client(), path, form, post=post and path != "/admin/login/")
        where = answer.get("Location", "/")
        assert where.startswith("/"), where
        assert not where.startswith("//"), where


#: "somebody", encoded twice.
ENCODED = ("%73omebody", "%2573omebody", "&#115;omebody", "\\u0073omebody", "\\x73omebody",
           "_73omebody", "=?utf-8?q?somebody?=", "+ACIAcw-omebody")  # fmt: skip


@pytest.mark.parametrize("text", ENCODED)
def test_nothing_is_decoded_twice(super_admin: Client, user: User, text: str) -> None:
    """Values are used as Django has decoded them."""
    page = super_admin.post("/admin/search/", {"q": text}, follow=True)
    assert str(user.pk) not in page.request["PATH_INFO"] + page.text
    encoded = str(user.pk).replace("-", "%2d"), str(user.pk).replace("-", "_2D")
    for key in encoded:
        path = address_of(User, "change", "KEY").replace("KEY", quote(key))
        assert ask(super_admin, path).status_code == 404


#: Texts that a regular expression can match in many ways.
REPEATED = ("@", "<", "a@", "http://", "/admin/", "/admin/a/", "<a@", "mailto:", " ", "\t", ";",
            ".", "a.", "-", "a-", "0", "\u200b", "\"", "charset=", "=", "\u202e ")  # fmt: skip
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("part", REPEATED, ids=ascii)
def test_no_text_takes_long_to_read(part: str, super_admin: Client) -> None:
    """No regular expression takes quadratic time, which would be minutes, not milliseconds.

    It measures CPU time, because other tests run at the same time.
    """
    started = thread_time()
    many = part * (LARGEST // 3 // len(part.encode()))
    for text in (many, f"<{many}", f"a{many}!"):
        assert super_admin.post("/admin/search/", {"q": text}).status_code in (302, 400)
        name_html(text)
    assert thread_time() - started < 5


@pytest.mark.parametrize("part", REPEATED, ids=ascii)
def test_no_header_takes_long_to_read(part: str) -> None:
    """Anybody may send it. It is ten times gunicorn's limit, so quadratic time would be minutes."""
    started = thread_time()
    for before in ("", ";", "; charset", "; charset=", "; charset=utf-8"):
        for behind in ("", "x", ";"):
            header = f"{FORM}{before}{part * (80_000 // len(part))}{behind}"
            is_refused("POST", [("Content-Type", header), ("Content-Length", "3")])
    assert thread_time() - started < 5


@pytest.mark.parametrize(
    ("method", "length", "refused"),
    [("GET", "", False), ("GET", "0", False), ("POST", "0", False), ("POST", "3", True)],
)
def test_the_default_content_type_of_runserver_counts_as_none(
    method: str, length: str, refused: bool
) -> None:
    said = {"REQUEST_METHOD": method, "CONTENT_TYPE": "text/plain", "CONTENT_LENGTH": length}
    assert (REFUSED_STATUS in checked(said)) is refused
