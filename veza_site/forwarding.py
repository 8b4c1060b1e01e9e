"""Refuses requests if the settings do not match the proxy, because the client is then unknown.

Sign-in attempts are counted by address. If all clients had the address of the proxy, anybody could
lock out all others.
"""

import logging
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from veza_site.address import last_forwarded

#: The headers that proxies add to a request.
FORWARDED = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_REAL_IP",
    "HTTP_FORWARDED",
)
UNDECLARED = (
    "A proxy passed this request on, and BEHIND_TLS_PROXY is not set to 1: every client would have "
    "the proxy's address."
)
UNNAMED = (
    "BEHIND_TLS_PROXY is set to 1, and X-Forwarded-For does not end in the client's address: the "
    "proxy must append it to every request."
)
UNCERTAIN = (
    "X-Forwarded-Proto has more than one value, and only the proxy may write it: the proxy must "
    "replace what the client sent."
)

logger = logging.getLogger(__name__)


class ForwardingMiddleware:
    """Answers 400 in plain text, for whoever configures the proxy; logs it once a process."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.reported: set[str] = set()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        problem = _problem(request)
        if not problem:
            return self.get_response(request)
        if problem not in self.reported:
            self.reported.add(problem)
            logger.warning("requests are refused: %s", problem)
        return HttpResponse(
            f"{problem}\n",
            status=400,
            content_type="text/plain; charset=utf-8",
            headers={"Cache-Control": "no-store"},
        )


def _problem(request: HttpRequest) -> str:
    if not settings.BEHIND_TLS_PROXY:
        return UNDECLARED if any(name in request.META for name in FORWARDED) else ""
    if not last_forwarded(request.META.get("HTTP_X_FORWARDED_FOR", "")):
        return UNNAMED
    # Django would believe the first.
    return UNCERTAIN if "," in request.META.get("HTTP_X_FORWARDED_PROTO", "") else ""
