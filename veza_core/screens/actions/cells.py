"""Values as cells of a CSV that a spreadsheet opens without running anything in it."""

import json
import re
from datetime import UTC, date, datetime
from typing import Any

from veza_core.db.infinity import WORDS

from ..bounded import IN_CELL, Excerpt

#: With what a spreadsheet begins a formula (OWASP, "CSV injection"), in every form that Unicode's
#: normalization (NFKC) makes the same sign: wide, small, raised and lowered.
SIGNS = "=+-@＝＋－＠﹦﹢﹣﹫⁼⁺⁻₌₊₋﬩"

#: What some spreadsheets take for the end of a cell or of a line, whatever the quotes say: a
#: semicolon where the comma is the decimal sign.
ENDS = ";；\t\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"

#: What does not stop every spreadsheet before a sign: blanks, quotes, and what nobody sees
#: (Unicode's property Default_Ignorable_Code_Point).
SKIPPED = (
    r"\s\x00-\x1f\x7f-\x9f\"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)

#: A run of these, whole, and the sign behind it. It begins nowhere within a run, so that the time
#: it takes grows with the text, not with its square.
BEFORE_SIGN = re.compile(f"(?<![{ENDS}{SKIPPED}])([{ENDS}{SKIPPED}]*+)(?=[{re.escape(SIGNS)}])")

#: A text that begins with one of these is a formula's, or the end of a cell, to some spreadsheets.
CONTROLS = ("\t", "\r", "\n")

CUT = f"… (cut: a cell has {IN_CELL:,} characters at most)"


def cell(value: Any) -> str:
    """A value as text: times in UTC, as ISO 8601; lists and objects as JSON; NULL as nothing.

    An apostrophe stands before what a spreadsheet could take for a formula.
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
    """The run before a sign, with an apostrophe where a cell may begin."""
    run = found[1]
    last = max(map(run.rfind, ENDS))
    if last < 0 and found.start() > 0:
        return run
    return f"{run[: last + 1]}'{run[last + 1 :]}"
