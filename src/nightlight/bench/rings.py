"""Clusters of accounts: all edges joined anew, and edges as they come, beside a plain search in Python.

All is work of one thread in memory; its own time is measured, without that in which others had the processor.
"""

from __future__ import annotations

import random
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence

from nightlight.bench.harness import Bench, Figure, Progress, percentile
from nightlight.detect.fields import Seen, Type, code
from nightlight.detect.joints import Ground, JointLimits
from nightlight.detect.rings import Rings
from nightlight.detect.union import COMPILED, column, filled
from nightlight.errors import UnavailableError

EDGES, ACCOUNTS, ITEMS = 5_000_000, 1_200_000, 800_000
BATCH, ROUNDS = 10_000, 5
#: So much of it goes to plain Python; its time is multiplied.
PLAIN_EDGES = 250_000
EVENTS, EVENT_BATCH = 200_000, 100
_DAY = 86_400_000


def _measure(progress: Progress) -> Sequence[Figure]:
    draw = random.Random(5)  # noqa: S311 - figures need no secrets
    progress("rings, edges")
    accounts, items = _edges(draw)
    # Nothing of this size is a hub here: all edges are to be joined.
    rings = Rings(JointLimits(device=10**6), edges_max=2 * EDGES)
    _warm_up()
    grounds, holds = filled([int(Ground.DEVICE)] * EDGES, "b"), filled([1] * EDGES, "b")
    adds = []
    for start in range(0, EDGES, BATCH):
        part = slice(start, min(start + BATCH, EDGES))
        progress(f"rings, {start:,} of {EDGES:,} edges")
        # A twentieth is older by a day, and is gone first.
        times = filled([_DAY * (start >= EDGES // 20)] * (part.stop - part.start))
        begun = time.thread_time()
        rings.add_columns(times, accounts[part], grounds[part], items[part], holds[part])
        adds.append(time.thread_time() - begun)
    nodes = rings.nodes
    again, drops = [], []
    for turn in range(ROUNDS):
        progress(f"rings, rebuild {turn + 1} of {ROUNDS}")
        begun = time.thread_time()
        rings.rebuild(_DAY + 1)
        components = len(rings.sizes(_DAY + 1))
        again.append(time.thread_time() - begun)
    kept = rings.edges
    begun = time.thread_time()
    rings.rebuild(90 * _DAY)
    sizes = rings.sizes(90 * _DAY)
    drops.append(time.thread_time() - begun)
    if not 0 < rings.edges < kept or not sizes:
        raise UnavailableError("bench", "The older edges did not go.", retry=False)
    progress("rings, plain search")
    plain = _plain(accounts[:PLAIN_EDGES], items[:PLAIN_EDGES])
    beside = {
        "edges": float(kept),
        "nodes": float(nodes),
        "components": float(components),
        "compiled": float(COMPILED),
        "dropping_a_twentieth_s": statistics.median(drops),
        f"plain_search_s_scaled_from_{PLAIN_EDGES}": plain * kept / min(PLAIN_EDGES, EDGES),
    }
    adding = {
        "batch": float(BATCH),
        "batch_p99_ms": 1_000 * percentile(adds, 99),
        f"from_events_per_s_in_batches_of_{EVENT_BATCH}": _from_events(draw, progress),
    }
    return [
        Figure("rings", statistics.median(again), "s, all components anew", 1.0, "lower", beside),
        Figure("rings_add", EDGES / sum(adds), "edges/s, as columns, growth included", 500_000, "higher", adding),
    ]


def _edges(draw: random.Random) -> tuple[Sequence[int], Sequence[int]]:
    """Keyed numbers, as they are in earnest: spread over 63 bits."""
    names = [draw.getrandbits(62) + 1 for _ in range(ACCOUNTS + ITEMS)]
    accounts, items = column(EDGES), column(EDGES)
    for place in range(EDGES):
        accounts[place] = names[int(draw.random() * ACCOUNTS)]
        items[place] = names[ACCOUNTS + int(draw.random() * ITEMS)]
    return accounts, items


def _warm_up() -> None:
    rings = Rings()
    rings.add_batch([Seen(1, 1, code(Type.KIND, "account.device"), 1, item=1)])
    rings.sizes(100 * _DAY)


def _from_events(draw: random.Random, progress: Progress) -> float:
    """Events as objects, in small batches, as the live engine hands them over."""
    kind = code(Type.KIND, "account.device")
    events = [
        Seen(number, number, kind, draw.randrange(1, 50_000), item=draw.randrange(1, 40_000))
        for number in range(EVENTS)
    ]
    rings = Rings()
    progress("rings, events")
    begun = time.thread_time()
    for start in range(0, EVENTS, EVENT_BATCH):
        rings.add_batch(events[start : start + EVENT_BATCH])
    return EVENTS / (time.thread_time() - begun)


def _plain(accounts: Sequence[int], items: Sequence[int]) -> float:
    """Dictionaries and a breadth-first search. Seconds."""
    begun = time.thread_time()
    beside: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for account, item in zip(accounts, items, strict=True):
        beside[0, account].append((1, item))
        beside[1, item].append((0, account))
    reached: set[tuple[int, int]] = set()
    for start in beside:
        if start not in reached:
            reached.add(start)
            ahead = [start]
            while ahead:
                for other in beside[ahead.pop()]:
                    if other not in reached:
                        reached.add(other)
                        ahead.append(other)
    return time.thread_time() - begun


BENCH = Bench("rings", "Clusters over millions of edges, a plain search beside them.", _measure)
