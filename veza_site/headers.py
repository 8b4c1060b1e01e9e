"""The headers of every response: pages, redirects, errors, probes and static files."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.middleware.security import SecurityMiddleware

#: What no page may use: pages copy ids, and use nothing else of a browser.
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
    # No other site may embed anything from here, not even as a picture.
    "Cross-Origin-Resource-Policy": "same-origin",
    # For views and static files that do not set them.
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # Pages have one of their own, with nonces.
    "Content-Security-Policy": (
        "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


class HeadersMiddleware:
    """The first middleware, so that it also sees responses of the others.

    Some of them respond before Django's SecurityMiddleware, which would redirect to HTTPS. So its
    headers are set here.
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
