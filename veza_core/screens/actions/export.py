"""A list as CSV: its rows and columns, with an entry in the staff log.

Staff who may read a table can read it page by page. To export thousands of rows, they also need
`<table>.update`, which only those who work with the table have.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import connections
from django.db.models import ForeignKey, Model
from django.http import HttpResponseNotAllowed, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from veza_core.access import StaffRequest
from veza_core.db.session import database_of

from ..base import BaseScreen
from ..bounded import IN_CELL, bounded, is_unbounded
from ..columns import field_of, secret_fields
from ..display import AnyField
from ..errors import HelpfulError
from ..labels import attach, name_of
from ..listing import PLACES, Listing, read
from ..reading import reading
from . import typed
from .batches import COMPLETE, batches
from .cells import cell, csv_lines
from .forms import ReasonForm
from .pages import code_check, helpful
from .reasons import usual_reasons

#: Query string names that choose a page, and not rows.
PAGING = {*PLACES, "jump", "last"}


def export_urls(admin: BaseScreen) -> list[URLPattern]:
    """The URL of a screen's export; it uses the list's own query string."""

    def view(request: StaffRequest) -> Any:
        return _view(admin, request)

    name = f"{admin.opts.app_label}_{admin.opts.model_name}_export"
    return [path("export/", admin.admin_site.admin_view(view), name=name)]


def may_export(admin: BaseScreen, request: StaffRequest) -> bool:
    """Whether the user may export the table's rows."""
    access = request.access
    table = admin.opts.db_table
    return bool(access.may(table, "read") and access.may(table, "update"))


def export_url(admin: BaseScreen, request: StaffRequest) -> str:
    """The export of the requested list; empty if the user may not export it."""
    return _url(admin, request, "export") if may_export(admin, request) else ""


def export_fields(admin: BaseScreen) -> list[AnyField]:
    """The allowed fields: the key, and what the list's columns read. Never a secret."""
    names = ["id", *(need for name in admin.columns for need in admin.column(name).needs)]
    if admin.is_soft:
        names.append("deleted_at")
    secret = secret_fields(admin.model)
    fields = [field_of(admin.model, name) for name in dict.fromkeys(names) if name not in secret]
    return [field for field in fields if field is not None]


def headings(admin: BaseScreen, fields: Iterable[AnyField]) -> list[str]:
    """The file's columns: a key that the list shows by name has the name in the next column."""
    found = []
    for field in fields:
        found.append(str(field.column))
        if _is_named(admin, field):
            # `user` beside `user_id`.
            found.append(field.name)
    return found


def _is_named(admin: BaseScreen, field: AnyField) -> bool:
    if not isinstance(field, ForeignKey):
        return False
    target: Any = field.related_model
    screen = admin.admin_site.screen_of(target)
    return screen is not None and bool(screen.label)


def _cells(admin: BaseScreen, row: Model, fields: Iterable[AnyField]) -> list[str]:
    found = []
    for field in fields:
        found.append(cell(getattr(row, field.attname)))
        if isinstance(field, ForeignKey) and _is_named(admin, field):
            found.append(cell(name_of(row, field)))
    return found


def _url(admin: BaseScreen, request: StaffRequest, page: str) -> str:
    """A page of this screen with the list's filters."""
    address = reverse(f"admin:{admin.opts.app_label}_{admin.opts.model_name}_{page}")
    given = {name: value for name, value in request.GET.items() if value and name not in PAGING}
    return f"{address}?{urlencode(given)}" if given else address


@helpful
def _view(admin: BaseScreen, request: StaffRequest) -> HttpResponseBase:
    """Ask for a reason with GET, export with POST."""
    if not may_export(admin, request):
        raise PermissionDenied
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    listing = read(admin.screen(request), request.GET)
    given = request.POST if request.method == "POST" else None
    before = None if given else typed.take(request)
    initial = before.dict() if before else None
    form = ReasonForm(given, check_code=code_check(admin, request), initial=initial,
                      usual=usual_reasons(admin.opts.db_table, "export"))  # fmt: skip
    if form.is_valid():
        return _export(admin, request, listing, form.cleaned_data["reason"])
    request.current_app = admin.admin_site.name
    context = {
        **admin.admin_site.each_context(request),
        "title": f"Export {admin.opts.verbose_name_plural} as CSV",
        "opts": admin.opts,
        "form": form,
        "notice": typed.BACK if before else "",
        "list_url": _url(admin, request, "changelist"),
        "filters": _filters(listing),
        "columns": headings(admin, export_fields(admin)),
        "cap": f"{settings.EXPORT_MAX_ROWS:,}",
    }
    return TemplateResponse(request, "veza/actions/export.html", context)


def _filters(listing: Listing) -> list[str]:
    """The names of the active filters; their values are not logged."""
    return [*listing.keys, *listing.criteria, *listing.options, *listing.range]


def _export(
    admin: BaseScreen, request: StaffRequest, listing: Listing, reason: str
) -> StreamingHttpResponse:
    """Log it, then send it: without the entry, no row is sent."""
    table = admin.opts.db_table
    fields = export_fields(admin)
    contents = {"filters": _filters(listing), "columns": headings(admin, fields)}
    admin.admin_site.record(request, f"{table}.export", admin.model, reason=reason, after=contents)
    with reading(admin.read_alias):
        database = database_of(connections[admin.read_alias])
    # The database is only in the file's name, because the first line has the columns' names.
    database = re.sub(r"[^A-Za-z0-9_]+", "-", database)
    name = f"{table}-{database}-{timezone.now():%Y-%m-%d-%H%M%S}.csv"
    return StreamingHttpResponse(
        _stream(admin, request, listing, fields),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _stream(
    admin: BaseScreen, request: StaffRequest, listing: Listing, fields: list[AnyField]
) -> Iterator[bytes]:
    """The file, batch by batch. At its end, or if the client disconnects, how much was sent."""
    names = [field.name for field in fields]
    # As text, as PostgreSQL writes it, so that a number of any length stays exact.
    rows = bounded(admin.get_queryset(request), names, IN_CELL, parse=False)
    large = any(map(is_unbounded, fields))
    cap, sent, ending = settings.EXPORT_MAX_ROWS, 0, "interrupted"
    try:
        # Without this mark, spreadsheets read a file in their country's old encoding.
        yield b"\xef\xbb\xbf" + csv_lines([headings(admin, fields)])
        for batch, end in batches(rows, listing, large=large):
            part = batch[: cap - sent]
            sent += len(part)
            with reading(admin.read_alias):
                # The names for a batch in one query, as on a page.
                attach(request, admin.admin_site, admin.read_alias, part)
            yield csv_lines([_cells(admin, row, fields) for row in part])
            ending = end or ending
            if len(batch) > len(part) or (sent == cap and not end):
                ending = f"stopped: an export has {cap:,} rows at most"
                break
    except HelpfulError as error:
        ending = f"interrupted: {error.message}"
    finally:
        admin.admin_site.record(
            request,
            f"{admin.opts.db_table}.exported",
            admin.model,
            after={"rows": sent, "ending": ending},
        )
    if ending != COMPLETE:
        yield csv_lines([[f"({ending}; there may be more. Filter the list to get them.)"]])
