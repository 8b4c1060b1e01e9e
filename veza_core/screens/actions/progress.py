"""The page of an action on many rows: it grows while the rows are changed, chunk by chunk.

Each chunk is a transaction: no row stays locked for long, and who closes the page stops behind the
last one. What was done until then is in the staff log, and can be taken back as one.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import StreamingHttpResponse
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from veza_core.access import StaffRequest

from ..errors import HelpfulError
from .action import LeftOut, RowAction
from .naming import called
from .perform import Outcome
from .selection import CHUNK

if TYPE_CHECKING:
    from ..inspection import InspectionAdmin

#: Where the page is cut: what is told of the rows comes between.
MARK = "<!-- rows -->"

#: Names of rows that were left out, in a sentence.
NAMED = 10

#: Why it stopped, beside what a `HelpfulError` says.
WITHDRAWN = "You may not do this any more."
BROKEN = "The database could not be asked. Try again later."

logger = logging.getLogger(__name__)


def progress(
    admin: "InspectionAdmin",
    request: StaffRequest,
    action: RowAction,
    keys: Sequence[UUID],
    do: Callable[[Sequence[UUID]], Outcome],
    undo: str,
    back: str,
    left_out: Sequence[LeftOut],
) -> StreamingHttpResponse:
    """A page that does it: `do` is called for each chunk of the rows."""
    request.current_app = admin.admin_site.name
    context: dict[str, Any] = {
        **admin.admin_site.each_context(request),
        "title": f"{action.label}: {len(keys):,} {admin.opts.verbose_name_plural}",
        "opts": admin.opts,
        "mark": SafeString(MARK),
    }
    page = render_to_string("veza/actions/progress.html", context, request)
    head, _, tail = page.partition(MARK)
    return StreamingHttpResponse(
        _stream(head, tail, admin, action, keys, do, undo, back, left_out),
        # Or a proxy keeps the page until it is whole.
        headers={"X-Accel-Buffering": "no"},
    )


def _stream(
    head: str,
    tail: str,
    admin: "InspectionAdmin",
    action: RowAction,
    keys: Sequence[UUID],
    do: Callable[[Sequence[UUID]], Outcome],
    undo: str,
    back: str,
    left_out: Sequence[LeftOut],
) -> Iterator[str]:
    yield head
    outcome, stopped = Outcome(left_out=[*left_out]), ""
    for start in range(0, len(keys), CHUNK):
        try:
            outcome.add(do(keys[start : start + CHUNK]))
        except (HelpfulError, PermissionDenied) as error:
            stopped = error.message if isinstance(error, HelpfulError) else WITHDRAWN
        except DatabaseError:
            # The page has begun: an error page would stand in its middle.
            logger.exception("An action on many rows stopped after %s", start)
            stopped = BROKEN
        if stopped:
            stopped = f"Stopped after {start:,} of {len(keys):,}. {stopped}"
            break
        reached = min(start + CHUNK, len(keys))
        yield f"<li>{reached:,} of {len(keys):,}</li>\n"
    rows = [row for row, _ in outcome.changes]
    told = f"{action.done} {called(admin, rows)}." if rows else "Nothing was changed."
    yield render_to_string(
        "veza/actions/result.html",
        {
            "told": with_undo(told, undo if rows else ""),
            "stopped": stopped,
            "left_out": told_of(outcome.left_out) if outcome.left_out else "",
            "back": back,
        },
    )
    yield tail


def told_of(left_out: Sequence[LeftOut]) -> str:
    """What was left out, by name as far as that can be read."""
    named = "; ".join(f"“{row.name}”: {row.why}" for row in left_out[:NAMED])
    more = f" And {len(left_out) - NAMED:,} more." if len(left_out) > NAMED else ""
    return f"{len(left_out):,} left out. {named}{more}"


def with_undo(told: str, url: str) -> SafeString:
    """What was done, and the way to take it back."""
    return format_html('{} <a href="{}">Undo</a>', told, url) if url else format_html("{}", told)
