"""System checks of a deployment (`check --deploy`)."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

WITHOUT_KEY = (
    "SECRET_KEY is not set, and the web server signs with it: give it 50 random characters or "
    "more, or set DEBUG=1 on a machine for development"
)


def secret_key() -> str:
    """The key, or nothing: Django raises an error where it is empty."""
    try:
        return settings.SECRET_KEY
    except ImproperlyConfigured:
        return ""


@register(Tags.security, deploy=True)
def secret_key_is_set(**_: Any) -> list[CheckMessage]:
    """Report a production without SECRET_KEY, which could not sign a session."""
    return [] if secret_key() else [Error(WITHOUT_KEY, id="veza_site.E001")]
