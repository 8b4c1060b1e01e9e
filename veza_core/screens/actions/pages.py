"""The pages of actions: the confirmation, and the result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import batched
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from veza_core.access import StaffRequest

from ..base import BaseScreen
from ..errors import HelpfulError, NotThereError
from ..guard import helpful
from ..labels import url_of
from ..reading import reading
from . import kept_forms
from .action import ChangeContext, ConflictError, LeftOut, RowAction, short
from .addresses import next_of, selected_url, undo_url, way_back
from .forms import ActionForm, CodeCheck, filled, usual_reasons
from .perform import GONE, Outcome, may, perform, perform_some
from .progress import MAX_NAMED, ActionRun, left_out_message, progress, with_undo
from .selection import (
    CHUNK,
    MAX_ROWS,
    Selection,
    find,
    no_effect,
    of_batch,
    of_keys,
    read_rows,
    selection_of,
    sent,
)


def action_urls(screen: BaseScreen) -> list[URLPattern]:
    """The URLs of a screen's actions: on one row, and on a selection."""
    view = screen.admin_site.admin_view(partial(_view, screen))
    return [
        path("selected/<slug:action>/", view, name=screen.url_name("selected")),
        path("<str:object_id>/<slug:action>/", view, name=screen.url_name("action")),
    ]


@helpful
def _view(
    screen: BaseScreen, request: StaffRequest, action: str, object_id: str | None = None
) -> HttpResponseBase:
    """Confirm with GET, run with POST. `object_id`: None for a selection."""
    found = find(screen, action)
    if not may(screen, request, found):
        raise PermissionDenied
    if object_id is None and not found.in_lists:
        raise NotThereError(f"“{found.label}” works on one row at a time.")
    confirmation = _Confirmation(screen, request, found, object_id)
    return confirmation.run() if request.method == "POST" else confirmation.ask()


def code_check(screen: BaseScreen, request: StaffRequest) -> CodeCheck | None:
    """The function that checks the second factor again; None if no new code is needed."""
    site = screen.admin_site
    return (lambda code: site.check_code(request, code)) if site.needs_code(request) else None


