"""Makes URLs, e-mails, IP addresses and IDs in text of staff links; everything else stays text."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.urls import Resolver404, resolve, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from veza_core.access import StaffRequest

from .labels import list_of
from .legible import text_html

_FOUND = re.compile(
    r"(?P<address>https?://[^\s<>\"'`]+)"
    r"|(?<![\w/.:-])(?P<path>/[a-z][\w./?=&%~+-]*)"
    r"|(?<![\w-])(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![\w-])"
    # After a letter outside ASCII, it would be a part of another one.
    r"|(?<![^\s<>(\[{\"',;:])(?P<mail>(?:mailto:)?[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,9}[a-z]{2,24})"
    r"|(?<![^\s<>(\[{\"',;=])(?P<ip>(?:\d{1,3}\.){3}\d{1,3}|[0-9a-f:]{3,30}:[0-9a-f.]{1,15})(?![\w-])",
    re.IGNORECASE | re.ASCII,
)
#: Characters that end a sentence, and not a URL.
_ENDS = ".,;:!?)]}*"
#: After a text that was cut: its last URL may be incomplete.
_CUT = "…"


def linked(text: str, request: StaffRequest) -> SafeString:
    """A text with its line ends, escaped, with links to pages that the user may open."""
    return SafeString("".join(_parts(text, request)))


def _parts(text: str, request: StaffRequest) -> Iterator[str]:
    end = 0
    for found in _FOUND.finditer(text):
        matched = found[0].rstrip(_ENDS)
        stop = found.start() + len(matched)
        kind = found.lastgroup or ""
        link = "" if _goes_on(kind, text, stop) else _link(kind, matched, request)
        if link:
            yield text_html(text[end : found.start()])
            yield link
            end = stop
    yield text_html(text[end:])


def _goes_on(kind: str, text: str, stop: int) -> bool:
    """Whether what was found is only a part of something longer."""
    if kind in ("mail", "ip") and text[stop : stop + 1].isalnum():
        return True
    return text.startswith((_CUT, "@", "/", "-", "_") if kind in ("mail", "ip") else _CUT, stop)


def _link(kind: str, matched: str, request: StaffRequest) -> str:
    """The link for a URL, a path of this site or an ID; empty if it is none, or if the user may not
    open the page.
    """
    shown = text_html(matched)
    if kind == "id":
        # Which table has the row is not known without a query.
        site: Any = admin.site
        if not all(screen.has_view_permission(request) for screen in site.screens()):
            return ""
        url = reverse("admin:by_id", args=[UUID(matched)])
        return format_html('<a href="{}">{}</a>', url, shown)
    if kind == "mail":
        # Not a search: what is searched for must not be in the address of a page.
        mail = matched[len("mailto:") :] if matched.lower().startswith("mailto:") else matched
        return format_html('<a href="mailto:{}" rel="noopener noreferrer">{}</a>', mail, shown)
    if kind == "ip":
        url = _accounts_at(matched, request)
        return url and format_html('<a href="{}">{}</a>', url, shown)
    within = matched if kind == "path" else _own_path(matched)
    if within:
        if not within.startswith(reverse("admin:index")) or not _may_open(request, within):
            return ""
        return format_html('<a href="{}">{}</a>', within, shown)
    if not _is_plain(matched):
        return ""
    # Other sites are unknown: they get no referrer, and no access to the window.
    return format_html('<a href="{}" rel="noopener noreferrer nofollow">{}</a>', matched, shown)


def _accounts_at(address: str, request: StaffRequest) -> str:
    """The list of the accounts seen at an IP address; empty for text that is none, and for users
    who may not see it.
    """
    try:
        known = ip_address(address)
    except ValueError:
        return ""
    site: Any = admin.site
    found = site.address_filter(request)
    return list_of(found[0].model, address=known) if found else ""


def _may_open(request: StaffRequest, url: str) -> bool:
    """Whether the user has the permissions for a page of this site."""
    parts = urlsplit(url)
    site: Any = admin.site
    for screen in site.screens():
        if parts.path.startswith(list_of(screen.model)):
            try:
                found = resolve(parts.path)
            except Resolver404:
                return False
            prefix = f"{screen.opts.app_label}_{screen.opts.model_name}_"
            page = (found.url_name or "").removeprefix(prefix)
            names = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
            return bool(screen.may_open(request, page, found.kwargs.get("action", ""), names))
    return True


def page_at(text: str, request: StaffRequest) -> str:
    """The page of this site with this address, if the user may open it; otherwise empty."""
    address = text.strip("<>")
    within = address if address.startswith(reverse("admin:index")) else _own_path(address)
    return within if within and _may_open(request, within) else ""


def _split(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        # Accessed here, because a wrong port raises an error only then.
        return parts if parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def _own_path(address: str) -> str:
    """The path and the query of a URL of this site's admin; empty for any other."""
    parts = _split(address)
    if parts is None or parts.hostname not in settings.ALLOWED_HOSTS or "@" in parts.netloc:
        return ""
    if not parts.path.startswith(reverse("admin:index")):
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _is_plain(address: str) -> bool:
    """Whether a URL leads where it seems to: no name before the host, only ASCII."""
    parts = _split(address)
    return parts is not None and "@" not in parts.netloc and address.isascii()
