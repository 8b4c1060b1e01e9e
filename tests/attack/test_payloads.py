"""Hostile text is shown as text on every page, and secrets on none."""

import csv
import io
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils.html import escape
from psycopg.types.json import Jsonb

from tests.attack.addresses import MODELS, actions_of, address_of
from tests.attack.payloads import KINDS, SECRET, Hostile, insert, remember
from veza_core.secret_columns import SECRET_COLUMNS

#: A page contains this only if a text has broken out of its place.
BROKEN_OUT = ("<img src=x", "<svg onload", "<b a='", '<"', "<script>")
#: A URL that is a script. As the value of an option in a form it is harmless text.
SCRIPT_ADDRESS = re.compile(r"""(?<!\bvalue)=["']?javascript:""")
#: Characters with which a spreadsheet begins a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def adapt(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, dict) else value


@pytest.fixture(params=KINDS)
def hostile(request: pytest.FixtureRequest, db: None) -> Hostile:
    with connection.cursor() as cursor:
        made = insert(cursor, request.param, SECRET_COLUMNS, adapt)
        remember(cursor, made, adapt)
    return made


def check(response: Any, sought: str = "") -> str:
    """Return the text of a page, after a check that hostile text is escaped.

    The search box contains the search text.
    """
    page = str(response.getvalue().decode())
    if sought:
        page = page.replace(f'value="{escape(sought)}"', "")
    assert response.status_code == 200
    assert [text for text in (*BROKEN_OUT, SECRET) if text in page] == []
    assert not SCRIPT_ADDRESS.search(page)
    return page


#: Columns with a fixed form or a fixed list of values.
SHAPED = {"permission", "email", "username", "slug", "country_code", "theme", "password_hash"}


def test_every_text_column_has_some(hostile: Hostile) -> None:
    """Except columns whose checks do not allow such text."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public'"
            " AND udt_name IN ('varchar', 'text', '_text', '_varchar', 'jsonb')"
        )
        columns = set(cursor.fetchall())
    assert set(hostile.texts) | hostile.left_out == columns
    assert not set(hostile.texts) & hostile.left_out
    assert {column for _, column in hostile.left_out} <= SHAPED


def test_lists_pages_and_forms(
    hostile: Hostile, super_admin: Client, subtests: pytest.Subtests
) -> None:
    check(super_admin.get("/admin/"))
    for model in MODELS:
        table = model._meta.db_table
        key = hostile.keys[table]
        with subtests.test(table):
            check(super_admin.get(address_of(model, "changelist")))
            page = check(super_admin.get(address_of(model, "change", key)))
            for (other, column), text in hostile.texts.items():
                if other == table and text.isprintable() and text[0] not in "{[" + SECRET[0]:
                    assert escape(text) in page, column
            for relation in model._meta.related_objects:
                if relation.related_model not in MODELS:
                    continue
                listed = address_of(relation.related_model, "changelist")
                check(super_admin.get(f"{listed}?{relation.field.name}={key}"))
            check(super_admin.get(address_of(model, "export")))
            for action in actions_of(model):
                path = address_of(model, "action", key, action)
                for answer in (
                    super_admin.get(path),
                    super_admin.post(path, {"row": f"{key}.", "reason": "x", "confirm": "wrong"}),
                ):
                    if answer.status_code == 200:
                        check(answer)
                    assert answer.status_code in (200, 302, 403, 409)


def test_search(hostile: Hostile, super_admin: Client, subtests: pytest.Subtests) -> None:
    for text in {*hostile.texts.values(), *map(str, hostile.keys.values())}:
        with subtests.test(text):
            check(super_admin.post("/admin/search/", {"q": text}, follow=True), text)


def test_csv(hostile: Hostile, super_admin: Client, subtests: pytest.Subtests) -> None:
    for model in MODELS:
        with subtests.test(model._meta.db_table):
            answer = super_admin.post(address_of(model, "export"), {"reason": "test"})
            assert answer["Content-Type"] == "text/csv; charset=utf-8"
            assert answer["X-Content-Type-Options"] == "nosniff"
            assert "attachment" in answer["Content-Disposition"]
            text = answer.getvalue().decode("utf-8-sig")
            assert SECRET not in text
            cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
            assert str(hostile.keys[model._meta.db_table]) in cells
            assert [cell for cell in cells if cell.startswith(FORMULA)] == []
