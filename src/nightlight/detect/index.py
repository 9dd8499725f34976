"""Finding a key's row and a pair's node: two indexes with open addressing.

Hashes are those of splitmix64's finaliser over a secret salt: ids that were chosen to meet in one place do not. What
stands in an index is a row of the table; the bits that rows do not need hold bits of the hash, so that hardly ever a
row has to be looked at in vain.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nightlight.detect.layout import (
    AFTER,
    BEFORE,
    EVENT,
    FOUND,
    GROUP,
    HAS,
    HASH,
    KEPT,
    KEY,
    KEY_BITS,
    NODE_BITS,
    OF,
    PAIRS,
    ROW,
    SALT,
    TIMES,
    VALUE,
    State,
    kernel,
)

_MIX_1, _MIX_2, _STEP = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB), np.uint64(0x9E3779B97F4A7C15)
_30, _27, _31, _32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)
#: An entry has so many bits; with one more it were negative, which is "empty".
_ENTRY = 31
#: An index is full where less than three of ten places are empty: the less are, the longer every search is.
_TAKEN, _OF = 7, 10


@kernel
def mixed(x: Any) -> Any:
    """splitmix64's finaliser (Steele, Lea, Flood 2014)."""
    x = (x ^ (x >> _30)) * _MIX_1
    x = (x ^ (x >> _27)) * _MIX_2
    return x ^ (x >> _31)


@kernel
def hash_of(meta: Any, part: Any, whole: Any) -> Any:
    """``part``, ``whole``: a small number (group or row) and an id."""
    return mixed(mixed(np.uint64(whole) ^ np.uint64(meta[SALT])) + np.uint64(part + 1) * _STEP)


@kernel
def place_of(h: Any, size: Any) -> Any:
    """Where the search begins: the upper bits of the hash say it."""
    return np.int64(((h >> _32) * np.uint64(size)) >> _32)


@kernel
def entry_of(h: Any, row: Any, bits: Any) -> Any:
    """What stands in an index for a row: bits of the hash that the place does not depend on, then the row."""
    return np.int64(h & np.uint64((1 << (_ENTRY - bits)) - 1)) << bits | row


@kernel
def find_key(s: State, group: int, key: int, h: Any) -> int:
    keys, counts, index, bits = s[3], s[4], s[5], s[7][KEY_BITS]
    i = place_of(h, index.size)
    mine = entry_of(h, 0, bits)
    while True:
        entry: Any = np.int64(index[i])
        if entry < 0:
            return -1
        row = entry ^ mine
        if row >> bits == 0 and keys[row, 0] == key and counts[row, GROUP] == group:
            return row
        i += 1
        if i == index.size:
            i = 0


@kernel
def find_pair(s: State, row: int, value: int, h: Any) -> int:
    nodes, links, index, bits = s[0], s[1], s[2], s[7][NODE_BITS]
    i = place_of(h, index.size)
    mine = entry_of(h, 0, bits)
    while True:
        entry: Any = np.int64(index[i])
        if entry < 0:
            return -1
        node = entry ^ mine
        if node >> bits == 0 and nodes[node, 0] == value and links[node, ROW] == row:
            return node
        i += 1
        if i == index.size:
            i = 0


@kernel
def takes(index: Any, entries: int) -> bool:
    return entries * _OF <= index.size * _TAKEN


@kernel
def put(index: Any, h: Any, row: int, bits: int) -> None:
    i = place_of(h, index.size)
    while index[i] >= 0:
        i += 1
        if i == index.size:
            i = 0
    index[i] = entry_of(h, row, bits)


@kernel
def stays(i: int, home: int, j: int) -> bool:
    """Whether an entry at j whose search begins at home is still found when i has become empty."""
    if i <= j:
        return i < home <= j
    return home > i or home <= j


@kernel
def take_out_key(s: State, row: int) -> None:
    """Backward shift: no tombstones, so the index never fills with what is gone."""
    keys, counts, index, meta = s[3], s[4], s[5], s[7]
    rows = (1 << meta[KEY_BITS]) - 1
    i = place_of(hash_of(meta, counts[row, GROUP], keys[row, 0]), index.size)
    while np.int64(index[i]) & rows != row:
        i = i + 1 if i + 1 < index.size else 0
    j = i
    while True:
        j = j + 1 if j + 1 < index.size else 0
        entry = np.int64(index[j])
        if entry < 0:
            break
        other = entry & rows
        if not stays(i, place_of(hash_of(meta, counts[other, GROUP], keys[other, 0]), index.size), j):
            index[i] = entry
            i = j
    index[i] = -1


@kernel
def take_out_pair(s: State, node: int) -> None:
    nodes, links, index, meta = s[0], s[1], s[2], s[7]
    rows = (1 << meta[NODE_BITS]) - 1
    i = place_of(hash_of(meta, links[node, ROW], nodes[node, 0]), index.size)
    while np.int64(index[i]) & rows != node:
        i = i + 1 if i + 1 < index.size else 0
    j = i
    while True:
        j = j + 1 if j + 1 < index.size else 0
        entry = np.int64(index[j])
        if entry < 0:
            break
        other = entry & rows
        if not stays(i, place_of(hash_of(meta, links[other, ROW], nodes[other, 0]), index.size), j):
            index[i] = entry
            i = j
    index[i] = -1


@kernel
def likely(index: Any, h: Any, bits: int) -> int:
    """The row with these bits of the hash, or -1: whether it is the one is not looked at."""
    i = place_of(h, index.size)
    mine = entry_of(h, 0, bits)
    while True:
        entry: Any = np.int64(index[i])
        if entry < 0:
            return -1
        if (entry ^ mine) >> bits == 0:
            return entry ^ mine
        i += 1
        if i == index.size:
            i = 0


@kernel
def touch(s: State, first: int, todo: int) -> None:
    """Hashes of the keys of additions; and where these are of several events, a look at all that they will need.

    What lies far apart in memory is waited for; here for many events at once, not for one after the other. Each round
    asks for what the round before brought.
    """
    nodes, links, counts, lists, meta, work = s[0], s[1], s[4], s[6], s[7], s[8]
    near = np.int64(0)
    for at in range(first, todo):
        h = hash_of(meta, work[at, OF], work[at, KEY])
        work[at, HASH] = np.int64(h)
        near += s[5][place_of(h, s[5].size)]
    if first == todo or work[first, EVENT] == work[todo - 1, EVENT]:
        return
    for at in range(first, todo):
        row = likely(s[5], np.uint64(work[at, HASH]), meta[KEY_BITS])
        work[at, FOUND] = row
        if row >= 0:
            near += counts[row, HAS]
            if lists[work[at, OF], KEPT] == PAIRS:
                near += s[2][place_of(hash_of(meta, row, work[at, VALUE]), s[2].size)]
    for at in range(first, todo):
        row, kept, node = work[at, FOUND], lists[work[at, OF], KEPT], np.int64(-1)
        if row >= 0:
            if kept == PAIRS:
                node = likely(s[2], hash_of(meta, row, work[at, VALUE]), meta[NODE_BITS])
            elif kept == TIMES:
                node = np.int64(counts[row, HAS])
            if node >= 0:
                near += nodes[node, 1]
        work[at, FOUND] = node
    for at in range(first, todo):
        node = work[at, FOUND]
        if node >= 0:
            before, after = np.int64(links[node, BEFORE]), np.int64(links[node, AFTER])
            if before >= 0:
                near += links[before, ROW]
            if after >= 0:
                near += links[after, ROW]
    # Written somewhere, so that the compiler does not leave out what brought it.
    work[0, FOUND] = near
