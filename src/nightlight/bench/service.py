"""Nightlight as a service that has one core, for benches over HTTP."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nightlight.bench.contact_world import SERVER
from nightlight.demo.child import ChildServer
from nightlight.demo.loopback import free_port

TOKEN = "t" * 40
_QUIET_SECONDS, _QUIET_MAX_SECONDS = 2.0, 120.0


@contextmanager
def nightlight(folder: Path) -> Iterator[tuple[str, int]]:
    """Its address, and the number of its process."""
    token = folder / "service-token"
    token.write_text(TOKEN)
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("NIGHTLIGHT_")},
        "NIGHTLIGHT_DATA_DIR": str(folder),
        "NIGHTLIGHT_PORT": str(port),
        # There is no homeserver: nothing is asked of it.
        "NIGHTLIGHT_HOMESERVER_URL": "http://127.0.0.1:9",
        "NIGHTLIGHT_HOMESERVER_TOKEN": TOKEN,
        "NIGHTLIGHT_POLL_SECONDS": "3600",
        "NIGHTLIGHT_SERVER_NAME": SERVER,
        "NIGHTLIGHT_SERVICE_TOKEN_FILE": str(token),
    }
    url = f"http://127.0.0.1:{port}"
    arguments = ["nightlight.cli.main", "serve"]
    server = ChildServer("Nightlight", arguments, f"{url}/health", folder / "service.log")
    with on_one_core(server, environment):
        yield url, server.pid


@contextmanager
def on_one_core(server: ChildServer, environment: dict[str, str]) -> Iterator[None]:
    """The server gets one core, and this process the others, if there are any."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])
    try:
        server.start(environment)
        os.sched_setaffinity(0, cores[1:] or cores)
        yield
    finally:
        os.sched_setaffinity(0, cores)
        server.stop()


def wait_until_quiet(process: int) -> None:
    """Waits until the process, and what it does in the background, takes no more time of the processor."""
    deadline = time.monotonic() + _QUIET_MAX_SECONDS
    last = -1.0
    while time.monotonic() < deadline:
        now = _seconds(process)
        if now - last < 0.1 * _QUIET_SECONDS:
            return
        last = now
        time.sleep(_QUIET_SECONDS)


def _seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
