"""What rows are called on the pages of actions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..display import shortened
from ..legible import name_text

if TYPE_CHECKING:
    from ..inspection import InspectionAdmin

#: Of a row's name, so much is shown.
SHOWN = 100


def one_line(text: str) -> str:
    """Text as a page shows it: every run of blanks as one."""
    return " ".join(text.split())


def short(row: Any) -> str:
    """What a row is called on these pages: a name as it is, a text of several lines as one."""
    name = str(row)
    if len(name.splitlines()) > 1:
        name = one_line(name)
    return name_text(shortened(name or str(row.pk)[:8], SHOWN))


def called(admin: "InspectionAdmin", rows: Sequence[Any]) -> str:
    """One row by its name, several by their number."""
    number = len(rows)
    return short(rows[0]) if number == 1 else f"{number:,} {admin.opts.verbose_name_plural}"
