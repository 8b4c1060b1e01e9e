"""The rows of an action: one, the ticked ones, all of a list, or all of a log entry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict

from veza_core.access import StaffRequest, staff_request

from ..base import BaseScreen
from ..errors import HelpfulError, NotThereError
from ..labels import list_of
from ..listing import PAGING, read
from . import kept_forms
from .action import LeftOut, RowAction, short
from .addresses import action_of, selected_url, values
from .batches import batches

#: The most rows of an action.
MAX_ROWS = 1_000

#: Rows of a transaction, and rows that the page names.
CHUNK = 50

#: Between a row's key and the digest of its state, in the form.
SEPARATOR = "."

#: In a query string: all rows of the list in `next`.
ALL = "all"


@dataclass(slots=True)
class Selection:
    """The rows of an action, as they were shown."""

    #: Key to the digest of the row's state, in the order of the list.
    seen: dict[UUID, str] = field(default_factory=dict)
    #: The rows themselves.
    rows: list[Any] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    #: Whether the list has more rows than an action can change.
    cut: bool = False
    #: If it undoes another action: key to the values of the form for the row.
    filled: dict[UUID, Mapping[str, str]] = field(default_factory=dict)


def chosen(model_admin: "ModelAdmin[Any]", request: HttpRequest, *_: Any) -> HttpResponse:
    """From a list with ticked rows to the confirmation page. Changes nothing.

    Or back to the list, with the ticks and a message about what is missing.
    """
    screen, back = cast(BaseScreen, model_admin), request.get_full_path()
    if missing := _missing(screen, request.POST):
        messages.warning(request, missing)
        kept_forms.keep(staff_request(request))
        return HttpResponseRedirect(back)
    return HttpResponseRedirect(_confirmation(screen, request.POST, back))


def chosen_before(
    screen: BaseScreen, request: StaffRequest, before: QueryDict
) -> HttpResponse | None:
    """The confirmation page of a choice that a new sign-in interrupted; None if it is
    incomplete.
    """
    if _missing(screen, before):
        return None
    messages.info(request, kept_forms.CHOSEN)
    return HttpResponseRedirect(_confirmation(screen, before, request.get_full_path()))


def tick(context: dict[str, Any], before: QueryDict) -> None:
    """Make a list's template tick what was ticked before."""
    context["cl"].ticked = {*before.getlist(ACTION_CHECKBOX_NAME)}
    context["across"] = before.get("select_across") == "1"
    if form := context["action_form"]:
        form.initial = {"action": before.get("action", "")}


def _missing(screen: BaseScreen, given: QueryDict) -> str:
    """What a choice lacks. Raises `NotThereError` for an unknown action."""
    if not (name := given.get("action", "")):
        return "No action was chosen. Choose one, then click “Run”."
    action = find(screen, name)
    if given.get("select_across") != "1" and not given.getlist(ACTION_CHECKBOX_NAME):
        return f"No row is selected. Select those to {action.label.lower()}."
    return ""


def _confirmation(screen: BaseScreen, given: QueryDict, back: str) -> str:
    query = [("next", back)]
    if given.get("select_across") == "1":
        query.insert(0, (ALL, "1"))
    else:
        keys = read_rows(given.getlist(ACTION_CHECKBOX_NAME))
        query[:0] = [("row", str(key)) for key in keys]
    return selected_url(screen.model, str(given["action"]), query)


def find(screen: BaseScreen, name: str) -> RowAction:
    """The action of this name. Raises `NotThereError`."""
    action = action_of(screen, name)
    if action is None:
        raise NotThereError(
            f"There is no action “{name[:40]}” on {screen.opts.verbose_name_plural}."
        )
    return action


def read_rows(given: Sequence[str]) -> dict[UUID, str]:
    """Read keys, each with or without the digest of the state that was shown.

    A value may have several, separated by spaces. Raises `HelpfulError` for no row, too many rows,
    or an invalid key.
    """
    found = [one for value in given for one in (value.split() or [value])]
    if not found:
        raise HelpfulError("No row is selected. Go back and select at least one.")
    if len(found) > MAX_ROWS:
        raise HelpfulError(f"More than {MAX_ROWS:,} rows are selected: select fewer at a time.")
    rows = {}
    for value in found:
        key, _, digest = value.partition(SEPARATOR)
        try:
            rows[UUID(key)] = digest
        except ValueError as error:
            raise HelpfulError(f"“{key[:40]}” is not a valid row ID.") from error
    return rows


def selection_of(
    screen: BaseScreen, request: StaffRequest, action: RowAction, query: QueryDict
) -> Selection:
    """The rows of a URL, without those to which the action does not apply.

    Raises `HelpfulError` if none is left.
    """
    selection = Selection()
    if query.get(ALL):
        found = _of_list(screen, request, query.get("next", ""))
        selection.cut = len(found) > MAX_ROWS
        found = found[:MAX_ROWS]
    elif query.get("batch"):
        selection.filled = of_batch(screen, action, str(query["batch"]))
        found = of_keys(screen, request, [*selection.filled])
    else:
        found = of_keys(screen, request, [*read_rows(query.getlist("row"))])
    screen.load_names(screen.read_alias, found)
    refused = action.refusals(request.access, found)
    for row in found:
        why = refused.get(row.pk) or ("" if action.applies(row) else no_effect(action))
        if why:
            selection.left_out.append(LeftOut(short(row), why))
        else:
            selection.rows.append(row)
            selection.seen[row.pk] = action.seen(row)
    return selection


def no_effect(action: RowAction) -> str:
    """Why an action leaves out a row in another state."""
    return f"“{action.label}” does not apply to it in its present state."


def of_keys(screen: BaseScreen, request: StaffRequest, keys: Sequence[UUID]) -> list[Any]:
    """The rows with these keys, in the order of the keys, without those that are gone."""
    found = {row.pk: row for row in screen.whole_rows(request).filter(pk__in=keys)}
    return [found[key] for key in keys if key in found]


def _of_list(screen: BaseScreen, request: StaffRequest, address: str) -> list[Any]:
    """The rows of a list with its filters, at most `MAX_ROWS` and one more."""
    parts = urlsplit(address)
    if parts.path != list_of(screen.model):
        raise HelpfulError("This is not the address of a list. Go back to the list.")
    query = QueryDict(parts.query, mutable=True)
    for name in PAGING:
        query.pop(name, None)
    found: list[Any] = []
    for batch, _ in batches(screen.whole_rows(request), read(screen.parameters(request), query)):
        found += batch
        if len(found) > MAX_ROWS:
            break
    return found[: MAX_ROWS + 1]


def of_batch(screen: BaseScreen, action: RowAction, batch: str) -> dict[UUID, Mapping[str, str]]:
    """What an action that is being undone has changed, with the form's values for each row."""
    try:
        key = UUID(batch)
    except (ValidationError, ValueError) as error:
        raise HelpfulError(f"“{batch[:40]}” is not the ID of an action.") from error
    found: dict[UUID, Mapping[str, str]] = {}
    for entry in screen.admin_site.entries_of(key):
        table, _, name = entry.action.rpartition(".")
        done = action_of(screen, name)
        if table == screen.opts.db_table and done is not None and done.undo == action.name:
            found[UUID(entry.subject_id)] = done.undo_values(
                values(entry.before), values(entry.after)
            )
    if not found:
        raise NotThereError("There is no such action to undo.")
    return found


def sent(selection: Selection) -> list[str]:
    """The rows for the form: a field each, if they are few."""
    rows = [f"{key}{SEPARATOR}{digest}" for key, digest in selection.seen.items()]
    return rows if len(rows) <= CHUNK else [" ".join(rows)]
