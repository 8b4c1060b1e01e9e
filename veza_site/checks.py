"""System checks of a deployment (`check --deploy`)."""

import os
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

WITHOUT_KEY = (
    "SECRET_KEY is not set, and the web server signs with it: set it to 50 random characters or "
    "more, or set DEBUG=1 on a development machine"
)
WITHOUT_PROXY = (
    "BEHIND_TLS_PROXY is not set, and the web server does not guess whose address it sees: set it "
    "to 1 behind a proxy that always sets X-Forwarded-Proto and X-Forwarded-For, or to 0 if "
    "clients connect directly"
)


def secret_key() -> str:
    """SECRET_KEY, or an empty string: Django raises an error if it is empty."""
    try:
        return settings.SECRET_KEY
    except ImproperlyConfigured:
        return ""


def proxy_is_declared() -> bool:
    """Whether the settings say if there is a proxy. With DEBUG on, there is none."""
    return settings.DEBUG or bool(os.environ.get("BEHIND_TLS_PROXY", "").strip())


@register(Tags.security, deploy=True)
def secret_key_is_set(**_: Any) -> list[CheckMessage]:
    """Report a production without SECRET_KEY, which cannot sign sessions."""
    return [] if secret_key() else [Error(WITHOUT_KEY, id="veza_site.E001")]


@register(Tags.security, deploy=True)
def proxy_is_set(**_: Any) -> list[CheckMessage]:
    """Report a production that does not say whether there is a proxy in front of it."""
    return [] if proxy_is_declared() else [Error(WITHOUT_PROXY, id="veza_site.E002")]
