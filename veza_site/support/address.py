"""From which address a request comes."""

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """The client's IP address, or None when it is not known (a Unix socket).

    Behind the proxy (`BEHIND_TLS_PROXY`) it is the last in X-Forwarded-For, the one which the proxy
    itself added: what stands before it is the client's own word.
    """
    candidates = [request.META.get("REMOTE_ADDR", "")]
    if settings.BEHIND_TLS_PROXY:
        forwarded = request.headers.get("X-Forwarded-For", "")
        candidates.insert(0, forwarded.rpartition(",")[2].strip())
    for candidate in candidates:
        try:
            return str(ip_address(candidate))
        except ValueError:
            continue
    return None
