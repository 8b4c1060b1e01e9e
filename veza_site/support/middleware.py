"""`request.access`: who asks, and what they may do, read from the tables with every request."""

from collections.abc import Callable

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse

from veza_core.access import Access, access_of


class AccessRequest(HttpRequest):
    """A request after `AccessMiddleware`; for annotations only."""

    access: Access


class AccessMiddleware:
    """Sets `request.access`, once a request, after Django's authentication."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        access = access_of(user) if user.is_authenticated else Access(AnonymousUser())
        request.access = access  # type: ignore[attr-defined]
        return self.get_response(request)
