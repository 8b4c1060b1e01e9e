"""No cell of an export is a formula, wherever a spreadsheet begins a cell."""

import csv
import io
import json
import unicodedata
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from psycopg import errors

from tests.attack.addresses import MODELS, address_of
from tests.attack.examples import inputs
from tests.attack.payloads import _update, insert, remember
from veza_core.screens.actions.cells import ENDS, SIGNS, cell
from veza_core.secret_columns import SECRET_COLUMNS

SKIPPED = (" ", "\u00a0", "\u3000", "\u200b", "\ufeff", "\u202e", "\x00", "\x1b", '"', "\u00ad",
           # Other invisible characters, one of each block.
           "\u034f", "\u17b4", "\u180b", "\uffa0", "\ufff0", "\U0001bca3", "\U0001d173",
           "\U000e0001", "\U000e0020", "\U000e0100")  # fmt: skip


def formulas(text: str) -> list[str]:
    """The cells of a text that are formulas, by an independent reading of the text."""
    cells, current = [], ""
    for character in text:
        if character in ENDS:
            cells.append(current)
            current = ""
        else:
            current += character
    found = []
    for part in [*cells, current]:
        stripped = part.strip("".join(SKIPPED) + " \x0b\x0c")
        if stripped and unicodedata.normalize("NFKC", stripped[0]) in ("=", "+", "-", "@"):
            found.append(part)
    return found


def test_every_form_of_a_sign_is_known() -> None:
    forms = {
        c for c in map(chr, range(0x110000)) if unicodedata.normalize("NFKC", c) in set("=+-@")
    }
    assert forms <= set(SIGNS)


@pytest.mark.parametrize("before", ["", *ENDS, *(f"a{end}" for end in ENDS), "a;b\t", "\r\n"])
def test_signs(before: str) -> None:
    for sign in SIGNS:
        for skipped in ("", *SKIPPED, "".join(SKIPPED)):
            assert formulas(cell(f"{before}{skipped}{sign}1+1")) == []


@inputs(500)
@given(st.text(st.sampled_from([*ENDS, *SIGNS, *SKIPPED, "a", "1", ",", "'", "|"]), max_size=30))
def test_any_text(text: str) -> None:
    written = cell(text)
    assert formulas(written) == []
    # Only apostrophes were added.
    assert written.replace("'", "") == text.replace("'", "")


def test_text_that_is_no_formula_is_unchanged() -> None:
    for text in ("a=b", "a - b", "x, -1", "1-2", "me@example.com", "a;b", "", "it's", "C++"):
        assert cell(text) == text


def adapt(value: Any) -> Any:
    return json.dumps({"a": FORMULA}) if isinstance(value, dict) else value


FORMULA = "x;=1+1\t=2\n＝3"


def test_exports(db: None, super_admin: Client) -> None:
    """Every column of every export, its headings, and the file's name."""
    with connection.cursor() as cursor:
        made = insert(cursor, "format", SECRET_COLUMNS, adapt)
        remember(cursor, made, adapt)
        for (table, column), text in list(made.texts.items()):
            value: Any = [FORMULA] if text.startswith("[") else FORMULA
            if not text.startswith("{"):
                _update_if_it_fits(cursor, table, column, made.keys[table], value)
    for model in MODELS:
        answer = super_admin.post(address_of(model, "export"), {"reason": "test"})
        rows = csv.reader(io.StringIO(answer.getvalue().decode("utf-8-sig")))
        assert [one for row in rows for one in row if formulas(one)] == []
        assert formulas(answer["Content-Disposition"].partition("=")[2].strip('"')) == []


def _update_if_it_fits(cursor: Any, table: str, column: str, key: Any, value: Any) -> None:
    if table.startswith("veza_site_"):
        return
    cursor.execute("SAVEPOINT fits")
    try:
        _update(cursor, table, column, key, value)
    except Exception as error:
        refused = isinstance(error.__cause__ or error, errors.CheckViolation)
        if not refused and "too long" not in str(error):
            raise
        cursor.execute("ROLLBACK TO SAVEPOINT fits")
