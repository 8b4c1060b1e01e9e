"""With DEBUG on, the site is served only on loopback addresses.

Its error pages show source and variables, and it asks for no second factor. A WSGI application does
not know its own address, so the server calls `confirm`: gunicorn.conf.py and `runserver` do.
Without that call, `veza_site.wsgi` refuses to start.
"""

import socket
from collections.abc import Iterable
from ipaddress import ip_address

from django.core.exceptions import ImproperlyConfigured

ELSEWHERE = (
    "DEBUG is on, and {} is not a loopback address: serve it on 127.0.0.1, or set DEBUG=0 and "
    "the settings for production"
)
UNCONFIRMED = (
    "DEBUG is on, and only runserver, and gunicorn with this project's gunicorn.conf.py and "
    "without --preload, serve with it: set DEBUG=0"
)
BEHIND_PROXY = "DEBUG is on, and BEHIND_TLS_PROXY lets others connect through a proxy: set DEBUG=0"

_confirmed: list[str] = []


def confirm(addresses: Iterable[str]) -> None:
    """Record that the site is served only on these hosts.

    Raises `ImproperlyConfigured` for a host that is not a loopback address. A Unix socket is not
    one either, because a proxy is in front of it.
    """
    addresses = list(addresses)
    for address in addresses:
        if not is_loopback(address):
            raise ImproperlyConfigured(ELSEWHERE.format(address or "every address"))
    _confirmed[:] = addresses


def is_confirmed() -> bool:
    """Whether this process, or its parent, is served only on loopback addresses."""
    return bool(_confirmed)


def is_loopback(host: str) -> bool:
    """Whether all addresses of a host are loopback addresses."""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host or "0.0.0.0", None)}  # noqa: S104
    except (OSError, UnicodeError):
        return False
    return all(ip_address(address.partition("%")[0]).is_loopback for address in found)


def host_of(listener: socket.socket) -> str:
    """The host that a socket listens on, or the path of a Unix socket."""
    name = listener.getsockname()
    return str(name[0]) if isinstance(name, tuple) else f"unix:{name}"
