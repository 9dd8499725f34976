"""Taking events in batches: parsed, checked, each once, related and durable, beside bare durable rows of SQLite."""

from __future__ import annotations

import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from nightlight.bench.contact_world import SERVER, account, house_in
from nightlight.bench.harness import Bench, Figure, Progress
from nightlight.errors import UnavailableError
from nightlight.prevent.event_reader import event_from

BATCH, BATCHES = 10_000, 12
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


def _measure(progress: Progress) -> Sequence[Figure]:
    with tempfile.TemporaryDirectory(prefix="nightlight-bench-") as name:
        folder = Path(name)
        house = house_in(folder)
        house.store.migrate()
        draw = random.Random(3)  # noqa: S311 - figures need no secrets
        rates, bare_rates = [], []
        bare = _bare(folder / "bare.sqlite3")
        # The first batch warms up and is not counted.
        for number in range(BATCHES + 1):
            progress(f"events, batch {number + 1} of {BATCHES + 1}")
            body = _body(draw, number, house.clock.now())
            start = time.perf_counter()
            receipt = house.events.take([event_from(item) for item in json.loads(body)["events"]])
            took = time.perf_counter() - start
            if receipt.accepted != BATCH:
                raise UnavailableError("bench", f"{receipt.accepted} of {BATCH} events were taken.", retry=False)
            bare_took = _insert(bare, json.loads(body)["events"])
            if number:
                rates.append(BATCH / took)
                bare_rates.append(BATCH / bare_took)
        bare.close()
        house.close()
    beside = {"batch": float(BATCH), "bare_rows_per_s": statistics.median(bare_rates)}
    return [Figure("events", statistics.median(rates), "events/s, durable, SQLite", 20_000, "higher", beside)]


def _body(draw: random.Random, batch: int, now: int) -> bytes:
    kinds = draw.choices(list(_KINDS), list(_KINDS.values()), k=BATCH)
    return json.dumps({"events": [_event(draw, kind, f"{batch}/{n}", now) for n, kind in enumerate(kinds)]}).encode()


def _event(draw: random.Random, kind: str, name: str, now: int) -> dict[str, object]:
    one, other = draw.sample(range(ACCOUNTS), 2)
    event: dict[str, object] = {"id": f"bench/{name}", "kind": kind, "at": now - 1_000, "actor": account(one)}
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


def _insert(connection: sqlite3.Connection, events: list[dict[str, object]]) -> float:
    rows = [(one["id"], one["kind"], one["at"], one["actor"], json.dumps(one)) for one in events]
    start = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", rows)
    connection.execute("COMMIT")
    return time.perf_counter() - start


BENCH = Bench("events", "Events in durable batches on SQLite, bare rows beside them.", _measure)
