"""Events over HTTP in durable groups, to a service that has one core, as JSON and in columns; bare rows beside them.

Detection runs, in shadow, compiled: every event is judged in the transaction that appends it.
"""

from __future__ import annotations

import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from nightlight.bench.contact_world import SERVER, account
from nightlight.bench.harness import Bench, Figure, Progress
from nightlight.bench.service import TOKEN, nightlight, wait_until_quiet
from nightlight.errors import UnavailableError
from nightlight.flows.detect import LARGE

BATCH, BATCHES = 10_000, 12
#: Until detection is compiled.
FIRST = LARGE // BATCH + 2
ACCOUNTS = 50_000
#: Of a hundred events, as a messenger sends them.
_KINDS = {
    "conversation.volume": 60,
    "room.joined": 12,
    "conversation.first_message": 10,
    "contact.requested": 6,
    "contact.accepted": 4,
    "room.left": 4,
    "contact.declined": 2,
    "account.created": 2,
}
_NUMBERS = frozenset({"at", "hour", "messages", "bytes"})
_JSON, _COLUMNS = "application/json", "application/vnd.apache.arrow.stream"

Rows = list[dict[str, Any]]


def _measure(progress: Progress) -> Sequence[Figure]:
    with tempfile.TemporaryDirectory(prefix="nightlight-bench-") as name:
        folder = Path(name)
        draw = random.Random(3)  # noqa: S311 - figures need no secrets
        bare = _bare(folder / "bare.sqlite3")
        rates: dict[str, list[float]] = {_JSON: [], _COLUMNS: []}
        bare_rates = []
        with nightlight(folder) as (url, process), httpx.Client(base_url=url, timeout=120) as client:
            for number in range(FIRST):
                progress(f"events, until detection is compiled: {number + 1} of {FIRST}")
                _send(client, _COLUMNS, _rows(draw, number))
            wait_until_quiet(process)
            for number in range(FIRST, FIRST + BATCHES):
                progress(f"events, batch {number - FIRST + 1} of {BATCHES}")
                for kind, found in rates.items():
                    found.append(BATCH / _send(client, kind, _rows(draw, f"{number}/{kind}")))
                bare_rates.append(BATCH / _insert(bare, _rows(draw, number)))
        bare.close()
    beside = {"batch": float(BATCH), "bare_rows_per_s": statistics.median(bare_rates)}
    unit = "events/s over HTTP, durable, judged"
    json_rate, columns_rate = (statistics.median(rates[kind]) for kind in (_JSON, _COLUMNS))
    return [
        Figure("events", json_rate, unit, 20_000, "higher", beside),
        Figure("events_columns", columns_rate, unit, 100_000, "higher", beside),
    ]


def _send(client: httpx.Client, kind: str, rows: Rows) -> float:
    """Seconds until they are durable."""
    body = json.dumps({"events": rows}).encode() if kind == _JSON else _stream(rows)
    start = time.perf_counter()
    answer = client.post("/v1/events", content=body, headers={"content-type": kind, "authorization": f"Bearer {TOKEN}"})
    took = time.perf_counter() - start
    if answer.status_code != 200 or answer.json()["accepted"] != len(rows):
        raise UnavailableError("bench", f"Events were not taken: {answer.text[:200]}", retry=False)
    return took


def _stream(rows: Rows) -> bytes:
    import pyarrow as pa

    names = sorted({name for row in rows for name in row})
    columns = {
        name: pa.array([row.get(name) for row in rows], pa.int64() if name in _NUMBERS else pa.string())
        for name in names
    }
    table = pa.table({name: one.dictionary_encode() if name == "kind" else one for name, one in columns.items()})
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, table.schema) as stream:
        stream.write_table(table)
    made: bytes = out.getvalue().to_pybytes()
    return made


def _rows(draw: random.Random, batch: int | str) -> Rows:
    now = int(time.time() * 1_000)
    kinds = draw.choices(list(_KINDS), list(_KINDS.values()), k=BATCH)
    return [_event(draw, kind, f"{batch}/{n}", now) for n, kind in enumerate(kinds)]


def _event(draw: random.Random, kind: str, name: str, now: int) -> dict[str, Any]:
    one, other = draw.sample(range(ACCOUNTS), 2)
    event: dict[str, Any] = {"id": f"bench/{name}", "kind": kind, "at": now - 1_000, "actor": account(one)}
    if kind.startswith("contact."):
        event["target"] = account(other)
    elif kind != "account.created":
        event["room"] = f"!room{one % 5_000}:{SERVER}"
    if kind == "conversation.volume":
        event |= {"hour": now - now % 3_600_000 - 3_600_000, "messages": 12, "bytes": 4_800}
    return event


def _bare(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE events (id TEXT PRIMARY KEY, kind TEXT, at INTEGER, actor TEXT, rest TEXT)")
    return connection


def _insert(connection: sqlite3.Connection, events: Rows) -> float:
    rows = [(one["id"], one["kind"], one["at"], one["actor"], json.dumps(one)) for one in events]
    start = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", rows)
    connection.execute("COMMIT")
    return time.perf_counter() - start


BENCH = Bench("events", "Events over HTTP in durable groups, as JSON and in columns; bare rows beside them.", _measure)
