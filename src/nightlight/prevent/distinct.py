"""Counting distinct people in little memory, and keeping small numbers to ourselves."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappush, heappushpop
from typing import TypeVar

K = TypeVar("K")

#: In anything that can be published, no number of people below this is said (docs/facts: k ≥ 10).
K_MIN = 10
#: As many numbers are kept; up to here the count is exact, above it is about right (standard error 1/√(size - 2)).
SIZE = 4_096
_SPACE = 2**63


class Distinct:
    """How many different 63-bit keyed numbers were seen: the smallest ``SIZE`` of them tell.

    Source: Z. Bar-Yossef et al., "Counting distinct elements in a data stream", 2002 (k minimum values). It needs
    numbers that are spread evenly, as keyed hashes are.
    """

    def __init__(self) -> None:
        self._kept: set[int] = set()
        self._heap: list[int] = []  # negated, so that the greatest that is kept comes first

    def add(self, number: int) -> None:
        if number in self._kept:
            return
        if len(self._heap) < SIZE:
            heappush(self._heap, -number)
            self._kept.add(number)
        elif number < -self._heap[0]:
            self._kept.discard(-heappushpop(self._heap, -number))
            self._kept.add(number)

    @property
    def exact(self) -> bool:
        return len(self._heap) < SIZE

    def __len__(self) -> int:
        """The number of different ones; above ``SIZE`` an estimate."""
        if self.exact:
            return len(self._heap)
        return int((SIZE - 1) * _SPACE / max(1, -self._heap[0]))


def suppressed(cells: Mapping[K, int], least: int = K_MIN) -> dict[K, int | None]:
    """The cells with small ones hidden (None), and as many more as it takes that a sum gives nothing away."""
    hidden = hidden_parts(cells, least)
    return {key: None if key in hidden else number for key, number in cells.items()}


def small(count: int, least: int = K_MIN) -> bool:
    """Zero is not: it says nothing about anybody."""
    return 0 < count < least


def hidden_parts(parts: Mapping[K, int], least: int = K_MIN) -> frozenset[K]:
    """Which parts of a total are hidden. Where all are, and the total is small, the total has to be hidden too.

    All parts up to a threshold are hidden, the threshold being the smallest part that is not small. The hidden ones
    could be exchanged in any way without anything published becoming different, even for somebody who knows this rule,
    and one of them is not small: so each could be small, and each could be not small. Where that would hide every part
    that is not zero, zeros are hidden with them: nothing about the parts is said at all.
    """
    # Of a total of exactly ``least``, too, nothing is said: else parts that are hidden would have to be small.
    if 0 < sum(parts.values()) <= least:
        return frozenset(parts)
    if not any(small(count, least) for count in parts.values()):
        return frozenset()
    threshold = min((count for count in parts.values() if count >= least), default=least)
    hidden = frozenset(key for key, count in parts.items() if 0 < count <= threshold)
    shown = any(count for key, count in parts.items() if key not in hidden)
    return hidden if shown else frozenset(parts)
