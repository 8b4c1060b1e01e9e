"""Values as cells of a CSV that a spreadsheet opens without running anything in it."""

import json
from datetime import UTC, date, datetime
from typing import Any

from veza_core.infinity import WORDS

#: What a spreadsheet may take for the beginning of a formula (OWASP, "CSV injection"), the wide
#: forms of East Asian keyboards too.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def cell(value: Any) -> str:
    """A value as text: times in UTC, as ISO 8601; lists and objects as JSON; NULL as nothing.

    Text of users that could be a formula begins with an apostrophe.
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
    text = str(value)
    # Blanks before the sign do not stop every spreadsheet.
    return f"'{text}" if text.startswith(FORMULA) or text.lstrip().startswith(FORMULA) else text
