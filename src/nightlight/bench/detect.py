"""The live engine of detection with the starter pack: batches, single events and recovery, plain Python beside it.

Events are made here, seeded: few accounts do much and most little, over two weeks. Real traffic differs. Times are
those of the thread: what other processes take of the machine is left out.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightlight.bench.harness import Bench, Figure, Progress, percentile
from nightlight.detect.columns import COLUMNS, SEEN_COLUMNS
from nightlight.detect.compiled import Engine
from nightlight.detect.definition_file import read_definitions
from nightlight.detect.definitions import Pack
from nightlight.detect.fields import BANDS, RELATIONS, Seen, Type, code
from nightlight.detect.machine_code import CodeStore
from nightlight.detect.windows import Windows
from nightlight.errors import UnavailableError

EVENTS, BATCH = 3_000_000, 10_000
SINGLES, PLAIN, REPLAY = 200_000, 60_000, 500_000
ACCOUNTS, ROOMS, ITEMS = 1_000_000, 1_000_000, 1_500_000
DAYS = 14
START = 1_750_000_000_000
SALT = 0x5EED
#: What the recovery figure is scaled to.
RECOVERED = 20_000_000
#: Of a thousand events: kind and, where it has one, the word that goes with it.
_KINDS: Sequence[tuple[str, str, int]] = (
    ("conversation.volume", "", 560),
    ("contact.requested", "direct", 130),
    ("room.joined", "public", 60),
    ("room.joined", "private", 40),
    ("contact.accepted", "", 80),
    ("contact.declined", "", 30),
    ("contact.blocked", "", 8),
    ("report.made", "other", 4),
    ("report.verified", "", 1),
    ("decision.made", "no_violation", 1),
    ("account.device", "", 46),
    ("account.number", "", 10),
    ("conversation.first_message", "", 30),
)
Columns = dict[str, NDArray[Any]]


def _measure(progress: Progress) -> Sequence[Figure]:
    with tempfile.TemporaryDirectory(prefix="nightlight-bench-", dir=os.environ.get("TMPDIR")) as folder:
        return _figures(progress, Path(folder))


def _figures(progress: Progress, folder: Path) -> Sequence[Figure]:
    from nightlight.adapters.code_folder import CodeFolder

    store = CodeFolder(folder)
    pack = read_definitions(resources.files("nightlight.detect").joinpath("packs/starter.yaml").read_bytes()).pack
    progress("detect, making events")
    columns = events(EVENTS)
    progress("detect, compiling")
    start = time.thread_time()
    engine = Engine.new(pack, SALT, store=store)
    compiled = time.thread_time() - start
    _warm_up(pack, store, columns)
    state: dict[str, float] = {}
    batches = _batches(engine, store, columns, progress, state)
    progress("detect, starting")
    start_s = _start(folder)
    recovery = _recovery(engine, pack, state, start_s)
    progress("detect, single events")
    singles = _singles(engine, columns)
    progress("detect, plain Python")
    plain = _plain(pack, columns)
    rate = 1 / statistics.fmean(singles)
    return [
        Figure(
            "detect, batches",
            BATCH / statistics.median(batches),
            "events/s, one core",
            1_000_000,
            "higher",
            {
                "events_per_s_of_the_last_tenth": BATCH / statistics.median(batches[-max(1, len(batches) // 10) :]),
                "events_per_s_overall": BATCH / statistics.fmean(batches),
                "plain_python_per_s": plain,
                "compile_s": compiled,
                "hits_per_1000_events": state["hits"] / EVENTS * 1_000,
            },
        ),
        Figure(
            "detect, single events",
            1 / statistics.median(singles),
            "events/s, one core",
            150_000,
            "higher",
            {"events_per_s_overall": rate, "plain_python_per_s": plain, "p50_us": percentile(singles, 50) * 1e6},
        ),
        Figure(
            "detect, single event p99",
            percentile(singles, 99) * 1e6,
            "us",
            50,
            "lower",
            {"p99.9_us": percentile(singles, 99.9) * 1e6, "worst_us": max(singles) * 1e6},
        ),
        Figure(
            "detect, state",
            state["bytes"] / state["live"],
            "bytes per live value, all tables",
            64,
            "lower",
            {"live": state["live"], "keys": state["keys"], "megabytes": state["bytes"] / 1e6},
        ),
        recovery,
        Figure(
            "detect, first engine where machine code is kept",
            start_s,
            "s, imports included",
            2,
            "lower",
            {"compiling_s": compiled},
        ),
    ]


def _batches(
    engine: Engine, store: CodeStore, columns: Columns, progress: Progress, state: dict[str, float]
) -> list[float]:
    times, hits = [], 0
    for at in range(0, EVENTS - REPLAY, BATCH):
        if at % (20 * BATCH) == 0:
            progress(f"detect, event {at:,} of {EVENTS:,}")
        batch = _part(columns, at, min(at + BATCH, EVENTS - REPLAY))
        start = time.thread_time()
        hits += len(engine.add_batch(batch))
        times.append(time.thread_time() - start)
    start = time.thread_time()
    data = engine.snapshot()
    state["snapshot_s"] = time.thread_time() - start
    state["snapshot_bytes"] = len(data)
    start = time.thread_time()
    restored = Engine.restore(engine.pack, data, SALT, store=store)
    state["restore_s"] = time.thread_time() - start
    start = time.thread_time()
    rest = _part(columns, EVENTS - REPLAY, EVENTS)
    again = restored.add_batch(rest)
    state["replay_s"] = time.thread_time() - start
    start = time.thread_time()
    onward = engine.add_batch(rest)
    times += [(time.thread_time() - start) / (REPLAY / BATCH)]
    if not np.array_equal(onward.raw, again.raw) or restored.live() != engine.live():
        raise UnavailableError("bench", "A restored engine does not go on as the first one does.", retry=False)
    state["hits"] = hits + len(onward)
    state["live"], state["keys"] = engine.live(), engine.entries() - engine.live()
    state["bytes"] = engine.bytes()
    return times


def _start(folder: Path) -> float:
    command = [sys.executable, "-m", "nightlight.bench.detect", str(folder)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def start_apart(folder: Path) -> float:
    """Processor seconds of this process so far, once its first engine has taken an event and written a snapshot."""
    from nightlight.adapters.code_folder import CodeFolder

    store = CodeFolder(folder)
    pack = read_definitions(resources.files("nightlight.detect").joinpath("packs/starter.yaml").read_bytes()).pack
    engine = Engine.new(pack, SALT, store=store)
    engine.add(Seen(number=1, t=START, kind=1, actor=1))
    Engine.restore(pack, engine.snapshot(), SALT, store=store)
    return time.process_time()


def _recovery(engine: Engine, pack: Pack, state: dict[str, float], start_s: float) -> Figure:
    """A snapshot of the state after 20 million events, and the last part of the log replayed, in a new process.

    Restoring is scaled by the number of events; the replay is as long as it is here. ``start_s``: until there is an
    engine where its machine code was kept.
    """
    kept = EVENTS - REPLAY
    scaled = start_s + state["restore_s"] * RECOVERED / kept + state["replay_s"]
    beside = {
        "restore_s_measured": state["restore_s"],
        "replay_s_measured": state["replay_s"],
        "events_measured": float(kept),
        "replayed_events": float(REPLAY),
        "start_s": start_s,
        "snapshot_s": state["snapshot_s"],
        "snapshot_bytes_per_live": state["snapshot_bytes"] / engine.live(),
    }
    return Figure(f"detect, recovery scaled to {RECOVERED:,} events ({pack.name})", scaled, "s", 10, "lower", beside)


def _singles(engine: Engine, columns: Columns) -> list[float]:
    """Further events, one call each, into the full state."""
    later = _part(columns, 0, SINGLES)
    later["number"] = later["number"] + EVENTS
    later["t"] = later["t"] + DAYS * 86_400_000
    times = []
    for seen in _seen(later):
        start = time.thread_time()
        engine.add(seen)
        times.append(time.thread_time() - start)
    return times


def _plain(pack: Pack, columns: Columns) -> float:
    windows = Windows(pack)
    rows = _seen(_part(columns, 0, PLAIN))
    start = time.thread_time()
    for seen in rows:
        windows.add(seen)
    return PLAIN / (time.thread_time() - start)


def _warm_up(pack: Pack, store: CodeStore, columns: Columns) -> None:
    """Whatever is done at its first use only is done once."""
    engine = Engine.new(pack, SALT, store=store)
    engine.add_batch(_part(columns, 0, 5_000))
    engine.add(_seen(_part(columns, 5_000, 5_001))[0])
    Engine.restore(pack, engine.snapshot(), SALT, store=store)


def _part(columns: Columns, start: int, stop: int) -> Columns:
    return {name: column[start:stop] for name, column in columns.items()}


def _seen(columns: Columns) -> list[Seen]:
    return [Seen(*row) for row in zip(*(columns[name].tolist() for name in SEEN_COLUMNS), strict=True)]


def events(many: int) -> Columns:
    """So many, in their order. The stream's bench takes the same."""
    dice = np.random.default_rng(6)
    chosen = dice.choice(len(_KINDS), many, p=np.array([share for _, _, share in _KINDS]) / 1_000)
    kinds = np.array([code(Type.KIND, kind) for kind, _, _ in _KINDS])
    words = np.array([code(Type.WORD, word) if word else 0 for _, word, _ in _KINDS])
    bands = [BANDS.index("13_15"), BANDS.index("16_17"), BANDS.index("adult"), BANDS.index("unknown")]
    made: dict[str, Any] = {
        "number": np.arange(1, many + 1),
        "t": START + np.sort(dice.integers(0, DAYS * 86_400_000, many)),
        "kind": kinds[chosen],
        "word": words[chosen],
        "actor": _ids(dice, many, ACCOUNTS, 0),
        "target": _ids(dice, many, ACCOUNTS, 0),
        "room": _ids(dice, many, ROOMS, 1),
        "item": _ids(dice, many, ITEMS, 2),
        "messages": dice.integers(1, 40, many),
        "bytes": dice.integers(1, 9_000, many),
        "actor_band": dice.choice(bands, many, p=[0.05, 0.05, 0.7, 0.2]),
        "target_band": dice.choice(bands, many, p=[0.05, 0.05, 0.7, 0.2]),
        "relation": dice.integers(1, len(RELATIONS), many),
        "mutual": dice.integers(0, 3, many),
        "known_for": dice.integers(0, 10**11, many),
        "banned_links": dice.random(many) < 0.001,
        "banned_in_room": dice.random(many) < 0.01,
    }
    return {column.name: made[column.name].astype(column.dtype) for column in COLUMNS if column.name in made}


def _ids(dice: np.random.Generator, many: int, different: int, space: int) -> NDArray[np.int64]:
    """Zipfian over so many keyed numbers: the n-th is met about 1 / n as often as the first."""
    rank = np.exp(dice.random(many) * np.log(different)).astype(np.uint64) + np.uint64(space << 40)
    return np.asarray(rank * np.uint64(0x9E3779B97F4A7C15)).view(np.int64)


BENCH = Bench("detect", "Detection's live engine with the starter pack, plain Python beside it.", _measure)

if __name__ == "__main__":
    sys.stdout.write(str(start_apart(Path(sys.argv[1]))))