@dataclass(slots=True)
class _Confirmation:
    """The page of an action that the user has the permissions for."""

    screen: BaseScreen
    request: StaffRequest
    action: RowAction
    object_id: str | None

    def ask(self) -> HttpResponseBase:
        """The form. Raises what the change would raise, before it is filled in."""
        before = kept_forms.take(self.request)
        query = before or self.request.GET
        with reading(self.screen.read_alias):
            if self.object_id is None:
                selection = selection_of(self.screen, self.request, self.action, query)
            else:
                selection = self._with_rows(dict.fromkeys(read_rows([self.object_id]), ""))
            self._check(selection)
            form = self._form(selection, query)
            return self._page(selection, form, query, kept_forms.BACK if before else "").render()

    def run(self) -> HttpResponseBase:
        """The change, or the form again, with what is wrong."""
        query = self.request.POST
        seen = read_rows(query.getlist("row"))
        if self.object_id is not None and [*seen] != [*read_rows([self.object_id])]:
            raise HelpfulError(
                "The form is for another row than this address. Nothing was changed."
            )
        selection = self._with_rows(seen)
        if batch := query.get("batch"):
            selection.filled = of_batch(self.screen, self.action, batch)
        if len(selection.rows) == 1:
            self.action.refuse(self.request.access, selection.rows[0])
        form = self._form(selection, query)
        if not form.is_valid():
            return self._page(selection, form, query)
        several = self.object_id is None and len(seen) > 1
        return self._several(selection, form) if several else self._one(selection, form)

    def _with_rows(self, seen: Mapping[UUID, str]) -> Selection:
        """The rows of a form in their current state. Raises `NotThereError` if none is left."""
        found = of_keys(self.screen, self.request, [*seen])
        if not found:
            raise NotThereError(f"There is no {self.screen.opts.verbose_name} {next(iter(seen))}.")
        self.screen.load_names(self.screen.read_alias, found)
        keys = {row.pk for row in found}
        gone = [LeftOut(str(key)[:8], GONE) for key in seen if key not in keys]
        return Selection({row.pk: seen[row.pk] for row in found}, found, gone)

    def _check(self, selection: Selection) -> None:
        if not selection.rows:
            left_out = "; ".join(
                f"“{each.name}”: {each.why}" for each in selection.left_out[:MAX_NAMED]
            )
            raise ConflictError(f"“{self.action.label}” applies to none of these rows. {left_out}")
        if len(selection.rows) == 1:
            (row,) = selection.rows
            if not self.action.applies(row):
                raise ConflictError(f"“{short(row)}”: {no_effect(self.action)} Reload its page.")
            self.action.refuse(self.request.access, row)
            selection.seen = {row.pk: self.action.seen(row)}

    def _form(self, selection: Selection, query: QueryDict) -> ActionForm:
        """The form: with what was sent, or with what the URL fills in."""
        action, rows = self.action, selection.rows
        form = ActionForm(
            query if self.request.method == "POST" else None,
            action=action,
            access=self.request.access,
            rows=rows,
            known={name for own in selection.filled.values() for name in own},
            check_code=code_check(self.screen, self.request)
            if action.is_drastic(len(rows))
            else None,
            usual=usual_reasons(self.screen.opts.db_table, action.name),
        )
        form.initial = filled([*form.fields], query)
        return form

    def _one(self, selection: Selection, form: ActionForm) -> HttpResponseBase:
        action, request = self.action, self.request
        (key,) = selection.seen
        values = form.values_of(selection.filled.get(key, {}))
        work = ChangeContext(request, self.screen.admin_site, values, form.why)
        try:
            row, change = perform(self.screen, action, selection.seen, work)
        except ConflictError as error:
            return self._again(selection, form, error)
        if (answer := action.answer(row, change, work)) is not None:
            return answer
        link = undo_url(action, row, change, next_of(request.POST))
        messages.success(request, with_undo(f"{action.done} {short(row)}.", link))
        return HttpResponseRedirect(way_back(self.screen, request.POST, row))

    def _several(self, selection: Selection, form: ActionForm) -> HttpResponseBase:
        """All at once, or in batches on a page that shows the progress."""
        screen, request, action = self.screen, self.request, self.action
        batch, back = uuid4(), way_back(screen, request.POST, None)
        keys = [*selection.seen]
        link = ""
        if action.undo:
            link = selected_url(screen.model, action.undo, {"batch": batch, "next": back})

        def do(chunk: Sequence[UUID]) -> Outcome:
            seen = {key: selection.seen[key] for key in chunk}
            own = selection.filled
            return perform_some(
                screen, request, action, seen, lambda key: form.values_of(own.get(key, {})),
                form.why, batch,
            )  # fmt: skip

        def message(rows: Sequence[Any]) -> str:
            return f"{action.done} {self._called(rows)}."

        if len(keys) > CHUNK:
            title = f"{action.label}: {len(keys):,} {screen.opts.verbose_name_plural}"
            chunks = list(batched(keys, CHUNK))
            run = ActionRun(title, chunks, do, message, link, back, left_out=selection.left_out)
            return progress(screen, request, run)
        try:
            outcome = do(keys)
        except ConflictError as error:
            return self._again(selection, form, error)
        outcome.left_out += selection.left_out
        if outcome.changes:
            rows = [row for row, _ in outcome.changes]
            messages.success(request, with_undo(message(rows), link))
        if outcome.left_out:
            messages.warning(request, left_out_message(outcome.left_out))
        return HttpResponseRedirect(back)

    def _called(self, rows: Sequence[Any]) -> str:
        """One row by its name, several rows by their number."""
        if len(rows) == 1:
            return short(rows[0])
        return f"{len(rows):,} {self.screen.opts.verbose_name_plural}"

    def _again(
        self, selection: Selection, form: ActionForm, error: ConflictError
    ) -> TemplateResponse:
        """The form as it was sent, with the reason why nothing was done, and the current rows."""
        now = self._with_rows(selection.seen)
        now.filled = selection.filled
        now.seen = {row.pk: self.action.seen(row) for row in now.rows if self.action.applies(row)}
        form.add_error(None, error.message)
        return self._page(now, form, self.request.POST, status=error.status)

    def _page(
        self, selection: Selection, form: ActionForm, query: QueryDict, notice: str = "",
        status: int = 200,
    ) -> TemplateResponse:  # fmt: skip
        """The confirmation page. A form that was sent before keeps its values."""
        screen, action, rows = self.screen, self.action, selection.rows
        one = rows[0] if len(rows) == 1 else None
        context = {
            "title": f"{action.label}: {self._called(rows)}",
            "opts": screen.opts,
            "action": action,
            "rows": [(short(row), url_of(screen.model, row.pk)) for row in rows[:CHUNK]],
            "number": len(rows),
            "more": max(0, len(rows) - CHUNK),
            "most": MAX_ROWS,
            "selection": selection,
            "left_out": selection.left_out[:CHUNK],
            "sent": sent(selection),
            "form": form,
            "concerned": action.concerned(screen.admin_site, one, query) if one else [],
            "notice": notice,
            "batch": query.get("batch", ""),
            "next": next_of(query),
            "back": way_back(screen, query, one),
        }
        return screen.admin_site.page(self.request, "veza/actions/confirm.html", context, status)
