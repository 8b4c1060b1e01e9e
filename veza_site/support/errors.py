"""Pages for what no view answers: Django's handlers, in the site's look."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.views import defaults

from veza_core.admin.errors import HelpfulError, error_page


class BadRequestError(HelpfulError):
    """A request that Django refused before a view saw it."""

    title = "This request is not valid"


class NotAllowedError(HelpfulError):
    """A page or an action for which a right is missing."""

    status = 403
    title = "Not allowed"


class NoSuchPageError(HelpfulError):
    """An address that the site does not have."""

    status = 404
    title = "Not found"


class ForeignFormError(NotAllowedError):
    """A form without the token that this site put into it."""

    title = "This form cannot be accepted"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: too large, malformed, or from a host that is not ours."""
    if not hasattr(request, "access"):
        return defaults.bad_request(request, exception)
    return _page(request, BadRequestError("The request is malformed, or too large. Start anew."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: signed in, without the right."""
    if not hasattr(request, "access"):
        return defaults.permission_denied(request, exception)
    return _page(
        request,
        NotAllowedError("You lack the right to this. Somebody who grants roles can give it."),
    )


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: no such address. Says nothing to who is not signed in but that."""
    if not hasattr(request, "access"):
        return defaults.page_not_found(request, exception)
    return _page(request, NoSuchPageError("There is no page at this address. Search for it."))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: most often a form that was open while somebody signed out and in again."""
    message = "It was opened before you signed in, or elsewhere. Nothing was changed: open it anew."
    if not hasattr(request, "access"):
        return HttpResponse(message, status=403, content_type="text/plain; charset=utf-8")
    return _page(request, ForeignFormError(message))


def _page(request: Any, error: HelpfulError) -> HttpResponse:
    return error_page(admin.site, request, error).render()
