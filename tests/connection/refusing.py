"""A process that answers every session as a server that takes none: python FILE SQLSTATE TEXT.

It prints its port. libpq waits for some answers without letting other threads of its process run.
"""

import socket
import struct
import sys
from contextlib import suppress

#: SSLRequest and GSSENCRequest (PostgreSQL, 55.7 "Message Formats").
ENCRYPTION = {80877103, 80877104}


def refuse(session: socket.socket, state: str, text: str) -> None:
    """Refuse encryption, then the session."""
    fields = {b"S": "FATAL", b"V": "FATAL", b"C": state, b"M": text}
    error = b"".join(key + words.encode() + b"\0" for key, words in fields.items()) + b"\0"
    with session, session.makefile("rb") as packets:
        while head := packets.read(8):
            length, code = struct.unpack("!II", head)
            packets.read(length - 8)
            if code not in ENCRYPTION:
                session.sendall(b"E" + struct.pack("!I", len(error) + 4) + error)
                return
            session.sendall(b"N")


def main() -> None:
    """Serve until the process is ended."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            with suppress(OSError):
                refuse(listener.accept()[0], *sys.argv[1:])


if __name__ == "__main__":
    main()
