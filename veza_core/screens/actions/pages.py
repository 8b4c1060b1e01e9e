"""The pages of actions: the confirmation, and the result."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from veza_core.access import StaffRequest

from ..base import BaseScreen
from ..errors import HelpfulError, NotThereError, error_page
from ..labels import url_of
from ..reading import reading
from . import typed
from .action import ChangeContext, ConflictError, LeftOut, RowAction
from .addresses import next_of, origin_of, selected_url, undo_url, way_back
from .forms import ActionForm, CodeCheck, filled
from .naming import called, short
from .perform import GONE, Outcome, may, perform, perform_some
from .progress import NAMED, ActionRun, left_out_message, progress, with_undo
from .reasons import usual_reasons
from .selection import (
    CHUNK,
    MOST,
    Selection,
    find,
    no_effect,
    of_batch,
    of_keys,
    read_rows,
    selection_of,
    sent,
)


def action_urls(admin: BaseScreen) -> list[URLPattern]:
    """The URLs of a screen's actions: on one row, and on a selection."""
    name = f"{admin.opts.app_label}_{admin.opts.model_name}"

    def one(request: StaffRequest, object_id: str, action: str) -> HttpResponseBase:
        return _view(admin, request, action, object_id)

    def several(request: StaffRequest, action: str) -> HttpResponseBase:
        return _view(admin, request, action, None)

    view = admin.admin_site.admin_view
    return [
        path("selected/<slug:action>/", view(several), name=f"{name}_selected"),
        path("<str:object_id>/<slug:action>/", view(one), name=f"{name}_action"),
    ]


