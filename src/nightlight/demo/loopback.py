"""Talking on this machine alone: free ports, and no TLS."""

from __future__ import annotations

import random
import socket
import ssl

#: For clients, which would read the system's certificates otherwise, each of them, for a twentieth of a second.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
#: Below the range that outgoing connections take their own ports from.
_PORTS = range(20_000, 32_000)


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nothing listens on right now."""
    while True:
        port = random.choice(_PORTS)  # noqa: S311 - spreads the choice, guards nothing
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
