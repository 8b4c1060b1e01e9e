"""Accepts only requests that this site's forms can send, before it reads their bodies.

Django would write an upload to the disk before it checks who sends it, and would decode it with any
Python codec that the content type names.
"""

import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, UnreadablePostError
from django.template.loader import render_to_string

#: The only content type of this site's forms: UTF-8, stated or not. Anybody may send a header with
#: eight thousand spaces, so no part of the pattern backtracks.
FORM = re.compile(
    r"application/x-www-form-urlencoded\s*+"
    r"(;\s*+(charset\s*+=\s*+(\"utf-?8\"|utf-?8)\s*+)?)?",
    re.IGNORECASE,
)

#: The content type that runserver (wsgiref) reports for a request without one.
UNSAID = "text/plain"

#: The largest body, in bytes. The largest form of this site has a note of 4,000 characters, or 50
#: keys; each byte may be three, written as %xx.
LARGEST = 131_072

#: Where `checked` stores the problem for `RequestsMiddleware`.
REFUSED_STATUS = "veza.refused"


def checked(environ: dict[str, Any]) -> dict[str, Any]:
    """The environment of a request, without anything that Django cannot read.

    Django's request class raises an error for a malformed content type, before any middleware runs.
    So what is refused is recorded here, and removed.
    """
    status = _refusal(environ)
    if status is None:
        return environ
    return {
        **environ,
        REFUSED_STATUS: status,
        "CONTENT_TYPE": "",
        "CONTENT_LENGTH": "0",
    }


def _refusal(environ: dict[str, Any]) -> HTTPStatus | None:
    """The status with which a request is refused because of its body; None if it is not."""
    kind = environ.get("CONTENT_TYPE", "").strip()
    length = environ.get("CONTENT_LENGTH", "").strip() or "0"
    if environ.get("HTTP_TRANSFER_ENCODING"):
        return HTTPStatus.LENGTH_REQUIRED
    if not (length.isascii() and length.isdecimal()) or len(length) > 20:
        return HTTPStatus.BAD_REQUEST
    if int(length) > LARGEST:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    if environ.get("REQUEST_METHOD") != "POST" and int(length):
        return HTTPStatus.BAD_REQUEST
    if kind == UNSAID and not int(length):
        return None
    if kind and not FORM.fullmatch(kind):
        # Also for a wrong charset or syntax. Status 415 is for other kinds of body.
        same = kind.lower().startswith("application/x-www-form-urlencoded")
        return HTTPStatus.BAD_REQUEST if same else HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    if int(length) and not kind:
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    return None


#: The methods that browsers send. Django would treat any other as GET, or as POST without a form.
METHODS = ("GET", "HEAD", "POST")


class RequestsMiddleware:
    """Answers refused requests: 405 for other methods, otherwise the page for malformed requests.

    It also refuses an incomplete form from a client that disconnected, because nobody meant to send
    it. It removes cookies that contain a NUL, also as an octal escape: they are not this site's,
    and PostgreSQL's text cannot contain a NUL.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        status = request.META.get(REFUSED_STATUS)
        if status is None and request.method not in METHODS:
            return HttpResponseNotAllowed(METHODS)
        if status is None and request.method == "POST" and not _is_whole(request):
            status = HTTPStatus.BAD_REQUEST
        if status is None:
            request.COOKIES = {
                name: value for name, value in request.COOKIES.items() if "\0" not in value
            }
            return self.get_response(request)
        return HttpResponse(render_to_string("400.html"), status=status)


def _is_whole(request: HttpRequest) -> bool:
    """Read the body, and return whether it has the announced length."""
    try:
        return len(request.body) == int(request.META.get("CONTENT_LENGTH") or 0)
    except UnreadablePostError:
        return False


def is_refused(method: str, headers: Iterable[tuple[str, str]]) -> bool:
    """Whether `checked` refuses a request by its headers. Then its body need not be read to the
    end.
    """
    given = {name.upper().replace("-", "_"): value for name, value in headers}
    return (
        _refusal(
            {
                "REQUEST_METHOD": method,
                "CONTENT_TYPE": given.get("CONTENT_TYPE", ""),
                "CONTENT_LENGTH": given.get("CONTENT_LENGTH", ""),
                "HTTP_TRANSFER_ENCODING": given.get("TRANSFER_ENCODING", ""),
            }
        )
        is not None
    )
