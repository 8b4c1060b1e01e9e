"""Addresses and IDs in what staff wrote, as links. All else stays the text that it is."""

import re
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from .legible import text_html

_FOUND = re.compile(
    r"(?P<address>https?://[^\s<>\"'`]+)"
    r"|(?<![\w/.:-])(?P<path>/[a-z][\w./?=&%~+-]*)"
    r"|(?<![\w-])(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![\w-])",
    re.IGNORECASE | re.ASCII,
)
#: What ends a sentence, not an address.
_ENDS = ".,;:!?)]}*"
#: Behind a text that was cut: its last address may not be whole.
_CUT = "…"


def linked(text: str) -> SafeString:
    """A text with its line ends, escaped; what leads somewhere is a link."""
    return SafeString("".join(_parts(text)))


def _parts(text: str) -> Iterator[str]:
    end = 0
    for found in _FOUND.finditer(text):
        said = found[0].rstrip(_ENDS)
        stop = found.start() + len(said)
        link = "" if text.startswith(_CUT, stop) else _link(found.lastgroup or "", said)
        if link:
            yield text_html(text[end : found.start()])
            yield link
            end = stop
    yield text_html(text[end:])


def _link(kind: str, said: str) -> str:
    """The link of an address, a path of this site or an ID; empty: it is none."""
    shown = text_html(said)
    if kind == "id":
        url = reverse("admin:by_id", args=[UUID(said)])
        return format_html('<a href="{}">{}</a>', url, shown)
    within = said if kind == "path" else _own_path(said)
    if within:
        if not within.startswith(reverse("admin:index")):
            return ""
        return format_html('<a href="{}">{}</a>', within, shown)
    if not _is_plain(said):
        return ""
    # Of other sites nothing is known: they get no address of ours, and no hold on the window.
    return format_html('<a href="{}" rel="noopener noreferrer nofollow">{}</a>', said, shown)


def _split(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        # Asked for here, since a wrong port is an error only then.
        return parts if parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def _own_path(address: str) -> str:
    """The path and the query of an address of this site's admin; empty for any other."""
    parts = _split(address)
    if parts is None or parts.hostname not in settings.ALLOWED_HOSTS or "@" in parts.netloc:
        return ""
    if not parts.path.startswith(reverse("admin:index")):
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _is_plain(address: str) -> bool:
    """Whether an address leads where it seems to: no name before the host, no foreign letters."""
    parts = _split(address)
    return parts is not None and "@" not in parts.netloc and address.isascii()
