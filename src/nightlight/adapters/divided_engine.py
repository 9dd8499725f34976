"""A pack over history in several threads at once: each keeps what its rules need, and sees every event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightlight.detect.batch import BatchEngine, BatchHits, Columns
from nightlight.detect.definitions import Pack
from nightlight.detect.divide import Division, divide


@dataclass(frozen=True, slots=True)
class PlacedHits:
    row: NDArray[np.int64]
    rule: NDArray[np.int64]


class DividedEngine:
    """Implements ``nightlight.detect.batch.BatchEngine``. ``make``: makes the engine of a part of the pack.

    It divides the pack by what is in the first batch, so that no thread waits long for another; what comes out does not
    depend on that. Engines that hold Python's lock gain nothing.
    """

    def __init__(self, pack: Pack, make: Callable[[Pack], BatchEngine], threads: int) -> None:
        self._pack, self._make, self._threads = pack, make, threads
        self._pool = ThreadPoolExecutor(threads, "history")
        self._parts: Sequence[tuple[Division, BatchEngine]] | None = None

    def add_batch(self, columns: Columns) -> BatchHits:
        if self._parts is None:
            self._parts = self._divided(columns["kind"])
        found = list(self._pool.map(lambda part: part[1].add_batch(columns), self._parts))
        rows = [np.asarray(hits.row, np.int64) for hits in found]
        rules = [
            np.asarray(division.places, np.int64)[np.asarray(hits.rule, np.int64)]
            for (division, _), hits in zip(self._parts, found, strict=True)
        ]
        row = np.concatenate([np.zeros(0, np.int64), *rows])
        rule = np.concatenate([np.zeros(0, np.int64), *rules])
        order = np.lexsort((rule, row))
        return PlacedHits(row[order], rule[order])

    def _divided(self, kinds: Any) -> Sequence[tuple[Division, BatchEngine]]:
        seen = Counter(kinds.tolist())
        parts = divide(self._pack, self._threads, lambda kind: seen[kind] / max(1, len(kinds)))
        return [(part, self._make(part.pack)) for part in parts]
