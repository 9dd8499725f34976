"""Report intake over HTTP, durable, in front of a simulated homeserver and of a real one."""

from __future__ import annotations

import asyncio
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import httpx

from nightlight.bench.harness import Bench, Figure, Progress, percentile
from nightlight.demo.child import ChildServer
from nightlight.demo.loopback import free_port
from nightlight.demo.people import Person
from nightlight.demo.synapse import Synapse
from nightlight.errors import UnavailableError
from nightlight.hazmat import base64url
from nightlight.hazmat.megolm import MegolmMessage, SessionExport

REPORTS = 1_200
REPORTS_REAL = 240
WARM_UP = 60
#: The rate is the median over this many parts of a run.
PARTS = 6
AT_ONCE = 16
_CHECKOUT = Path(__file__).parents[3]

Report = tuple[str, dict[str, Any]]  # OpenID token and body


@dataclass(frozen=True, slots=True)
class _Run:
    rate: float
    p50: float
    p99: float


def _measure(progress: Progress) -> Sequence[Figure]:
    with tempfile.TemporaryDirectory(prefix="nightlight-bench-") as folder:
        progress("intake, simulated homeserver")
        simulated = _simulated(Path(folder) / "simulated")
        progress("intake, real Synapse")
        real = asyncio.run(_real(Path(folder) / "real"))
    beside = {
        "p50_ms": simulated.p50 * 1e3,
        "p99_ms": simulated.p99 * 1e3,
        "real_synapse_reports_per_s": real.rate,
        "real_synapse_p99_ms": real.p99 * 1e3,
    }
    return [Figure("intake", simulated.rate, "reports/s", 150, "higher", beside)]


def _simulated(folder: Path) -> _Run:
    """The simulator runs as a process of its own, as a homeserver does."""
    if not (_CHECKOUT / "tests" / "simulators" / "homeserver.py").exists():
        raise UnavailableError(
            "bench", "This bench needs a checkout of the source: its simulator is there.", retry=False
        )
    folder.mkdir()
    out = folder / "simulator.json"
    port = free_port()
    command = [sys.executable, "-m", "tests.simulators.serve_homeserver"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--messages", str(REPORTS + WARM_UP), "--out", str(out)], cwd=_CHECKOUT
    )
    try:
        deadline = time.monotonic() + 60
        while not out.exists():
            if time.monotonic() > deadline or process.poll() is not None:
                raise UnavailableError("bench", "The simulated homeserver did not start.")
            time.sleep(0.05)
        world = httpx.Response(200, content=out.read_bytes()).json()
        with _nightlight(folder, f"http://127.0.0.1:{port}", world["server_name"], world["admin_token"]) as url:
            return asyncio.run(_load(url, [(r["token"], r["body"]) for r in world["reports"]]))
    finally:
        process.terminate()
        process.wait()


async def _real(folder: Path) -> _Run:
    with Synapse(folder / "synapse") as synapse:
        alice, bob = [await Person.arrive(synapse, name, folder / name) for name in ("alice", "bob")]
        room = await alice.create_encrypted_room([bob.user_id])
        await bob.join(room)
        await alice.say(room, "first")
        count = REPORTS_REAL + WARM_UP
        events = []
        for number in range(count):
            content = {"msgtype": "m.text", "body": f"message {number}"}
            sent = await alice.client.room_send(room, "m.room.message", content, ignore_unverified_devices=True)
            events.append(sent.event_id)
        await bob.sync()
        token = await bob.openid_token()
        reports = [(token, await _body(bob, room, event)) for event in events]
        await alice.depart()
        await bob.depart()
        with _nightlight(folder, synapse.base_url, synapse.server_name, synapse.admin_token) as url:
            return await _load(url, reports)


async def _body(bob: Person, room: str, event_id: str) -> dict[str, Any]:
    content = (await bob.raw_event(room, event_id))["content"]
    index = MegolmMessage.parse(base64url.decode_standard(content["ciphertext"])).index
    export = SessionExport.parse(base64url.decode_standard(bob.session_export(room, content["session_id"], index)))
    key = base64url.encode_urlsafe(export.message_key(index))
    return {"room_id": room, "category": "spam", "messages": [{"event_id": event_id, "message_key": key}]}


@contextmanager
def _nightlight(folder: Path, homeserver_url: str, server_name: str, token: str) -> Iterator[str]:
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("NIGHTLIGHT_")},
        "NIGHTLIGHT_DATA_DIR": str(folder / "nightlight"),
        "NIGHTLIGHT_PORT": str(port),
        "NIGHTLIGHT_HOMESERVER_URL": homeserver_url,
        "NIGHTLIGHT_SERVER_NAME": server_name,
        "NIGHTLIGHT_HOMESERVER_TOKEN": token,
        "NIGHTLIGHT_REPORTS_PER_HOUR": "1000000",
    }
    url = f"http://127.0.0.1:{port}"
    server = ChildServer("Nightlight", ["nightlight.cli.main", "serve"], f"{url}/health", folder / "service.log")
    server.start(environment)
    try:
        yield url
    finally:
        server.stop()


async def _load(url: str, reports: Sequence[Report]) -> _Run:
    """Sends every report once, several at a time; each must come back proven."""
    times: list[float] = []
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def send(report: Report) -> None:
            token, body = report
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": secrets.token_hex(8)}
            start = time.perf_counter()
            async with session.post(f"{url}/v1/reports", json=body, headers=headers) as answer:
                receipt = await answer.json(content_type=None)
                if answer.status != 201 or receipt["messages"][0]["verdict"] != "VERIFIED":
                    raise UnavailableError("bench", f"A report was not proven: {answer.status} {receipt}", retry=False)
            times.append(time.perf_counter() - start)

        await _at_once([partial(send, report) for report in reports[:WARM_UP]])
        times.clear()
        rates = []
        counted = reports[WARM_UP:]
        size = len(counted) // PARTS
        for part in range(PARTS):
            start = time.perf_counter()
            await _at_once([partial(send, report) for report in counted[part * size : (part + 1) * size]])
            rates.append(size / (time.perf_counter() - start))
    return _Run(statistics.median(rates), percentile(times, 50), percentile(times, 99))


async def _at_once(calls: Sequence[Callable[[], Awaitable[None]]]) -> None:
    waiting = iter(calls)

    async def work() -> None:
        for call in waiting:
            await call()

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


BENCH = Bench("intake", "Reports over HTTP with SQLite: simulated homeserver, and a real Synapse beside it.", _measure)
