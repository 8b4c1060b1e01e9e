"""Known browsers, which attempts of strangers do not delay.

A signed cookie says that the browser signed in to an account, until `token_version` is raised or
the cookie is too old. It gives no access: password and code are still needed. (OWASP, "Slow Down
Online Guessing Attacks with Device Cookies".)
"""

import secrets

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse

from veza_core.models import User

SALT = "veza_site.support.devices"
DAY = 24 * 3600


def known_device(request: HttpRequest | None, user: User | None) -> str | None:
    """The key of the request's browser, if it signed in to the account before."""
    known = _read_cookie(request)
    if known is None or user is None:
        return None
    device, account, version = known
    return device if (account, version) == (str(user.pk), user.token_version) else None


def signed_in_before(request: HttpRequest | None) -> bool:
    """Whether the request's browser signed in before, to any account; reads no table."""
    return _read_cookie(request) is not None


def _read_cookie(request: HttpRequest | None) -> tuple[str, str, int] | None:
    """What the cookie says: the browser's key, an account, its `token_version`."""
    cookie = request.COOKIES.get(settings.KNOWN_BROWSER_COOKIE_NAME) if request else None
    try:
        device, account, version = TimestampSigner(salt=SALT).unsign_object(
            cookie or "", max_age=settings.KNOWN_BROWSER_DAYS * DAY
        )
    except (BadSignature, TypeError, ValueError):
        return None
    return device, account, version


def remember(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Make the browser known from now on; a known one keeps its key."""
    device = known_device(request, user) or secrets.token_hex(16)
    cookie = TimestampSigner(salt=SALT).sign_object([device, str(user.pk), user.token_version])
    response.set_cookie(
        settings.KNOWN_BROWSER_COOKIE_NAME,
        cookie,
        max_age=settings.KNOWN_BROWSER_DAYS * DAY,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )
