"""The page of an action on many rows, which grows while the rows are changed in batches.

Each batch is a transaction: no row stays locked for long, and if the page is closed, the action
stops after the current batch. The staff log has what was done, and the undo of all rows at once, if
the action has one.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import StreamingHttpResponse
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from veza_core.access import StaffRequest

from ..base import BaseScreen
from ..errors import HelpfulError
from .action import LeftOut
from .perform import Outcome

#: Where the page is cut: the progress comes between the two parts.
ROWS_MARK = "<!-- rows -->"

#: The most names of left-out rows in a sentence.
MAX_NAMED = 10

#: Reasons why it stopped, for errors without a message of their own.
WITHDRAWN = "You are no longer allowed to do this."
BROKEN = "The database did not answer. Try again later."

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ActionRun:
    """Work on many rows."""

    title: str
    #: The rows of each transaction.
    chunks: Sequence[Sequence[Any]]
    #: Changes the rows of one transaction.
    do: Callable[[Sequence[Any]], Outcome]
    #: A sentence about the changed rows.
    message: Callable[[Sequence[Any]], str]
    #: The page that undoes it; empty if there is none.
    undo: str
    #: The next page, and its name.
    back: str
    back_to: str = "the list"
    left_out: Sequence[LeftOut] = ()


def progress(screen: BaseScreen, request: StaffRequest, run: ActionRun) -> StreamingHttpResponse:
    """A page that runs it, and grows."""
    mark = SafeString(ROWS_MARK)
    context = {"title": run.title, "opts": screen.opts, "mark": mark, "undo": run.undo}
    page = screen.admin_site.page(request, "veza/actions/progress.html", context)
    head, _, tail = page.rendered_content.partition(ROWS_MARK)
    return StreamingHttpResponse(
        _stream(head, tail, run),
        # Otherwise a proxy keeps the page until it is complete.
        headers={"X-Accel-Buffering": "no"},
    )


def _stream(head: str, tail: str, run: ActionRun) -> Iterator[str]:
    yield head
    outcome, stopped = Outcome(left_out=[*run.left_out]), ""
    reached = [*accumulate((len(chunk) for chunk in run.chunks), initial=0)]
    number = reached[-1]
    for chunk, before, after in zip(run.chunks, reached, reached[1:], strict=False):
        try:
            outcome.add(run.do(chunk))
        except (HelpfulError, PermissionDenied) as error:
            stopped = error.message if isinstance(error, HelpfulError) else WITHDRAWN
        except DatabaseError:
            # The page has begun: an error page would appear in its middle.
            logger.exception("An action on many rows stopped after %s", before)
            stopped = BROKEN
        if stopped:
            stopped = f"Stopped after {before:,} of {number:,}. {stopped}"
            break
        yield f"<li>{after:,} of {number:,}</li>\n"
    rows = [row for row, _ in outcome.changes]
    yield render_to_string(
        "veza/actions/result.html",
        {
            "message": with_undo(run.message(rows), run.undo) if rows else "Nothing was changed.",
            "stopped": stopped,
            "left_out": left_out_message(outcome.left_out) if outcome.left_out else "",
            "back": run.back,
            "back_to": run.back_to,
        },
    )
    yield tail


def left_out_message(left_out: Sequence[LeftOut]) -> str:
    """What was left out, with a readable number of names."""
    named = "; ".join(f"“{row.name}”: {row.why}" for row in left_out[:MAX_NAMED])
    more = f" And {len(left_out) - MAX_NAMED:,} more." if len(left_out) > MAX_NAMED else ""
    return f"{len(left_out):,} left out. {named}{more}"


def with_undo(message: str, url: str) -> SafeString:
    """What was done, and a link that undoes it."""
    return (
        format_html('{} <a href="{}">Undo</a>', message, url) if url else format_html("{}", message)
    )