def helpful(view: Callable[..., Any]) -> Callable[..., Any]:
    """A view whose errors become pages."""

    @wraps(view)
    def inner(admin: BaseScreen, request: StaffRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return view(admin, request, *args, **kwargs)
        except HelpfulError as error:
            origin = origin_of(admin, request, error)
            return error_page(admin.admin_site, request, error, opts=admin.opts, origin=origin)

    return inner


@helpful
def _view(
    admin: BaseScreen, request: StaffRequest, name: str, object_id: str | None
) -> HttpResponseBase:
    """Confirm with GET, run with POST. `object_id`: None for a selection."""
    action = find(admin, name)
    if not may(admin, request, action):
        raise PermissionDenied
    if object_id is None and not action.in_lists:
        raise NotThereError(f"“{action.label}” works on one row at a time.")
    if request.method in ("GET", "HEAD"):
        before = typed.take(request)
        with reading(admin.read_alias):
            query = before or request.GET
            if object_id is None:
                selection = selection_of(admin, request, action, query)
            else:
                selection = _one(admin, request, object_id)
            _may_begin(action, request, selection)
            form = _form(admin, request, action, selection, query)
            notice = typed.BACK if before else ""
            return _page(admin, request, action, selection, form, query, notice).render()
    if request.method != "POST":
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    return _act(admin, request, action, object_id)


def code_check(admin: BaseScreen, request: StaffRequest) -> CodeCheck | None:
    """The function that checks the second factor again; None if it was shown recently."""
    site = admin.admin_site
    return (lambda code: site.check_code(request, code)) if site.needs_code(request) else None


def _form(
    admin: BaseScreen,
    request: StaffRequest,
    action: RowAction,
    selection: Selection,
    query: QueryDict,
) -> ActionForm:
    """The form: with what was sent, or with what the URL fills in."""
    sent = query if request.method == "POST" else None
    check = code_check(admin, request) if action.is_drastic(len(selection.rows)) else None
    known = {name for own in selection.filled.values() for name in own}
    form = ActionForm(sent, action=action, access=request.access, rows=selection.rows,
                      known=known, check_code=check,
                      usual=usual_reasons(admin.opts.db_table, action.name))  # fmt: skip
    form.initial = filled([*form.fields], query)
    return form


def _one(admin: BaseScreen, request: StaffRequest, object_id: str) -> Selection:
    """The row of a URL. Raises `NotThereError`."""
    (key,) = read_rows([object_id])
    return _with_rows(admin, request, {key: ""})


def _with_rows(admin: BaseScreen, request: StaffRequest, seen: Mapping[UUID, str]) -> Selection:
    """The rows of a form in their current state. Raises `NotThereError` if none is left."""
    found = of_keys(admin, request, [*seen])
    if not found:
        raise NotThereError(f"There is no {admin.opts.verbose_name} {next(iter(seen))}.")
    admin.load_names(admin.read_alias, found)
    keys = {row.pk for row in found}
    gone = [LeftOut(str(key)[:8], GONE) for key in seen if key not in keys]
    return Selection({row.pk: seen[row.pk] for row in found}, found, gone)


def _may_begin(action: RowAction, request: StaffRequest, selection: Selection) -> None:
    """Raise what the change would raise, before the form is filled in."""
    if not selection.rows:
        left_out = "; ".join(f"“{each.name}”: {each.why}" for each in selection.left_out[:NAMED])
        raise ConflictError(f"“{action.label}” applies to none of these rows. {left_out}")
    if len(selection.rows) == 1:
        (row,) = selection.rows
        if not action.applies(row):
            raise ConflictError(f"“{short(row)}”: {no_effect(action)} Reload its page.")
        action.refuse(request.access, row)
        selection.seen = {row.pk: action.seen(row)}


def _act(
    admin: BaseScreen, request: StaffRequest, action: RowAction, object_id: str | None
) -> HttpResponseBase:
    seen = read_rows(request.POST.getlist("row"))
    if object_id is not None and [*seen] != [*read_rows([object_id])]:
        raise HelpfulError("The form is for another row than this address. Nothing was changed.")
    selection = _with_rows(admin, request, seen)
    if batch := request.POST.get("batch"):
        selection.filled = of_batch(admin, action, batch)
    if len(selection.rows) == 1:
        action.refuse(request.access, selection.rows[0])
    form = _form(admin, request, action, selection, request.POST)
    if not form.is_valid():
        return _page(admin, request, action, selection, form, request.POST)
    if object_id is None and len(seen) > 1:
        return _act_on_several(admin, request, action, selection, form)
    return _act_on_one(admin, request, action, selection, form)


def _act_on_one(
    admin: BaseScreen,
    request: StaffRequest,
    action: RowAction,
    selection: Selection,
    form: ActionForm,
) -> HttpResponseBase:
    (key,) = selection.seen
    values = form.values_of(selection.filled.get(key, {}))
    try:
        (done,) = perform(admin, request, action, selection.seen, values, form.why)
    except ConflictError as error:
        return _again(admin, request, action, selection, form, error)
    row, change = done
    work = ChangeContext(request, admin.admin_site, values, form.why)
    if (answer := action.answer(row, change, work)) is not None:
        return answer
    back = way_back(admin, request.POST, row)
    link = undo_url(action, row, change.before, change.after, next_of(request.POST))
    messages.success(request, with_undo(f"{action.done} {short(row)}.", link))
    return HttpResponseRedirect(back)


def _act_on_several(
    admin: BaseScreen,
    request: StaffRequest,
    action: RowAction,
    selection: Selection,
    form: ActionForm,
) -> HttpResponseBase:
    """All at once, or in batches on a page that shows the progress."""
    batch, back = uuid4(), way_back(admin, request.POST, None)
    keys = [*selection.seen]
    chunks = [keys[start : start + CHUNK] for start in range(0, len(keys), CHUNK)]

    def do(chunk: Sequence[UUID]) -> Outcome:
        return perform_some(
            admin,
            request,
            action,
            {key: selection.seen[key] for key in chunk},
            lambda key: form.values_of(selection.filled.get(key, {})),
            form.why,
            batch,
        )

    undo = selected_url(admin.model, action.undo, {"batch": batch, "next": back})
    link = undo if action.undo else ""

    def message(rows: Sequence[Any]) -> str:
        return f"{action.done} {called(admin, rows)}."

    if len(chunks) > 1:
        title = f"{action.label}: {len(keys):,} {admin.opts.verbose_name_plural}"
        run = ActionRun(title, chunks, do, message, link, back, left_out=selection.left_out)
        return progress(admin, request, run)
    try:
        outcome = do(keys)
    except ConflictError as error:
        return _again(admin, request, action, selection, form, error)
    outcome.left_out += selection.left_out
    if outcome.changes:
        rows = [row for row, _ in outcome.changes]
        messages.success(request, with_undo(message(rows), link))
    if outcome.left_out:
        messages.warning(request, left_out_message(outcome.left_out))
    return HttpResponseRedirect(back)


def _again(
    admin: BaseScreen,
    request: StaffRequest,
    action: RowAction,
    selection: Selection,
    form: ActionForm,
    error: ConflictError,
) -> TemplateResponse:
    """The form as it was sent, with the reason why nothing was done, and the current row."""
    now = _with_rows(admin, request, selection.seen)
    now.filled = selection.filled
    now.seen = {row.pk: action.seen(row) for row in now.rows if action.applies(row)}
    form.add_error(None, error.message)
    page = _page(admin, request, action, now, form, request.POST)
    page.status_code = error.status
    return page


def _page(
    admin: BaseScreen,
    request: StaffRequest,
    action: RowAction,
    selection: Selection,
    form: ActionForm,
    query: QueryDict,
    notice: str = "",
) -> TemplateResponse:
    """The confirmation page. A form that was sent before keeps its values."""
    request.current_app = admin.admin_site.name
    rows = selection.rows
    context = {
        **admin.admin_site.each_context(request),
        "title": f"{action.label}: {called(admin, rows)}",
        "opts": admin.opts,
        "action": action,
        "rows": [(short(row), url_of(admin.model, row.pk)) for row in rows[:CHUNK]],
        "number": len(rows),
        "more": max(0, len(rows) - CHUNK),
        "most": MOST,
        "selection": selection,
        "left_out": selection.left_out[:CHUNK],
        "sent": sent(selection),
        "form": form,
        "concerned": action.concerned(admin.admin_site, rows[0], query) if len(rows) == 1 else [],
        "notice": notice,
        "batch": query.get("batch", ""),
        "next": next_of(query),
        "back": way_back(admin, query, rows[0] if len(rows) == 1 else None),
    }
    return TemplateResponse(request, "veza/actions/confirm.html", context)
