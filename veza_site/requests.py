"""What a request may bring: a form of this site's, and nothing else, before anything is read of it.

Django would read an upload to the disk before it asks who sends it, and decode by whatever codec of
Python's the content type names.
"""

import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    UnreadablePostError,
)
from django.template.loader import render_to_string

#: The only kind of body that a form of this site has: in UTF-8, said or not. Anybody may send it
#: eight thousand blanks: none of its parts gives back what it took.
FORM = re.compile(
    r"application/x-www-form-urlencoded\s*+"
    r"(;\s*+(charset\s*+=\s*+(\"utf-?8\"|utf-?8)\s*+)?)?",
    re.IGNORECASE,
)

#: What runserver, by wsgiref, says of a request that says nothing of its kind.
UNSAID = "text/plain"

#: Octets of a body. The largest form of this site has a note of 4,000 characters, or 50 keys; each
#: octet of them may be three, written as %xx.
LARGEST = 131_072

#: Where `checked` leaves what is wrong for `RequestsMiddleware`.
REFUSED = "veza.refused"


def checked(environ: dict[str, Any]) -> dict[str, Any]:
    """A request's environment in which nothing is left that Django cannot read.

    Its own class for requests raises where a content type is malformed, before any middleware runs.
    What is refused is noted, and taken away.
    """
    status = _refusal(environ)
    if status is None:
        return environ
    return {
        **environ,
        REFUSED: status,
        "CONTENT_TYPE": "",
        "CONTENT_LENGTH": "0",
    }


def _refusal(environ: dict[str, Any]) -> HTTPStatus | None:
    """The status by which a request is refused for its body; None: it is not."""
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
        # Where a charset or the syntax is at fault, too: 415 is for another kind of body.
        same = kind.lower().startswith("application/x-www-form-urlencoded")
        return HTTPStatus.BAD_REQUEST if same else HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    if int(length) and not kind:
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    return None


#: What browsers send. Django would take any other for a GET, or for a POST without a form.
METHODS = ("GET", "HEAD", "POST")


class RequestsMiddleware:
    """Answers what `checked` refused with the page for malformed requests, other methods with 405.

    So it does with half a form, of a client that broke off: nobody meant to send it.

    Cookies with a NUL, which may be written as an octal escape, are not there for what follows:
    they are none of this site's, and PostgreSQL has a NUL in no text.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        status = request.META.get(REFUSED)
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
    """Read the body; whether it has the length that was announced."""
    try:
        return len(request.body) == int(request.META.get("CONTENT_LENGTH") or 0)
    except UnreadablePostError:
        return False


def is_refused(method: str, headers: Iterable[tuple[str, str]]) -> bool:
    """Whether `checked` refuses a request, by its header: its body need not be read to the end."""
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
