"""Headers of every answer: pages, redirects, errors, probes and static files."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

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
}


class HeadersMiddleware:
    """The first of all, so that what others answer passes through it too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response
