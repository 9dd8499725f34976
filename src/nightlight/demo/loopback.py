"""Talking on this machine alone: free ports, and no TLS."""

from __future__ import annotations

import os
import random
import socket
import ssl

#: For clients, which would read the system's certificates otherwise, each of them, for a twentieth of a second.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
#: Below the range that outgoing connections take their own ports from.
_PORTS = range(20_000, 32_000)
#: What was given out and is perhaps not listened on yet.
_given: set[int] = set()


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nothing listens on right now."""
    while True:
        # Processes that look at the same time look in different places.
        port = _PORTS[os.getpid() % 12 * 1_000 + random.randrange(1_000)]  # noqa: S311 - spreads the choice only
        if port in _given and len(_given) < 900:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.add(port)
            return port
