"""One harness for every figure: medians and p99, a peer beside it in the same run, and whether the target holds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. ``beside``: what was measured with it, by name; each name carries its unit."""

    name: str
    value: float
    unit: str
    target: float
    better: Literal["higher", "lower"]
    beside: dict[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.value >= self.target if self.better == "higher" else self.value <= self.target

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "ok": self.ok}


@dataclass(frozen=True, slots=True)
class Bench:
    """``measure`` returns one figure or several; ``help`` says what is measured against what."""

    name: str
    help: str
    measure: Callable[[Progress], Sequence[Figure]]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of single calls: median and 99th percentile."""

    median: float
    p99: float

    @property
    def rate(self) -> float:
        """Calls in a second, by the median."""
        return 1 / self.median


def alternate(
    calls: dict[str, Callable[[int], object]],
    rounds: int,
    batch: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Times several calls in turn, batch by batch, so that a change of the machine's speed hits all alike.

    Each call gets a running number. One warm-up batch is not counted. The median is over batch means, the p99 over
    single calls. ``clock``: ``time.thread_time`` leaves out the time in which other processes had the processor.
    """
    means: dict[str, list[float]] = {name: [] for name in calls}
    singles: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            times = []
            for number in range(turn * batch, (turn + 1) * batch):
                start = clock()
                call(number)
                times.append(clock() - start)
            if turn:
                means[name].append(statistics.fmean(times))
                singles[name].extend(times)
    return {name: Timing(statistics.median(means[name]), percentile(singles[name], 99)) for name in calls}


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least ``percent`` of 100 values do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = max(0, -(-len(ordered) * percent // 100) - 1)
    return ordered[int(rank)]
