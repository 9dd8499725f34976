"""Ids as 63-bit numbers: a keyed mixing of (what it is, its index) in which no two collide and none is 0.

The steps are those of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014), reckoned
modulo 2^63: a shift that is xored in, and a product with an odd number, are reversible in any number of bits.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_MASK = np.uint64(2**63 - 1)
_GOLDEN = 0x9E3779B97F4A7C15
_ONE = np.uint64(0xBF58476D1CE4E5B9)
_TWO = np.uint64(0x94D049BB133111EB)
_INDEX_BITS = 40


class What(IntEnum):
    EVENT = 1
    ACCOUNT = 2
    ROOM = 3
    ITEM = 4


def keyed_numbers(what: What, index: Ints, seed: int) -> Ints:
    """For each index below 2^40 its number; 0 for an index below 0, which stands for none."""
    none = index < 0
    z = np.where(none, 0, index).astype(np.uint64) + np.uint64(what << _INDEX_BITS)
    # An odd product spreads the inputs before the seed turns them, so that two seeds share no run of numbers.
    z = (z * np.uint64(_GOLDEN)) & _MASK
    z = (z + np.uint64((seed + 1) * 0xD1B54A32D192ED03 & int(_MASK))) & _MASK
    z ^= z >> np.uint64(30)
    z = (z * _ONE) & _MASK
    z ^= z >> np.uint64(27)
    z = (z * _TWO) & _MASK
    z ^= z >> np.uint64(31)
    # Exactly one input gives 0. It takes the number of an input that nobody has.
    if not z.all():
        z[z == 0] = _unused(seed)
    z[none] = 0
    return z.astype(np.int64)


def _unused(seed: int) -> np.uint64:
    return np.uint64(keyed_numbers(What.EVENT, np.array([2**_INDEX_BITS * 64 + 1], np.int64), seed)[0] or 1)
