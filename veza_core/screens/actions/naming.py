"""The names of rows on the pages of actions."""

from collections.abc import Sequence
from typing import Any

from ..base import BaseScreen
from ..display import shortened
from ..legible import name_text

#: The most characters of a row's name.
SHOWN = 100


def one_line(text: str) -> str:
    """Text as a page shows it: several blanks become one."""
    return " ".join(text.split())


def short(row: Any) -> str:
    """The name of a row on these pages: a text of several lines becomes one line."""
    name = str(row)
    if len(name.splitlines()) > 1:
        name = one_line(name)
    return name_text(shortened(name or str(row.pk)[:8], SHOWN))


def called(admin: BaseScreen, rows: Sequence[Any]) -> str:
    """One row by its name, several rows by their number."""
    number = len(rows)
    return short(rows[0]) if number == 1 else f"{number:,} {admin.opts.verbose_name_plural}"
