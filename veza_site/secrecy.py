"""Masks the secrets of the settings wherever settings, variables and errors are shown.

It searches for their values, because an error's text, a local variable or the environment of a
request can contain them under any name. `veza_site.error_reports` also masks by name.
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

#: What libpq reads as a secret, in addition to the settings.
PG_SECRETS = ("PGPASSWORD", "PGSSLPASSWORD", "PGOAUTHCLIENTSECRET")

#: A shorter value is part of many words, which would be masked too.
SHORTEST = 6

#: The password of any URL, and of a connection string.
IN_URL = re.compile(r"(?<=://)([^\s:/@?#]*):[^\s/]*@")
IN_CONNECTION = re.compile(
    r"\b((?:ssl)?password|passwd)(\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&'\"]+)", re.IGNORECASE
)

#: Where pprint breaks a text, or bytes, into several literals; as text, and in HTML.
_QUOTE = r"(?:'|\"|&#x27;|&quot;)"
_BREAK = rf"(?:{_QUOTE}\s*\n\s*b?{_QUOTE})?"
#: A password in a dictionary, however short.
IN_DICTIONARY = re.compile(rf"((?:password|passwd){_QUOTE}: b?({_QUOTE})).+?(?<!\\)(?=\2)", re.I)


def masked_report(text: str) -> str:
    """`masked`, for a report that shows variables: also short passwords in dictionaries."""
    return IN_DICTIONARY.sub(rf"\1{MASK}", masked(text))


def masked(text: str) -> str:
    """Return the text without the secrets of the settings, and without passwords in URLs."""
    for pattern in _patterns(frozenset(_values())):
        text = pattern.sub(MASK, text)
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
        # Django refuses to return an empty SECRET_KEY.
        return ""


def _written(value: str) -> tuple[str, ...]:
    """A value as it is, and as URLs write it."""
    return value, unquote(value), quote(value, safe="")


@lru_cache(maxsize=4)
def _patterns(values: frozenset[str]) -> tuple[re.Pattern[str], ...]:
    """Patterns that find the values even if a literal ends inside them, longest first."""
    texts = {text for value in values if len(value) >= SHORTEST for text in _written(value)}
    return tuple(
        re.compile(_BREAK.join(map(_letter, text))) for text in sorted(texts, key=len, reverse=True)
    )


def _letter(letter: str) -> str:
    """All spellings of a character in a literal: its other characters decide how quotes are
    escaped.
    """
    octets = repr(letter.encode(errors="replace"))[2:-1]
    plain = {letter, repr(letter)[1:-1], octets, f"\\{letter}" if letter in "'\"" else letter}
    forms = sorted(plain | {escape(form) for form in plain}, key=len, reverse=True)
    return f"(?:{'|'.join(map(re.escape, forms))})"
