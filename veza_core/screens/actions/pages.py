"""The pages of actions: buttons on a row, the selection of a list, and the confirmation."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import Action, ActionLocation
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString

from veza_core.access import StaffRequest

from ..display import shortened
from ..errors import HelpfulError, NotThereError, error_page
from ..labels import url_of
from ..reading import reading
from ..site import StaffSite
from .action import Change, ConflictError, RowAction
from .forms import SEPARATOR, ActionForm, CodeCheck, filled, one_line, read_rows
from .perform import may, perform

if TYPE_CHECKING:
    from ..inspection import InspectionAdmin

#: Of a row's name, so much is shown.
SHOWN = 100


def action_urls(admin: "InspectionAdmin") -> list[URLPattern]:
    """The addresses of a screen's actions: on one row, and on a selection."""
    name = f"{admin.opts.app_label}_{admin.opts.model_name}"

    def one(request: StaffRequest, object_id: str, action: str) -> HttpResponse:
        return _view(admin, request, action, [object_id])

    def several(request: StaffRequest, action: str) -> HttpResponse:
        return _view(admin, request, action, None)

    view = admin.admin_site.admin_view
    return [
        path("selected/<slug:action>/", view(several), name=f"{name}_selected"),
        path("<str:object_id>/<slug:action>/", view(one), name=f"{name}_action"),
    ]


def action_url(model: Any, pk: Any, action: str) -> str:
    """The confirmation page of an action on a row."""
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_action", args=[pk, action])


def buttons(
    admin: "InspectionAdmin", request: StaffRequest, row: Any
) -> list[tuple[RowAction, str]]:
    """The actions that a user may take on a row as it is, each with its address."""
    return [
        (action, action_url(admin.model, row.pk, action.name))
        for action in admin.row_actions
        if may(admin, request, action) and action.applies(row)
    ]


def list_actions(admin: "InspectionAdmin", request: StaffRequest) -> dict[str, Action]:
    """For Django's choice of an action above a list; what is chosen goes to `chosen`."""
    return {
        action.name: Action(chosen, action.name, action.label, action.label,
                            [ActionLocation.CHANGE_LIST])
        for action in admin.row_actions
        if action.in_lists and may(admin, request, action)
    }  # fmt: skip


