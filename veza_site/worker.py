"""gunicorn's worker, which answers `/healthz` even while slow clients hold all threads.

gunicorn's own worker gives each connection a thread before its request has arrived. Here, a
connection waits in the poller until it has sent something. A complete probe gets a separate thread.
Other requests hold a thread until they are read, so a proxy must be in front. If TLS ends here, a
connection takes a thread for its handshake, and then waits again: browsers open connections in
advance, and keep them for a minute.
"""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from selectors import EVENT_READ
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from gunicorn.errors import AppImportError
from gunicorn.workers.gthread import _DEFER, TConn, ThreadWorker

from veza_site.headers import HEADERS
from veza_site.health import PATH

#: Seconds that a new connection may send nothing, and threads for probes.
SILENT, PROBES = 10.0, 2

#: Bytes that are searched for a probe. A probe of Kubernetes or a load balancer has some hundred.
LOOKED_AT = 4096
BEGINNINGS = tuple(f"{method} {PATH}{end}".encode() for method in ("GET", "HEAD") for end in " ?")


class Worker(ThreadWorker):
    """gunicorn's threaded worker, with separate threads for probes."""

    def init_process(self) -> None:
        self.probes = ThreadPoolExecutor(max_workers=PROBES)
        super().init_process()

    def load_wsgi(self) -> None:
        """Import the site. Of an AppImportError gunicorn prints the text, without a traceback."""
        try:
            super().load_wsgi()
        except ImproperlyConfigured as error:
            raise AppImportError(f"gunicorn: {error}") from error

    def accept(self, listener: Any) -> None:
        """Let a new connection wait in the poller until it sends something."""
        try:
            client, address = listener.accept()
        except OSError:
            # It was closed already, or another worker has it.
            return
        connection = TConn(self.cfg, client, address, listener.getsockname())
        connection.timeout = time.monotonic() + SILENT
        self.nr_conns += 1
        self.pending_conns.append(connection)
        self.poller.register(
            connection.sock, EVENT_READ, partial(self.on_pending_socket_readable, connection)
        )

    def enqueue_req(self, conn: Any) -> None:
        """Give a connection that has sent something to a thread."""
        pool = self.probes if not self.cfg.is_ssl and is_probe(conn.sock) else self.tpool
        done = pool.submit(self.handle, conn)
        done.add_done_callback(
            lambda future: self.method_queue.defer(self.finish_request, conn, future)
        )

    def handle(self, conn: Any) -> Any:
        """Answer one request; for a new connection with TLS, only do the handshake."""
        if not self.cfg.is_ssl or conn.initialized:
            return super().handle(conn)
        try:
            conn.init()
        except OSError as error:
            # ssl.SSLError is a subclass: the data is not TLS, or the client disconnected.
            self.log.debug("TLS handshake failed: %s", error)
            return False
        return _DEFER

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer data that is not a valid request, with the headers of every response."""
        super().handle_error(req, Refusal(client), addr, exc)

    def handle_quit(self, sig: Any, frame: Any) -> None:
        self.probes.shutdown(wait=False)
        super().handle_quit(sig, frame)


class Refusal:
    """A connection that gets one response of gunicorn's own, which lacks our headers."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def sendall(self, answer: bytes) -> None:
        """Send the complete response, with the headers after its first line."""
        status, end, rest = answer.partition(b"\r\n")
        ours = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        self.client.sendall(status + end + ours.encode("ascii") + rest)


def is_probe(connection: socket.socket) -> bool:
    """Whether a complete request for `/healthz`, without a body, has arrived.

    The rest of an incomplete one could arrive as slowly as a client wants.
    """
    try:
        head = connection.recv(LOOKED_AT, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError:
        return False
    whole = head.partition(b"\r\n\r\n")
    lower = head.lower()
    has_body = b"content-length" in lower or b"transfer-encoding" in lower
    return head.startswith(BEGINNINGS) and whole[1] != b"" and not has_body
