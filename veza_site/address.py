"""The address that a request comes from."""

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """The client's IP address, or None if it is unknown (a Unix socket).

    If there is a proxy (`BEHIND_TLS_PROXY`), its header says the address.
    """
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.BEHIND_TLS_PROXY else ""
    return address_of(request.META.get("REMOTE_ADDR", ""), forwarded)


def last_forwarded(forwarded: str) -> str | None:
    """The last address in X-Forwarded-For, which the proxy added; None if it is not an address."""
    return address_of("", forwarded)


def address_of(peer: str, forwarded: str) -> str | None:
    """The client's address, from the connection's address and a trusted proxy's X-Forwarded-For.

    It is the last one in X-Forwarded-For, because the proxy added it. The client can write all that
    comes before it.
    """
    for candidate in (forwarded.rpartition(",")[2].strip(), peer):
        try:
            # Without a zone (fe80::1%eth0): it may be any text, and PostgreSQL's inet does not
            # allow one.
            return str(ip_address(candidate)).partition("%")[0]
        except ValueError:
            continue
    return None
