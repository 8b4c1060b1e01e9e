"""The entry point for a WSGI server."""

import os
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from veza_core.db.url import NO_DATABASE
from veza_site import loopback
from veza_site.checks import WITHOUT_KEY, WITHOUT_PROXY, proxy_is_declared, secret_key
from veza_site.requests import checked

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")

_application = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """Django's application, for requests that it can read."""
    return _application(checked(environ), start_response)


# Checked at the start, and not at the first request.
if settings.DATABASES["default"]["NAME"] == "":
    raise ImproperlyConfigured(NO_DATABASE)
if not secret_key():
    raise ImproperlyConfigured(WITHOUT_KEY)
if settings.DEBUG and not loopback.is_confirmed():
    raise ImproperlyConfigured(loopback.UNCONFIRMED)
if settings.DEBUG and settings.BEHIND_TLS_PROXY:
    raise ImproperlyConfigured(loopback.BEHIND_PROXY)
if not proxy_is_declared():
    raise ImproperlyConfigured(WITHOUT_PROXY)
