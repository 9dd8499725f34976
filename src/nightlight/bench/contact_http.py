"""Contact decisions over HTTP, each durable before the answer, by a service that has one core."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from nightlight.bench.contact import apart
from nightlight.bench.contact_world import Pairs, build
from nightlight.bench.harness import Bench, Figure, Progress, percentile
from nightlight.bench.service import TOKEN, nightlight, on_one_core
from nightlight.demo.child import ChildServer
from nightlight.demo.loopback import free_port
from nightlight.errors import UnavailableError
from nightlight.model.contact import Approach

RELATIONS = 200_000
SINGLES, AT_ONCE = 6_000, 4
#: Those that nobody else asks beside.
ALONE = 3_000
BATCHES, BATCH = 60, 500
#: Rates are medians over this many parts of a run.
PARTS = 6
WARM_UP = 200
_PATH = "/v1/contacts/decide"


@dataclass(frozen=True, slots=True)
class _Run:
    """``rate``: decisions a second. Times in seconds, of single requests."""

    rate: float
    p50: float
    p99: float


def _measure(progress: Progress) -> Sequence[Figure]:
    with tempfile.TemporaryDirectory(prefix="nightlight-bench-", dir=os.environ.get("TMPDIR")) as folder:
        progress("contact over HTTP, building a town")
        accounts = apart(build, folder, RELATIONS)
        pairs = Pairs(accounts)
        progress("contact over HTTP, one by one")
        with nightlight(Path(folder)) as (url, _):
            singles = asyncio.run(_load(url, _bodies(pairs, SINGLES + WARM_UP, 1), AT_ONCE, 1))
            alone = asyncio.run(_load(url, _bodies(pairs, ALONE + WARM_UP, 1), 1, 1))
            progress("contact over HTTP, in batches")
            batches = asyncio.run(_load(url, _bodies(pairs, BATCHES + 2, BATCH), 2, BATCH))
        progress("contact over HTTP, an echo beside it")
        with _echo(Path(folder)) as url:
            echo = asyncio.run(_load(url, _bodies(pairs, SINGLES + WARM_UP, 1), AT_ONCE, 1))
            echo_batches = asyncio.run(_load(url, _bodies(pairs, BATCHES + 2, BATCH), 2, BATCH))
    beside = {"at_once": float(AT_ONCE), "echo_per_s": echo.rate, "echo_p99_ms": echo.p99 * 1e3}
    in_batches = {
        "batch": float(BATCH),
        "ms_for_a_batch": batches.p50 * 1e3,
        "p99_ms_for_a_batch": batches.p99 * 1e3,
        "echo_per_s": echo_batches.rate,
    }
    return [
        Figure("contact_http", singles.rate, "decisions/s, one by one", 1_000, "higher", beside),
        Figure("contact_http_p99", singles.p99 * 1e3, "ms, four at once", 5, "lower", {"p50_ms": singles.p50 * 1e3}),
        Figure("contact_http_alone_p99", alone.p99 * 1e3, "ms, one at a time", 5, "lower", {"p50_ms": alone.p50 * 1e3}),
        Figure("contact_http_batches", batches.rate, "decisions/s", 2_000, "higher", in_batches),
    ]


def _bodies(pairs: Pairs, count: int, batch: int) -> list[dict[str, Any]]:
    if batch == 1:
        return [_body(pairs.mixed()) for _ in range(count)]
    return [{"approaches": [_body(pairs.mixed()) for _ in range(batch)]} for _ in range(count)]


def _body(approach: Approach) -> dict[str, Any]:
    return {"actor": approach.actor, "target": approach.target, "direction": approach.direction.value}


@contextmanager
def _echo(folder: Path) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = ["uvicorn", "nightlight.bench.echo:app", "--port", str(port), "--no-access-log"]
    with on_one_core(ChildServer("The echo", arguments, f"{url}/health", folder / "echo.log"), dict(os.environ)):
        yield url


async def _load(url: str, bodies: Sequence[dict[str, Any]], at_once: int, batch: int) -> _Run:
    """Sends every body once, ``at_once`` at a time; every decision must come back."""
    times: list[float] = []
    connector = aiohttp.TCPConnector(limit=at_once)
    async with aiohttp.ClientSession(connector=connector, headers={"Authorization": f"Bearer {TOKEN}"}) as session:

        async def send(some: Iterator[dict[str, Any]]) -> None:
            for body in some:
                start = time.perf_counter()
                async with session.post(url + _PATH, json=body) as answer:
                    found = await answer.read()
                    if answer.status != 200:
                        raise UnavailableError("bench", f"No decision: {answer.status} {found[:200]!r}", retry=False)
                times.append(time.perf_counter() - start)

        async def send_all(some: Sequence[dict[str, Any]]) -> float:
            """Decisions a second."""
            start, left = time.perf_counter(), iter(some)
            await asyncio.gather(*(send(left) for _ in range(at_once)))
            return len(some) * batch / (time.perf_counter() - start)

        warm_up = WARM_UP if batch == 1 else 2
        await send_all(bodies[:warm_up])
        times.clear()
        size = (len(bodies) - warm_up) // PARTS
        rates = [await send_all(bodies[warm_up + part * size :][:size]) for part in range(PARTS)]
    return _Run(statistics.median(rates), percentile(times, 50), percentile(times, 99))


BENCH = Bench("contact_http", "Durable contact decisions over HTTP on one core, an echo beside them.", _measure)