def helpful(view: Callable[..., Any]) -> Callable[..., Any]:
    """A view whose errors become pages."""

    @wraps(view)
    def inner(admin: "InspectionAdmin", request: StaffRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return view(admin, request, *args, **kwargs)
        except HelpfulError as error:
            return error_page(admin.admin_site, request, error, opts=admin.opts)

    return inner


@helpful
def chosen(admin: "InspectionAdmin", request: StaffRequest) -> HttpResponse:
    """From a list, with rows that are ticked, to the confirmation page. Changes nothing."""
    keys = read_rows(request.POST.getlist(ACTION_CHECKBOX_NAME))
    action = _find(admin, request.POST.get("action", ""))
    address = _selected_url(admin.opts, action.name)
    query = [("row", str(key)) for key in keys] + [("next", request.get_full_path())]
    return HttpResponseRedirect(f"{address}?{urlencode(query)}")


def _find(admin: "InspectionAdmin", name: str) -> RowAction:
    for action in admin.row_actions:
        if action.name == name:
            return action
    raise NotThereError(f"There is no action “{name[:40]}” on {admin.opts.verbose_name_plural}.")


@helpful
def _view(
    admin: "InspectionAdmin", request: StaffRequest, name: str, object_ids: Sequence[str] | None
) -> HttpResponse:
    """Ask with GET, act with POST. `object_ids`: None for a selection."""
    action = _find(admin, name)
    if not may(admin, request, action):
        raise PermissionDenied
    if object_ids is None and not action.in_lists:
        raise NotThereError(f"“{action.label}” works on one row at a time.")
    if request.method in ("GET", "HEAD"):
        with reading(admin.read_alias):
            given = request.GET.getlist("row") if object_ids is None else object_ids
            keys = read_rows(given)
            rows = _rows(admin, request, keys)
            _may_begin(action, request, rows)
            asked = action.fields(request.access, rows)
            initial = filled([*asked], request.GET)
            code = _code_check(admin, request, action, rows)
            form = ActionForm(action=action, access=request.access, rows=rows,
                              check_code=code, initial=initial)  # fmt: skip
            return _page(admin, request, action, rows, form).render()
    if request.method != "POST":
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    return _act(admin, request, action, object_ids)


def code_check(admin: "InspectionAdmin", request: StaffRequest) -> CodeCheck | None:
    """What takes the second factor again; None when it was shown a short while ago."""
    site = admin.admin_site
    return (lambda code: site.check_code(request, code)) if site.needs_code(request) else None


def _code_check(
    admin: "InspectionAdmin", request: StaffRequest, action: RowAction, rows: Sequence[Any]
) -> CodeCheck | None:
    return code_check(admin, request) if action.is_drastic(len(rows)) else None


def _rows(admin: "InspectionAdmin", request: StaffRequest, keys: Any) -> list[Any]:
    """The rows of these keys, in the order of the keys. Raises `NotThereError`."""
    found = {row.pk: row for row in admin.whole_rows(request).filter(pk__in=list(keys))}
    for key in keys:
        if key not in found:
            raise NotThereError(f"There is no {admin.opts.verbose_name} {key}.")
    return [found[key] for key in keys]


def _may_begin(action: RowAction, request: StaffRequest, rows: Sequence[Any]) -> None:
    """Raise what the change would raise, before anything is filled in."""
    for row in rows:
        if not action.applies(row):
            raise ConflictError(
                f"“{action.label}” does not apply to “{short(row)}” as it is now. "
                "A colleague may have done it already."
            )
        action.refuse(request.access, row)


def _act(
    admin: "InspectionAdmin",
    request: StaffRequest,
    action: RowAction,
    object_ids: Sequence[str] | None,
) -> HttpResponse:
    seen = read_rows(request.POST.getlist("row"))
    if object_ids is not None and list(seen) != list(read_rows(object_ids)):
        raise HelpfulError(
            "The form belongs to another row than this address. Nothing was changed."
        )
    rows = _rows(admin, request, seen)
    for row in rows:
        action.refuse(request.access, row)
    form = ActionForm(request.POST, action=action, access=request.access, rows=rows,
                      check_code=_code_check(admin, request, action, rows))  # fmt: skip
    if not form.is_valid():
        return _page(admin, request, action, rows, form, seen)
    reason = form.cleaned_data.get("reason", "")
    changes = perform(admin, request, action, seen, form.values, reason)
    messages.success(request, _success(action, changes))
    return HttpResponseRedirect(_way_back(admin, request, None if object_ids is None else rows[0]))


def _page(
    admin: "InspectionAdmin",
    request: StaffRequest,
    action: RowAction,
    rows: Sequence[Any],
    form: ActionForm,
    seen: dict[UUID, str] | None = None,
) -> TemplateResponse:
    """The confirmation page. `seen`: a form that was sent before keeps what it was sent with."""
    request.current_app = admin.admin_site.name
    seen = seen or {row.pk: action.seen(row) for row in rows}
    context = {
        **admin.admin_site.each_context(request),
        "title": f"{action.label}: {_name(admin, rows)}",
        "opts": admin.opts,
        "action": action,
        "rows": [
            (short(row), url_of(admin.model, row.pk), f"{row.pk}{SEPARATOR}{seen[row.pk]}")
            for row in rows
        ],
        "form": form,
        "next": _way_back(admin, request, rows[0] if len(rows) == 1 else None),
    }
    return TemplateResponse(request, "veza/actions/confirm.html", context)


def short(row: Any) -> str:
    """What a row is called on these pages."""
    return shortened(one_line(str(row)) or str(row.pk)[:8], SHOWN)


def _name(admin: "InspectionAdmin", rows: Sequence[Any]) -> str:
    return short(rows[0]) if len(rows) == 1 else f"{len(rows)} {admin.opts.verbose_name_plural}"


def _success(action: RowAction, changes: Sequence[tuple[Any, Change]]) -> SafeString:
    """What was done, and the way to take it back."""
    row, change = changes[0]
    meta = row._meta
    if len(changes) == 1:
        name, link = short(row), undo_url(action, row, change.before, change.after)
    else:
        name, link = f"{len(changes)} {meta.verbose_name_plural}", ""
        if action.undo:
            address = _selected_url(meta, action.undo)
            link = f"{address}?{urlencode([('row', row.pk) for row, _ in changes])}"
    said = format_html("{} {}.", action.done, name)
    return format_html('{} <a href="{}">Undo</a>', said, link) if link else said


def undo_url(
    action: RowAction, row: Any, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> str:
    """The page that takes an action on a row back, filled in; empty when nothing does.

    `before` and `after` are the change's, or those of its entry in the staff log.
    """
    if not action.undo:
        return ""
    address = action_url(type(row), row.pk, action.undo)
    query = urlencode(action.undo_values(before or {}, after or {}))
    return f"{address}?{query}" if query else address


def undo_url_of(site: StaffSite, request: StaffRequest, entry: Any, row: Any = None) -> str:
    """The same for an entry of the staff log; empty when the user may not take it back.

    With its row, empty as well when the row is in a state to which the undoing does not apply.
    """
    table, _, name = entry.action.rpartition(".")
    if not entry.subject_id or entry.subject_table != table:
        return ""
    for admin in site.screens():
        model = admin.model
        if model._meta.db_table != table:
            continue
        known = {action.name: action for action in getattr(admin, "row_actions", ())}
        done = known.get(name)
        undoing = known.get(done.undo) if done else None
        if done and undoing and may(admin, request, undoing):
            row = row or model(pk=entry.subject_id)
            applies = row._state.adding or undoing.applies(row)
            return undo_url(done, row, _read(entry.before), _read(entry.after)) if applies else ""
    return ""


def _read(values: Any) -> Mapping[str, Any]:
    """What an entry holds; nothing of a document that was too large to be read."""
    return values if isinstance(values, Mapping) else {}


def _selected_url(meta: Any, action: str) -> str:
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_selected", args=[action])


def _way_back(admin: "InspectionAdmin", request: StaffRequest, row: Any) -> str:
    """The page of the row; for a selection the list that it was made in."""
    if row is not None:
        return url_of(admin.model, row.pk)
    given = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(given, allowed_hosts=None):
        return given
    meta = admin.opts
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
