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


#: Where pprint breaks a text, or octets, into several literals; as text, and in HTML.
_QUOTE = r"(?:'|\"|&#x27;|&quot;)"
_BREAK = rf"(?:{_QUOTE}\s*\n\s*b?{_QUOTE})?"
#: A password of a dictionary, however short.
IN_DICTIONARY = re.compile(rf"((?:password|passwd){_QUOTE}: b?({_QUOTE})).+?(?<!\\)(?=\2)", re.I)


def masked_report(text: str) -> str:
    """`masked`, for a report that shows variables as pprint does, which breaks a long value."""
    for pattern in _patterns(frozenset(_values())):
        text = pattern.sub(MASK, text)
    return masked(IN_DICTIONARY.sub(rf"\1{MASK}", text))


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
        for text in _written(value)
        for spelling in (text, repr(text)[1:-1], escape(text), escape(repr(text)[1:-1]))
    }
    return tuple(sorted(spelled, key=len, reverse=True))


def _written(value: str) -> tuple[str, ...]:
    """A value as it is, and as URLs write it."""
    return value, unquote(value), quote(value, safe="")


@lru_cache(maxsize=4)
def _patterns(values: frozenset[str]) -> tuple[re.Pattern[str], ...]:
    """What finds the values where a literal may end within, longest first."""
    texts = {text for value in values if len(value) >= SHORTEST for text in _written(value)}
    return tuple(
        re.compile(_BREAK.join(map(_letter, text))) for text in sorted(texts, key=len, reverse=True)
    )


def _letter(letter: str) -> str:
    """All that a character may be in a literal: what else it has decides how quotes are escaped."""
    octets = repr(letter.encode(errors="replace"))[2:-1]
    plain = {letter, repr(letter)[1:-1], octets, f"\\{letter}" if letter in "'\"" else letter}
    forms = sorted(plain | {escape(form) for form in plain}, key=len, reverse=True)
    return f"(?:{'|'.join(map(re.escape, forms))})"
