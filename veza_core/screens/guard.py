"""The wrapper of every view of a screen."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpResponse
from django.template.response import SimpleTemplateResponse

from veza_core.access import StaffRequest

from .actions.addresses import origin_of
from .base import BaseScreen
from .errors import HelpfulError, error_page
from .reading import reading

#: Methods that change nothing.
READING = ("GET", "HEAD")


def guarded(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A view of a screen: read and rendered in one guarded transaction, with pages for errors."""

    @wraps(view)
    def inner(self: BaseScreen, request: StaffRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            if request.method not in READING:
                return view(self, request, *args, **kwargs)
            with reading(self.read_alias):
                response = view(self, request, *args, **kwargs)
                if isinstance(response, SimpleTemplateResponse):
                    response.render()
        except HelpfulError as error:
            origin = origin_of(self, request, error)
            return error_page(self.admin_site, request, error, opts=self.opts, origin=origin)
        # Outside the transaction, which may belong to another, read-only database.
        self.remember(request)
        return response

    return inner
