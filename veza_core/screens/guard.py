"""The wrappers of the views of screens."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseNotAllowed
from django.template.response import SimpleTemplateResponse

from veza_core.access import StaffRequest

from .actions.addresses import origin_of
from .base import BaseScreen
from .errors import HelpfulError, error_page
from .reading import reading

#: Methods that change nothing.
READING = ("GET", "HEAD")


def helpful(view: Callable[..., Any]) -> Callable[..., Any]:
    """A view of a screen whose errors become pages."""

    @wraps(view)
    def inner(screen: BaseScreen, request: StaffRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return view(screen, request, *args, **kwargs)
        except HelpfulError as error:
            origin = origin_of(screen, request, error)
            return error_page(screen.admin_site, request, error, opts=screen.opts, origin=origin)

    return inner


def guarded(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The same, read and rendered in one guarded transaction, with an entry in the staff log."""

    @helpful
    @wraps(view)
    def inner(screen: BaseScreen, request: StaffRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method not in READING:
            return view(screen, request, *args, **kwargs)
        with reading(screen.read_alias):
            response = view(screen, request, *args, **kwargs)
            if isinstance(response, SimpleTemplateResponse):
                response.render()
        # Outside the transaction, which may belong to another, read-only database.
        screen.log_reading(request)
        return response

    return inner


def row_view(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The same for a page of a row, which the view gets instead of an id."""

    @guarded
    @wraps(view)
    def inner(screen: Any, request: StaffRequest, object_id: str, **page: str) -> HttpResponse:
        if not screen.may_open(request, page.get("page", "")):
            raise PermissionDenied
        if request.method not in READING:
            return HttpResponseNotAllowed(READING)
        request.inspected = screen.get_object(request, object_id)
        return view(screen, request, request.inspected, **page)

    return inner
