"""The transparency log: durable appends, and inclusion proofs out of ten million entries."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from nightlight.bench.harness import Bench, Figure, Progress, alternate
from nightlight.cli.foundation import SystemClock
from nightlight.evidence.log import LogHead, LogKind
from nightlight.hazmat.merkle import EMPTY_ROOT, Frontier, node_hash, verify_inclusion
from nightlight.store.database import Database
from nightlight.store.log import node_id

_KEY = bytes(32)
BATCH, BATCHES = 100, 40
ONE_BY_ONE = 200
ENTRIES = 10_000_000
_DETAIL = {"event": "$" + "e" * 43}


def _measure(progress: Progress) -> Sequence[Figure]:
    with tempfile.TemporaryDirectory(prefix="nightlight-bench-", dir=os.environ.get("TMPDIR")) as folder:
        progress("log, appending")
        append = _append(Path(folder) / "append.sqlite3")
        progress(f"log, a tree of {ENTRIES:,} entries")
        inclusion = _inclusion(Path(folder) / "large.sqlite3")
    return [append, inclusion]


def _append(path: Path) -> Figure:
    """SQLite with synchronous=FULL: a commit is on the disk before it returns."""
    store = _store(path)
    now = SystemClock().now()
    rates = []
    for _ in range(BATCHES):
        start = time.perf_counter()
        with store.write() as tx:
            for _ in range(BATCH):
                tx.log(now, LogKind.EVIDENCE_VIEWED, "robin", "case_0123456789abcdef", _DETAIL)
        rates.append(BATCH / (time.perf_counter() - start))
    singles = []
    for _ in range(ONE_BY_ONE):
        start = time.perf_counter()
        with store.write() as tx:
            tx.log(now, LogKind.EVIDENCE_VIEWED, "robin", "case_0123456789abcdef", _DETAIL)
        singles.append(time.perf_counter() - start)
    store.close()
    beside = {"batch": float(BATCH), "one_commit_each_per_s": 1 / statistics.median(singles)}
    return Figure("log_append", statistics.median(rates), "durable appends/s", 2_000, "higher", beside)


def _inclusion(path: Path) -> Figure:
    store = _store(path)
    start = time.perf_counter()
    leaf, root = _build(path)
    built = time.perf_counter() - start
    step = 7_368_787  # a prime: leaves from everywhere, none twice
    proofs: list[tuple[int, list[bytes]]] = []

    def prove(number: int) -> object:
        index = number * step % ENTRIES
        with store.read() as tx:
            _, proof = tx.log_inclusion(index + 1, ENTRIES)
        proofs.append((index, proof))
        return proof

    def check(number: int) -> None:
        index, proof = proofs[number % len(proofs)]
        verify_inclusion(leaf, index, ENTRIES, proof, root)

    times = alternate({"prove": prove, "check": check}, rounds=10, batch=50)
    store.close()
    beside = {
        "p99_ms": times["prove"].p99 * 1e3,
        "verifying_it_ms": times["check"].median * 1e3,
        "hashes_in_a_proof": float(len(proofs[0][1])),
        "entries": float(ENTRIES),
        "built_in_s": built,
    }
    return Figure("log_inclusion", times["prove"].median * 1e3, "ms for a proof", 1, "lower", beside)


def _store(path: Path) -> Database:
    store = Database(f"sqlite:///{path}", _KEY)
    store.migrate()
    return store


def _build(path: Path) -> tuple[bytes, bytes]:
    """Fills the tree's nodes as ten million equal leaves give them; every hash is real. The leaf and the root."""
    leaf = hashlib.sha256(b"\x00" + bytes(32)).digest()
    levels = [leaf]
    while ENTRIES >> len(levels):
        levels.append(node_hash(levels[-1], levels[-1]))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO log_nodes (id, hash) VALUES (?, ?)", _nodes(levels))
    peaks = [levels[level] for level in range(len(levels) - 1, -1, -1) if ENTRIES >> level & 1]
    frontier = Frontier(ENTRIES, tuple(peaks))
    root = frontier.root() if peaks else EMPTY_ROOT
    mac = LogHead(ENTRIES, root).mac(_KEY)
    connection.execute(
        "UPDATE log_head SET number = ?, hash = ?, mac = ?, peaks = ?", (ENTRIES, root, mac, b"".join(peaks))
    )
    connection.execute("COMMIT")
    connection.close()
    return leaf, root


def _nodes(levels: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    for level, value in enumerate(levels):
        for index in range(ENTRIES >> level):
            yield node_id((level, index)), value


BENCH = Bench("log", "Durable appends in batches, and inclusion proofs at ten million entries.", _measure)
