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
    """The cells with small ones hidden (None), and as many more as it takes that a sum gives nothing away.

    Where a total is known, one hidden cell would follow from the others; so at least two are hidden, and together
    they are at least ``least``. Zeros say nothing about anybody and stay, unless they are needed as company.
    """
    hidden = {key for key, number in cells.items() if 0 < number < least}
    rest = sorted((key for key in cells if key not in hidden and cells[key]), key=lambda key: cells[key])
    while hidden and rest and (len(hidden) < 2 or sum(cells[key] for key in hidden) < least):
        hidden.add(rest.pop(0))
    return {key: None if key in hidden else number for key, number in cells.items()}
