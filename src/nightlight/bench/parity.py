"""Three engines over the same 20 million events: the live one, SQL and Spark have to say the same, hit by hit.

The figure is how many hits one of them has and another has not. Events are those of the bench ``backtest``.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nightlight.bench.backtest import write_events
from nightlight.bench.harness import Bench, Figure, Progress
from nightlight.bench.stream import nats_server, stop_spark, stream_of
from nightlight.detect.definition_file import read_definitions
from nightlight.detect.definitions import Pack
from nightlight.errors import UnavailableError

EVENTS = 20_000_000
_ENGINES = ("live", "sql", "spark")


def _measure(progress: Progress) -> Sequence[Figure]:
    with tempfile.TemporaryDirectory(prefix="nightlight-bench-", dir=os.environ.get("TMPDIR")) as name:
        folder = Path(name)
        progress(f"parity, drawing {EVENTS:,} events")
        write_events(folder / "events", EVENTS)
        seconds, hits = {}, {}
        for how in _ENGINES:
            progress(f"parity, {how}")
            start = time.perf_counter()
            _apart(how, folder)
            seconds[how] = time.perf_counter() - start
            hits[how] = {tuple(row) for row in np.load(folder / f"{how}.npy").tolist()}
    if not hits["live"]:
        raise UnavailableError("parity", "No rule held: nothing was compared.", retry=False)
    live, sql, spark = (hits[how] for how in _ENGINES)
    apart = (live | sql | spark) - (live & sql & spark)
    beside = {"events": float(EVENTS), "hits": float(len(hits["live"]))}
    beside |= {f"{how}_s": took for how, took in seconds.items()}
    return [Figure("parity", float(len(apart)), "hits on which live, SQL and Spark differ", 0, "lower", beside)]


def _apart(how: str, folder: Path) -> None:
    """In a process of its own, so that the memory of one is not in the way of another."""
    said = folder / f"{how}.err"
    # Into a file: Spark's Java, which ends a minute later, would keep a pipe open.
    with said.open("wb") as errors:
        command = [sys.executable, "-m", "nightlight.bench.parity", how, str(folder)]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=errors, check=False)
    if done.returncode:
        raise UnavailableError("parity", f"{how} failed: {said.read_text('utf-8', 'replace')[-500:]}", retry=False)


def run_apart(how: str, folder: Path) -> None:
    """Leaves ``how.npy``: int64 [hit, (number, rule, about)]."""
    from nightlight.adapters.parquet.event_files import EventFiles
    from nightlight.cli.data import pack_file

    pack = read_definitions(pack_file("starter")).pack
    with EventFiles(str(folder / "events")) as files:
        found = {"live": _live, "sql": _sql, "spark": _spark}[how](files, pack, folder)
    np.save(folder / f"{how}.npy", found)


def _live(files: Any, pack: Pack, _folder: Path) -> Any:
    from nightlight.detect.compiled import Engine

    engine = Engine.new(pack, salt=7)
    return _rows([engine.add_batch(columns) for columns in files.batches(0, 2**62)])


def _sql(files: Any, pack: Pack, _folder: Path) -> Any:
    found = files.hits(pack)
    return np.stack([np.asarray(found[name], np.int64) for name in ("number", "rule", "about")], axis=1)


def _rows(found: Sequence[Any]) -> Any:
    return np.concatenate([np.stack([one.number, one.rule, one.about], axis=1) for one in found])


def _spark(files: Any, pack: Pack, folder: Path) -> Any:
    import pyarrow as pa

    from nightlight.adapters.jetstream.groups import SCHEMA
    from nightlight.adapters.jetstream.log import publish
    from nightlight.adapters.jetstream.server import LogPlace
    from nightlight.adapters.spark.job import session, start, wait

    def batches() -> Iterator[Any]:
        for columns in files.batches(0, 2**62):
            yield pa.RecordBatch.from_pydict(dict(columns), schema=SCHEMA)

    with nats_server(folder) as url:
        place = LogPlace(url, "parity", 2)
        publish(place, batches())
        stream = stream_of(folder, place, "spark")
        wait(start(session(stream), stream, once=True))
        stop_spark()
    places = {rule.id: number for number, rule in enumerate(pack.rules)}
    with contextlib.closing(sqlite3.connect(folder / "spark.sqlite3")) as table:
        rows = table.execute("SELECT number, rule, about FROM hits").fetchall()
    return np.array([(number, places[rule], about) for number, rule, about in rows], np.int64).reshape(-1, 3)


BENCH = Bench("parity", "Live engine, SQL and Spark over 20 million events: do they say the same?", _measure)

if __name__ == "__main__":
    run_apart(sys.argv[1], Path(sys.argv[2]))
