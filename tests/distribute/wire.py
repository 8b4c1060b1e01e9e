"""A port that forwards to another one until it is cut, so that only one database loses a worker."""

import select
import socket
import threading
from contextlib import suppress


class Wire:
    """Forwards connections from `port` on this machine to a server. After `cut`, it is closed."""

    def __init__(self, host: str, port: int) -> None:
        self.target = host, port
        self.port = 0
        self._ends: set[socket.socket] = set()
        self._is_cut = False
        self.join()

    def join(self) -> None:
        """Listen on the same port as before."""
        self._is_cut = False
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, args=(self._listener,), daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Close the port, and end all connections."""
        self._is_cut = True
        _end(self._listener)
        self._thread.join()
        for each in list(self._ends):
            _end(each)

    def _serve(self, listener: socket.socket) -> None:
        # The listener is closed, or the server behind it does not answer.
        with suppress(OSError), listener:
            while True:
                near, _ = listener.accept()
                threading.Thread(target=self._pass_on, args=(near,), daemon=True).start()

    def _pass_on(self, near: socket.socket) -> None:
        with near, suppress(OSError), socket.create_connection(self.target) as far:
            ends = {near: far, far: near}
            self._ends |= ends.keys()
            try:
                while not self._is_cut:
                    for source in select.select([*ends], [], [])[0]:
                        if not (data := source.recv(65536)):
                            return
                        ends[source].sendall(data)
            finally:
                self._ends -= ends.keys()


def _end(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
