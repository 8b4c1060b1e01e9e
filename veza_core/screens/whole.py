"""Downloads of values of which a page shows only the beginning: `<row>/value/<column>/`."""

from collections.abc import Iterator
from functools import partial
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models.functions import Substr
from django.http import HttpResponseNotAllowed, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

from veza_core.access import StaffRequest

from .bounded import Excerpt, as_text
from .columns import field_of
from .display import AnyField
from .errors import NotThereError
from .guard import READING, helpful
from .reading import reading
from .row_page import RowPages

#: Characters that are read at a time.
SLICE = 1_000_000


def value_urls(screen: RowPages) -> list[URLPattern]:
    """The URL pattern for the values of a screen's rows."""
    view = screen.admin_site.admin_view(partial(_view, screen))
    name = screen.url_name("value")
    return [path("<str:object_id>/value/<slug:column>/", view, name=name)]


@helpful
def _view(screen: RowPages, request: StaffRequest, object_id: str, column: str) -> HttpResponseBase:
    """A value of which the row's page shows the user the beginning; nothing else, so no secret."""
    if not screen.has_view_permission(request):
        raise PermissionDenied
    if request.method not in READING:
        return HttpResponseNotAllowed(READING)
    with reading(screen.read_alias):
        row = screen.get_object(request, object_id)
        screen.make_ready(request, [row])
    field = field_of(screen.model, column)
    if field is None or not isinstance(row.__dict__.get(field.attname), Excerpt):
        raise NotThereError(
            f"The page of this {screen.opts.verbose_name} already shows the whole value."
        )
    table = screen.opts.db_table
    screen.admin_site.record(request, f"{table}.download", row, after={"column": field.column})
    name = f"{table}-{row.pk}-{field.column}.txt"
    return StreamingHttpResponse(
        _slices(screen, row.pk, field),
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _slices(screen: RowPages, pk: UUID, field: AnyField) -> Iterator[bytes]:
    """The value in slices, each in a separate transaction."""
    rows = screen.model._base_manager.using(screen.read_alias).filter(pk=pk)
    start = 1
    while True:
        with reading(screen.read_alias):
            text = rows.values_list(Substr(as_text(field), start, SLICE), flat=True).first()
        if not text:
            return
        yield text.encode()
        start += SLICE
