"""A backtest of the starter pack: all features over millions of events, by the engine and by SQL, with what it takes.

Events are drawn at random, with few who are very busy; they are no town and no messenger. What is said of 100 million
events is drawn out from fewer, and marked so; ``EVENTS`` set to 100 million measures it (4 GB on disk, ten minutes).
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightlight.bench.harness import Bench, Figure, Progress
from nightlight.detect.batch import BatchEngine
from nightlight.detect.definitions import Pack
from nightlight.errors import UnavailableError

if TYPE_CHECKING:
    from nightlight.adapters.parquet.event_files import EventFiles

EVENTS = 20_000_000
#: Of these the plain engine takes only so many: it is there to be compared with.
EVENTS_PLAIN = 200_000
ACCOUNTS = 1_000_000
TARGET_EVENTS = 100_000_000
_BLOCK = 500_000
_START = 1_780_000_000_000
_DAYS = 28
#: How often each kind of event is drawn.
_KINDS = {
    "contact.requested": 10,
    "contact.decided": 10,
    "contact.accepted": 6,
    "contact.declined": 2,
    "contact.blocked": 1,
    "room.joined": 12,
    "account.device": 3,
    "conversation.first_message": 5,
    "conversation.volume": 50,
    "report.made": 1,
}


def _measure(progress: Progress) -> Sequence[Figure]:
    try:
        import duckdb  # noqa: F401
        import pyarrow  # noqa: F401
    except ModuleNotFoundError:
        raise UnavailableError(
            "extra_missing", "This bench needs the extra: pip install 'nightlight[detect]'", retry=False
        ) from None
    with tempfile.TemporaryDirectory(prefix="nightlight-bench-", dir=os.environ.get("TMPDIR")) as name:
        folder = Path(name)
        progress(f"backtest, drawing {EVENTS:,} events")
        write_events(folder / "all", EVENTS)
        write_events(folder / "some", EVENTS_PLAIN)
        progress("backtest, by the engine")
        engine = _apart("engine", folder / "all")
        progress("backtest, by the plain engine")
        plain = _apart("plain", folder / "some")
        progress("backtest, by SQL")
        sql = _apart("sql", folder / "all")
    if engine["hits"] != sql["hits"]:
        raise UnavailableError("backtest", "The engine and SQL do not agree: no figure is worth anything.", retry=False)
    drawn_out = TARGET_EVENTS / EVENTS
    beside = {
        "events": float(EVENTS),
        "hits": engine["hits"],
        "events_per_s": EVENTS / engine["seconds"],
        "cpu_s": engine["cpu"],
        "finding_doubled_events_s": engine["opening"],
        "compiling_s": engine["compiling"],
        "sql_s": sql["seconds"],
        "sql_events_per_s": EVENTS / sql["seconds"],
        "sql_100M_extrapolated_s": sql["seconds"] * drawn_out,
        "sql_memory_GB": sql["memory"] / 1e9,
        "plain_python_events_per_s": EVENTS_PLAIN / plain["seconds"],
    }
    seconds = engine["compiling"] + (engine["seconds"] + engine["opening"]) * drawn_out
    unit = "s for 100 M events" if drawn_out == 1 else "s for 100 M events, EXTRAPOLATED"
    return [
        Figure("backtest", seconds, unit, 120, "lower", beside),
        Figure(
            "backtest_memory", engine["memory"] / 1e9, "GB at the number of events measured", 6, "lower",
            {"events": float(EVENTS)},
        ),
    ]  # fmt: skip


def _apart(how: str, folder: Path) -> Mapping[str, float]:
    """In a process of its own, so that its memory is its own."""
    done = subprocess.run(
        [sys.executable, "-m", "nightlight.bench.backtest", how, str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise UnavailableError("backtest", f"The backtest failed: {done.stderr[-500:]}", retry=False)
    return {name: float(value) for name, value in (line.split("=") for line in done.stdout.split())}


def run_apart(how: str, folder: Path) -> Mapping[str, float]:
    """``how``: by the ``engine``, by the ``plain`` one, or by ``sql``."""
    from nightlight.adapters.engines import batch_engine
    from nightlight.adapters.parquet.event_files import EventFiles
    from nightlight.cli.data import pack_file
    from nightlight.detect.batch import WindowsEngine
    from nightlight.detect.definition_file import read_definitions
    from nightlight.flows.backtest import Replay

    pack = read_definitions(pack_file("starter")).pack
    start = time.perf_counter()
    with EventFiles(str(folder)) as files:
        opened = time.perf_counter()
        make = WindowsEngine if how == "plain" else batch_engine(files.span.events, folder.parent / "machine-code")
        compiling = _compile(make, pack, files) if how == "engine" else 0.0
        began, cpu = time.perf_counter(), time.process_time()
        if how == "sql":
            hits = len(files.hits(pack)["number"])
        else:
            result = Replay(files, make).run([pack], examples=0)
            hits = sum(rule.hits for rule in result.a.rules)
    return {
        "compiling": compiling,
        "opening": opened - start,
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "hits": float(hits),
        "memory": peak_bytes(),
    }


def _compile(make: Callable[[Pack], BatchEngine], pack: Pack, files: EventFiles) -> float:
    """Seconds until an engine has taken its first events: what is spent once, however many follow."""
    first = next(iter(files.batches(files.span.first, files.span.last + 1)))
    start = time.perf_counter()
    make(pack).add_batch(first)
    return time.perf_counter() - start


def peak_bytes() -> float:
    """Bytes, of this process alone: what getrusage says on Linux may be that of the one it was started from."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return float(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def write_events(folder: Path, events: int) -> None:
    """Seeded events in Parquet files of the log's layout."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir()
    dice = np.random.default_rng(1)
    spacing = _DAYS * 86_400_000 / events
    for first in range(0, events, _BLOCK):
        count = min(_BLOCK, events - first)
        columns = drawn_columns(dice, first, count, spacing)
        pq.write_table(pa.table(columns), folder / f"events-{first:012}.parquet", compression="zstd")


def drawn_columns(dice: Any, first: int, count: int, spacing: float) -> dict[str, Any]:
    """``spacing``: milliseconds between events; some share an instant."""
    import numpy as np

    from nightlight.detect.columns import COLUMNS
    from nightlight.detect.fields import BANDS, KINDS, RELATIONS, WORDS

    number = np.arange(first + 1, first + count + 1)
    kinds = np.array([KINDS.index(kind) for kind in _KINDS])
    weights = np.array(list(_KINDS.values())) / sum(_KINDS.values())
    busy = 1 + (ACCOUNTS * dice.random(count) ** 3).astype(np.int64)
    kind = dice.choice(kinds, count, p=weights)
    item = np.where(kind == KINDS.index("account.device"), busy // 2 + 1, 0)
    made: dict[str, Any] = {
        "number": number,
        "event": (number.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)).view(np.int64),
        "t": _START + (number * spacing).astype(np.int64) // 20 * 20,
        "kind": kind,
        "actor": busy,
        "target": dice.integers(1, ACCOUNTS, count),
        "room": dice.integers(1, ACCOUNTS * 2, count),
        "item": item,
        "messages": dice.integers(1, 80, count),
        "bytes": dice.integers(1, 9_000, count),
        "word": dice.choice([0, WORDS.index("public"), WORDS.index("private")], count),
        "actor_band": dice.choice(len(BANDS), count, p=[0.02, 0.08, 0.08, 0.75, 0.07]),
        "target_band": dice.choice(len(BANDS), count, p=[0.02, 0.08, 0.08, 0.75, 0.07]),
        "relation": dice.integers(1, len(RELATIONS), count),
        "mutual": dice.integers(0, 3, count),
        "known_for": dice.integers(0, 400, count) * 86_400_000,
        "banned_links": dice.random(count) < 0.0005,
        "banned_in_room": dice.random(count) < 0.001,
    }
    made["at"] = made["t"]
    return {one.name: np.asarray(made[one.name]).astype(one.dtype) for one in COLUMNS}


BENCH = Bench(
    "backtest", "The starter pack over millions of events in Parquet files, by the engine and by SQL.", _measure
)

if __name__ == "__main__":
    found = run_apart(sys.argv[1], Path(sys.argv[2]))
    sys.stdout.write("\n".join(f"{name}={value}" for name, value in found.items()))
