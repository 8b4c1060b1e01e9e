"""Secrets of the settings, masked wherever settings, variables and errors are shown.

By their values: an error's text, a local variable or the environment of a request holds them under
any name. `veza_site.error_reports` masks by names, too.
"""

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from html import escape
from urllib.parse import quote, unquote

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from veza_site.environment import SECRET_NAMES

MASK = "********************"

#: What libpq reads as a secret, beside the settings.
PG_SECRETS = ("PGPASSWORD", "PGSSLPASSWORD", "PGOAUTHCLIENTSECRET")

#: A shorter value stands in many words, which would be masked too.
SHORTEST = 6

#: The password of any URL, and of a connection string.
IN_URL = re.compile(r"(?<=://)([^\s:/@?#]*):[^\s/]*@")
IN_CONNECTION = re.compile(
    r"\b((?:ssl)?password|passwd)(\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&'\"]+)", re.IGNORECASE
)


def masked(text: str) -> str:
    """The text without the secrets of the settings, and without passwords of URLs."""
    for value in _spellings(frozenset(_values())):
        text = text.replace(value, MASK)
    return IN_CONNECTION.sub(rf"\1\2{MASK}", IN_URL.sub(rf"\1:{MASK}@", text))


def _values() -> Iterator[str]:
    for name in (*SECRET_NAMES, *PG_SECRETS):
        yield os.environ.get(name, "").strip()
    # gunicorn's first process never loads the settings.
    if settings.configured:
        for name in SECRET_NAMES:
            yield _setting(name)
        for database in settings.DATABASES.values():
            yield str(database.get("PASSWORD") or "")
            yield str(database.get("OPTIONS", {}).get("sslpassword") or "")


def _setting(name: str) -> str:
    try:
        return str(getattr(settings, name, "") or "")
    except ImproperlyConfigured:
        # Django refuses to give an empty SECRET_KEY.
        return ""


@lru_cache(maxsize=4)
def _spellings(values: frozenset[str]) -> tuple[str, ...]:
    """The values as Python's repr, a URL, HTML, and HTML of a repr write them, longest first."""
    spelled = {
        spelling
        for value in values
        if len(value) >= SHORTEST
        for text in (value, unquote(value), quote(value, safe=""))
        for spelling in (text, repr(text)[1:-1], escape(text), escape(repr(text)[1:-1]))
    }
    return tuple(sorted(spelled, key=len, reverse=True))
