"""Values as cells of a CSV file in which a spreadsheet runs nothing."""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from veza_core.db.infinity import WORDS

from ..bounded import IN_CELL, Excerpt

#: Characters with which a spreadsheet formula begins (OWASP, "CSV injection"), in every form that
#: Unicode's normalization (NFKC) maps to them: wide, small, raised and lowered.
SIGNS = "=+-@＝＋－＠﹦﹢﹣﹫⁼⁺⁻₌₊₋﬩"

#: What some spreadsheets read as the end of a cell or a line, even in quotes: a semicolon, if the
#: comma is the decimal sign.
ENDS = ";；\t\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"

#: What some spreadsheets ignore before such a character: spaces, quotes, and invisible characters
#: (Unicode's property Default_Ignorable_Code_Point).
SKIPPED = (
    r"\s\x00-\x1f\x7f-\x9f\"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)

#: A complete run of these, and the next character. A match cannot begin inside a run, so that the
#: time grows with the text, not with its square.
BEFORE_SIGN = re.compile(f"(?<![{ENDS}{SKIPPED}])([{ENDS}{SKIPPED}]*+)(?=[{re.escape(SIGNS)}])")

#: Some spreadsheets read a text that begins with one of these as a formula, or as the end of a
#: cell.
CONTROLS = ("\t", "\r", "\n")

CUT = f"… (cut: a cell has {IN_CELL:,} characters at most)"


def cell(value: Any) -> str:
    """A value as text: times in UTC, as ISO 8601; lists and objects as JSON; NULL as nothing.

    An apostrophe comes before what a spreadsheet could read as a formula.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date) and value in WORDS:
        value = WORDS[value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, dict)):
        value = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    text = BEFORE_SIGN.sub(_guarded, str(value))
    if text.startswith(CONTROLS):
        text = f"'{text}"
    return text + CUT if isinstance(value, Excerpt) else text


def _guarded(found: re.Match[str]) -> str:
    """The run before a character, with an apostrophe where a cell may begin."""
    run = found[1]
    last = max(map(run.rfind, ENDS))
    if last < 0 and found.start() > 0:
        return run
    return f"{run[: last + 1]}'{run[last + 1 :]}"


def csv_lines(rows: Iterable[Sequence[str]]) -> bytes:
    """Rows as CSV (RFC 4180), each cell in quotes."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue().encode()
