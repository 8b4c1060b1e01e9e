"""`/metrics`, for Prometheus: what `manage.py status` shows, for clients with the token."""

import threading
import time
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.crypto import constant_time_compare

PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: Seconds for which a process reuses its response.
CACHE_SECONDS = 5.0


class MetricsMiddleware:
    """Responds before all other middleware, like /healthz, because clients connect by IP address.

    Without METRICS_TOKEN this page does not exist. With it, the page needs `Authorization: Bearer
    …`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.lock = threading.Lock()
        self.text, self.read_at = "", float("-inf")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info != PATH or not settings.METRICS_TOKEN:
            return self.get_response(request)
        given = request.headers.get("Authorization", "")
        if not constant_time_compare(given, f"Bearer {settings.METRICS_TOKEN}"):
            return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return HttpResponse(
            self._text(), content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"}
        )

    def _text(self) -> str:
        """The metrics. One request at a time queries the database; the others get its result."""
        with self.lock:
            if time.monotonic() - self.read_at > CACHE_SECONDS:
                self.text, self.read_at = _read(), time.monotonic()
            return self.text


def _read() -> str:
    # Imported here, because most processes never need it.
    from veza_site.status.prometheus import render
    from veza_site.status.report import read_report

    try:
        return render(read_report(connection))
    except (DatabaseError, InterfaceError):
        # A broken connection would stay broken.
        connection.close()
        return render(None)
