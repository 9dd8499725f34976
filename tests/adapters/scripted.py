"""A homeserver on loopback that answers every request with the same bytes, however wrong they are."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def answering(answer: bytes, *, hang_up: bool = True, pause: float = 0) -> Iterator[str]:
    """Its base URL. ``pause``: seconds between two bytes; ``hang_up``: whether it closes after the answer."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            if not pause:
                connection.sendall(answer)
            else:
                for byte in answer:
                    if over.wait(pause):
                        break
                    connection.sendall(bytes([byte]))
            if not hang_up:
                over.wait(30)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        # Closing alone does not wake a thread that waits in accept().
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def http(status: str, body: bytes, *headers: str) -> bytes:
    """An HTTP/1.1 answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
