"""From which address a request comes."""

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """The client's IP address, or None when it is not known (a Unix socket).

    The proxy's word is taken where there is one (`BEHIND_TLS_PROXY`).
    """
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.BEHIND_TLS_PROXY else ""
    return address_of(request.META.get("REMOTE_ADDR", ""), forwarded)


def last_forwarded(forwarded: str) -> str | None:
    """The last address of X-Forwarded-For, which the proxy itself added; None: it is none."""
    return address_of("", forwarded)


def address_of(peer: str, forwarded: str) -> str | None:
    """The client's address, from that of the connection and a trusted proxy's X-Forwarded-For.

    It is the last in X-Forwarded-For, the one which the proxy itself added: what stands before it
    is the client's own word.
    """
    for candidate in (forwarded.rpartition(",")[2].strip(), peer):
        try:
            # Without a zone (fe80::1%eth0), which may be any text, and PostgreSQL's inet has not.
            return str(ip_address(candidate)).partition("%")[0]
        except ValueError:
            continue
    return None
