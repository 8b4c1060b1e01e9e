"""The URLs of actions: their pages, the way back, and the undo of a log entry."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.utils.http import url_has_allowed_host_and_scheme

from veza_core.access import StaffRequest

from ..base import BaseScreen
from ..errors import HelpfulError, NotThereError
from ..labels import list_of, url_of, view_url
from ..site import StaffSite
from .action import Change, RowAction
from .perform import may


def action_url(model: Any, pk: Any, action: str) -> str:
    """The confirmation page of an action on a row."""
    return view_url(model, "action", pk, action)


def selected_url(model: Any, action: str, query: Any) -> str:
    """The confirmation page of an action on several rows; `query` selects them."""
    return f"{view_url(model, 'selected', action)}?{urlencode(query)}"


def next_of(query: Mapping[str, Any]) -> str:
    """The page where the action was chosen, from the URL or the form; empty for other sites."""
    given = query.get("next") or ""
    return given if url_has_allowed_host_and_scheme(given, allowed_hosts=None) else ""


def way_back(screen: BaseScreen, query: Mapping[str, Any], row: Any) -> str:
    """The same, or otherwise the row's page, or the list."""
    given = next_of(query)
    if given or row is None:
        return given or list_of(screen.model)
    return url_of(screen.model, row.pk)


def origin_of(screen: BaseScreen, request: StaffRequest, error: HelpfulError) -> str:
    """The page before an error: where the action was chosen, or the row's; otherwise empty."""
    given = next_of(request.POST) or next_of(request.GET)
    pk = request.resolver_match.kwargs.get("object_id") if request.resolver_match else None
    if given or not pk or isinstance(error, NotThereError):
        return given
    return url_of(screen.model, pk)


def undo_url(action: RowAction, row: Any, change: Change, back: str = "") -> str:
    """The page that undoes a change of a row, filled in; empty if no action undoes it.

    `back` is the next page, if it is not the row's.
    """
    if not action.undo:
        return ""
    address = action_url(type(row), row.pk, action.undo)
    given = action.undo_values(change.before, change.after) | ({"next": back} if back else {})
    return f"{address}?{urlencode(given)}" if given else address


def undo_url_of(site: StaffSite, request: StaffRequest, entry: Any, row: Any = None) -> str:
    """The same for an entry of the staff log about `row`, which is read if it is not given.

    Empty if the user may not undo it, or if the undo does not apply to the row's state.
    """
    screen, done = done_by(site, request, entry)
    if screen is None or done is None or not entry.subject_id:
        return ""
    row = row or _subject_of(screen, request, entry)
    undoing = action_of(screen, done.undo)
    if (
        row is None
        or undoing is None
        or not undoing.applies(row)
        or undoing.why_refused(request.access, row)
        or undoing.why_pointless(request.access, row)
    ):
        return ""
    return undo_url(done, row, Change(values(entry.before), values(entry.after)))


def _subject_of(screen: BaseScreen, request: StaffRequest, entry: Any) -> Any:
    """The row that an entry is about; None if it is gone."""
    try:
        return screen.whole_rows(request).filter(pk=UUID(entry.subject_id)).first()
    except ValueError:
        return None


def undo_batch_url_of(site: StaffSite, request: StaffRequest, entry: Any) -> str:
    """The page that undoes an action on several rows, by one of its entries; or empty."""
    screen, done = done_by(site, request, entry)
    if screen is None or done is None or not entry.batch:
        return ""
    return selected_url(screen.model, done.undo, {"batch": entry.batch})


def done_by(
    site: StaffSite, request: StaffRequest, entry: Any
) -> tuple[BaseScreen | None, RowAction | None]:
    """The screen and the action of an entry that the user may undo; otherwise nothing."""
    table, _, name = entry.action.rpartition(".")
    screen = site.screen_of_table(table) if entry.subject_table == table else None
    done = action_of(screen, name) if screen else None
    undoing = action_of(screen, done.undo) if screen and done else None
    return (screen, done) if screen and undoing and may(screen, request, undoing) else (None, None)


def action_of(screen: BaseScreen, name: str) -> RowAction | None:
    """The action of this name on a screen."""
    return next((action for action in screen.row_actions if action.name == name), None)


def values(held: Any) -> Mapping[str, Any]:
    """The values in an entry; empty for a document that was too large to be read."""
    return held if isinstance(held, Mapping) else {}
