"""Connections to a server that ends TLS itself, as a browser makes them."""

import socket
import ssl
from contextlib import ExitStack, closing
from http.client import HTTPSConnection
from urllib.parse import urlsplit

#: More than the server has threads (WEB_THREADS).
MANY = 12


def test_connections_made_ahead_take_no_thread(address: str) -> None:
    """A browser opens connections in advance, and may never send a request."""
    url = urlsplit(address)
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    with ExitStack() as stack:
        for _ in range(MANY):
            ahead = socket.create_connection((url.hostname, url.port), timeout=60)
            stack.enter_context(trust.wrap_socket(ahead, server_hostname=url.hostname))
        page = HTTPSConnection(url.hostname or "", url.port, timeout=60, context=trust)
        with closing(page):
            page.request("GET", "/admin/login/")
            assert page.getresponse().status == 200


def test_what_is_not_tls_is_closed(address: str) -> None:
    url = urlsplit(address)
    with socket.create_connection((url.hostname, url.port), timeout=60) as connection:
        connection.sendall(b"GET /admin/login/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"HTTP/" not in connection.recv(65536)
