"""Headers of every answer: pages, redirects, errors, probes and static files."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.middleware.security import SecurityMiddleware

#: What a browser lets pages do besides what every page may. They copy ids, and nothing else.
FEATURES = (
    "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media",
    "fullscreen", "gamepad", "geolocation", "gyroscope", "hid", "idle-detection",
    "local-fonts", "magnetometer", "microphone", "midi", "payment", "picture-in-picture",
    "publickey-credentials-get", "screen-wake-lock", "serial", "usb",
    "xr-spatial-tracking",
)  # fmt: skip

HEADERS = {
    "Permissions-Policy": ", ".join(
        [*(f"{feature}=()" for feature in FEATURES), "clipboard-write=(self)"]
    ),
    # No other site includes what is here, not even as a picture.
    "Cross-Origin-Resource-Policy": "same-origin",
    # What views and static files do not say themselves.
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # Pages have one of their own, with nonces.
    "Content-Security-Policy": (
        "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


class HeadersMiddleware:
    """The first of all, so that what others answer passes through it too.

    Some answer before Django's SecurityMiddleware, which would send them to HTTPS: its headers are
    set here.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.security = SecurityMiddleware(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        self.security.process_response(request, response)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response
