"""A list as CSV: its rows and columns, with an entry in the staff log.

Staff who may read a table can read it page by page. To export thousands of rows, they also need
`<table>.update`, which only those who work with the table have.
"""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import connections
from django.db.models import ForeignKey, Model
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone

from veza_core.access import StaffRequest
from veza_core.db.session import database_of

from ..base import BaseScreen
from ..bounded import IN_CELL, bounded, is_read_as_text
from ..columns import field_of, secret_fields
from ..display import AnyField
from ..errors import HelpfulError
from ..guard import helpful
from ..labels import attach, name_of, view_url
from ..listing import PAGING, Listing, read
from ..reading import reading
from . import kept_forms
from .batches import COMPLETE, batches
from .cells import cell, csv_lines
from .forms import ReasonForm, usual_reasons
from .pages import code_check


def export_urls(screen: BaseScreen) -> list[URLPattern]:
    """The URL of a screen's export; it uses the list's own query string."""
    view = screen.admin_site.admin_view(partial(_view, screen))
    return [path("export/", view, name=screen.url_name("export"))]


def may_export(screen: BaseScreen, request: StaffRequest) -> bool:
    """Whether the user may export the table's rows."""
    access = request.access
    table = screen.opts.db_table
    return bool(access.may(table, "read") and access.may(table, "update"))


def export_url(screen: BaseScreen, request: StaffRequest) -> str:
    """The export of the requested list; empty if the user may not export it."""
    return _url(screen, request, "export") if may_export(screen, request) else ""


def export_fields(screen: BaseScreen) -> list[AnyField]:
    """The allowed fields: the key, and what the list's columns read. Never a secret."""
    names = ["id", *(need for name in screen.columns for need in screen.column(name).needs)]
    if screen.is_soft:
        names.append("deleted_at")
    secret = secret_fields(screen.model)
    fields = [field_of(screen.model, name) for name in dict.fromkeys(names) if name not in secret]
    return [field for field in fields if field is not None]


def headings(screen: BaseScreen, fields: Iterable[AnyField]) -> list[str]:
    """The file's columns: a key that the list shows by name has the name in the next column."""
    found = []
    for field in fields:
        found.append(str(field.column))
        if _is_named(screen, field):
            # `user` next to `user_id`.
            found.append(field.name)
    return found


def _is_named(screen: BaseScreen, field: AnyField) -> bool:
    if not isinstance(field, ForeignKey):
        return False
    target: Any = field.related_model
    named = screen.admin_site.screen_of(target)
    return named is not None and bool(named.label)


def _cells(screen: BaseScreen, row: Model, fields: Iterable[AnyField]) -> list[str]:
    found = []
    for field in fields:
        found.append(cell(getattr(row, field.attname)))
        if isinstance(field, ForeignKey) and _is_named(screen, field):
            found.append(cell(name_of(row, field)))
    return found


def _url(screen: BaseScreen, request: StaffRequest, page: str) -> str:
    """A page of this screen with the list's filters."""
    address = view_url(screen.model, page)
    given = {name: value for name, value in request.GET.items() if value and name not in PAGING}
    return f"{address}?{urlencode(given)}" if given else address


@helpful
def _view(screen: BaseScreen, request: StaffRequest) -> HttpResponseBase:
    """Ask for a reason with GET, export with POST."""
    if not may_export(screen, request):
        raise PermissionDenied
    listing = read(screen.parameters(request), request.GET)
    given = request.POST if request.method == "POST" else None
    before = None if given else kept_forms.take(request)
    initial = before.dict() if before else None
    form = ReasonForm(given, check_code=code_check(screen, request), initial=initial,
                      usual=usual_reasons(screen.opts.db_table, "export"))  # fmt: skip
    if form.is_valid():
        return _export(screen, request, listing, form.cleaned_data["reason"])
    context = {
        "title": f"Export {screen.opts.verbose_name_plural} as CSV",
        "opts": screen.opts,
        "form": form,
        "notice": kept_forms.BACK if before else "",
        "list_url": _url(screen, request, "changelist"),
        "filters": _filters(listing),
        "columns": headings(screen, export_fields(screen)),
        "cap": f"{settings.EXPORT_MAX_ROWS:,}",
    }
    return screen.admin_site.page(request, "veza/actions/export.html", context)


def _filters(listing: Listing) -> list[str]:
    """The names of the active filters; their values are not logged."""
    return [*listing.keys, *listing.criteria, *listing.options, *listing.range]


def _export(
    screen: BaseScreen, request: StaffRequest, listing: Listing, reason: str
) -> StreamingHttpResponse:
    """Log it, then send it: without the entry, no row is sent."""
    table = screen.opts.db_table
    fields = export_fields(screen)
    contents = {"filters": _filters(listing), "columns": headings(screen, fields)}
    screen.admin_site.record(
        request, f"{table}.export", screen.model, reason=reason, after=contents
    )
    with reading(screen.read_alias):
        database = database_of(connections[screen.read_alias])
    # The database is only in the file's name, because the first line has the columns' names.
    database = re.sub(r"[^A-Za-z0-9_]+", "-", database)
    name = f"{table}-{database}-{timezone.now():%Y-%m-%d-%H%M%S}.csv"
    return StreamingHttpResponse(
        _stream(screen, request, listing, fields),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _stream(
    screen: BaseScreen, request: StaffRequest, listing: Listing, fields: list[AnyField]
) -> Iterator[bytes]:
    """The file, batch by batch. At its end, or if the client disconnects, how much was sent."""
    names = [field.name for field in fields]
    # As text, as PostgreSQL writes it, so that a number of any length stays exact.
    rows = bounded(screen.get_queryset(request), names, IN_CELL, parse=False)
    large = any(map(is_read_as_text, fields))
    cap, sent, ending = settings.EXPORT_MAX_ROWS, 0, "interrupted"
    try:
        # Without this mark, spreadsheets read a file in their country's old encoding.
        yield b"\xef\xbb\xbf" + csv_lines([headings(screen, fields)])
        for batch, end in batches(rows, listing, large=large):
            part = batch[: cap - sent]
            sent += len(part)
            with reading(screen.read_alias):
                # The names for a batch in one query, as on a page.
                attach(request, screen.admin_site, part)
            yield csv_lines([_cells(screen, row, fields) for row in part])
            ending = end or ending
            if len(batch) > len(part) or (sent == cap and not end):
                ending = f"stopped: an export has {cap:,} rows at most"
                break
    except HelpfulError as error:
        ending = f"interrupted: {error.message}"
    finally:
        screen.admin_site.record(
            request,
            f"{screen.opts.db_table}.exported",
            screen.model,
            after={"rows": sent, "ending": ending},
        )
    if ending != COMPLETE:
        yield csv_lines([[f"({ending}; there may be more. Filter the list to get them.)"]])
