"""The arrays of ``layout.py``: made, grown, written out in a short form, read back, and rid of one account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nightlight.detect.generated import AHEAD
from nightlight.detect.groups import Kept, Plan
from nightlight.detect.index import hash_of, put
from nightlight.detect.layout import (
    AFTER,
    CAPPED,
    CLAMPED,
    DOUBLED,
    DROPPED,
    DUE,
    GROUP,
    KEPT,
    KEY_BITS,
    KEY_FREE,
    KEYS_USED,
    LAST_NUMBER,
    LAST_T,
    META,
    NEVER,
    NODE_BITS,
    NODE_FREE,
    NODES_USED,
    PAIRS,
    PAIRS_USED,
    POINTERS,
    ROW,
    SALT,
    TIMES,
    WINDOWS,
    WORK,
    Called,
    State,
    kernel,
)
from nightlight.detect.tables import expire_all, free_node, keep, leave, new_key

#: A table of which no more than this part is used is made shorter.
SPARSE = 0.25
SMALL = 256
_COUNTED = (LAST_NUMBER, LAST_T, DOUBLED, CLAMPED, DROPPED, CAPPED)


@dataclass(frozen=True, slots=True)
class Room:
    """``growth``: a table is made longer by this. ``index``: its index is this much longer than the table."""

    growth: float
    index: float


#: Little memory, and with about twice of it less to wait for.
TIGHT, WIDE = Room(1.12, 1.43), Room(1.7, 2.5)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Numbers of ``Limits`` and the salt, as they stand in ``meta``."""

    salt: int
    entries_max: int
    new_keys_max: int
    per_key_max: int
    room: Room = TIGHT


@dataclass(frozen=True, slots=True)
class Contents:
    """All that is kept, without gaps: keys as they come; nodes by group, and in a group in the order of the list.

    ``rows``: of each node, the place of its key. ``firsts``: of a key of ``TIMES``. ``counted``: the first places of
    ``meta``, the last number and time and the counters.
    """

    ids: NDArray[np.int64]
    groups: NDArray[np.int32]
    firsts: NDArray[np.int64]
    rows: NDArray[np.int32]
    values: NDArray[np.int64]
    times: NDArray[np.int64]
    counted: NDArray[np.int64]


def new_state(code: Called, plan: Plan, bounds: Bounds, nodes: int = 0, keys: int = 0, pairs: int = 0) -> State:
    """Empty tables with room for so many nodes and keys, pairs among the nodes, and for what one event may add."""
    windows = plan.windows_max
    lists = np.full((max(1, len(plan.groups)), POINTERS + 2 * windows), -1, np.int64)
    lists[:, KEPT:POINTERS] = 0
    lists[:, DUE] = NEVER
    for number, group in enumerate(plan.groups):
        lists[number, KEPT], lists[number, WINDOWS] = int(group.kept), len(group.overs)
        lists[number, POINTERS + windows : POINTERS + windows + len(group.overs)] = group.overs
    meta = np.zeros(META, np.int64)
    meta[[LAST_NUMBER, NODE_FREE, KEY_FREE]] = -1
    meta[SALT:] = bounds.salt, bounds.entries_max, bounds.new_keys_max, bounds.per_key_max
    width = 2 + max((_wide(group.kept, len(group.overs)) for group in plan.groups), default=0)
    work = np.zeros((max(1, plan.searches_max) + AHEAD * len(plan.groups), WORK), np.int64)
    no_nodes, no_keys, no_index = np.zeros((0, 4), np.int64), np.zeros((0, width), np.int64), np.zeros(0, np.int32)
    empty = no_nodes, no_nodes.view(np.int32), no_index, no_keys, no_keys.view(np.int32), no_index, lists, meta, work
    least = max(SMALL, 2 * len(plan.groups))
    nodes, keys, pairs = max(least, nodes), max(least, keys), max(least, pairs)
    half = _longer(code, empty, _NODES, nodes, _places(pairs, bounds.room))
    return _longer(code, half, _KEYS, keys, _places(keys, bounds.room))


def _wide(kept: Kept, windows: int) -> int:
    return {Kept.NUMBERS: windows, Kept.TIMES: 1}.get(kept, windows // 2)


def grown(code: Called, s: State, room: Room) -> State:
    """The same state in tables that hold more, where they are nearly full."""
    least = 2 * len(s[6])
    meta, places = s[7], len(s[2])
    if not code.takes(s[2], int(meta[PAIRS_USED]) + least):
        places = _places(int(meta[PAIRS_USED] * room.growth) + least, room)
    nodes = len(s[0])
    if nodes - meta[NODES_USED] < least:
        nodes = int(nodes * room.growth) + least
    if nodes > len(s[0]) or places > len(s[2]):
        s = _longer(code, s, _NODES, nodes, places)
    if len(s[3]) - meta[KEYS_USED] < least:
        keys = int(len(s[3]) * room.growth) + least
        s = _longer(code, s, _KEYS, keys, _places(keys, room))
    return s


def _places(entries: int, room: Room) -> int:
    return int(entries * room.index) + 2


def _longer(code: Called, s: State, table: int, length: int, places: int) -> State:
    """``table``: where in the state it stands; beside it the same memory in halves, and its index, of ``places``."""
    owner, free, bits, index = _PARTS[table]
    meta, before = s[7], len(s[table])
    rows = s[table]
    if length > before:
        rows = np.zeros((length, s[table].shape[1]), np.int64)
        rows[:before] = s[table]
        rows.view(np.int32)[before:, owner] = -1
        rows[before:, 0] = np.arange(before + 1, length + 1)
        rows[-1, 0] = meta[free]
        meta[free] = before
        meta[bits] = length.bit_length()
    made = (*s[:table], rows, rows.view(np.int32), np.full(places, -1, np.int32), *s[table + 3 :])
    getattr(code, index)(made)
    return made


@kernel
def sparse(s: State) -> bool:
    nodes, keys, meta = s[0].shape[0], s[3].shape[0], s[7]
    least = max(2 * SMALL, 8 * s[6].shape[0])
    return (
        (nodes > least and meta[NODES_USED] < nodes * SPARSE)
        or (keys > least and meta[KEYS_USED] < keys * SPARSE)
        or (s[2].size > 4 * least and meta[PAIRS_USED] < s[2].size * SPARSE / 4)
    )


def state_bytes(s: State) -> int:
    return int(sum(s[place].nbytes for place in (0, 2, 3, 5, 6, 7, 8)))


def contents(code: Called, s: State) -> Contents:
    """What is kept now; what is too old goes first."""
    code.expire_all(s)
    keys, nodes = int(s[7][KEYS_USED]), int(s[7][NODES_USED])
    made = Contents(
        np.zeros(keys, np.int64),
        np.zeros(keys, np.int32),
        np.zeros(keys, np.int64),
        np.zeros(nodes, np.int32),
        np.zeros(nodes, np.int64),
        np.zeros(nodes, np.int64),
        s[7][list(_COUNTED)].copy(),
    )
    code.write(s, made.ids, made.groups, made.firsts, made.rows, made.values, made.times)
    return made


def state_of(code: Called, plan: Plan, bounds: Bounds, what: Contents) -> State:
    spare = 2 * len(plan.groups)
    of_pairs = np.array([group.kept is Kept.PAIRS for group in plan.groups], np.bool_)
    pairs = int(of_pairs[what.groups[what.rows]].sum()) if len(what.rows) else 0
    nodes, keys, pairs = (int(many * 1.05) + spare for many in (len(what.rows), len(what.ids), pairs))
    s = new_state(code, plan, bounds, nodes, keys, pairs)
    s[7][list(_COUNTED)] = what.counted
    code.read(s, what.ids, what.groups, what.firsts, what.rows, what.values, what.times)
    return s


@kernel
def index_keys(s: State) -> None:
    keys, counts, meta = s[3], s[4], s[7]
    for row in range(keys.shape[0]):
        if counts[row, GROUP] >= 0:
            put(s[5], hash_of(meta, counts[row, GROUP], keys[row, 0]), row, meta[KEY_BITS])


@kernel
def index_nodes(s: State) -> None:
    nodes, links, counts, lists, meta = s[0], s[1], s[4], s[6], s[7]
    for node in range(nodes.shape[0]):
        key = np.int64(links[node, ROW])
        if key >= 0 and lists[counts[key, GROUP], KEPT] == PAIRS:
            put(s[2], hash_of(meta, key, nodes[node, 0]), node, meta[NODE_BITS])


_NODES, _KEYS = 0, 3
#: Of a table: where its halves say whose a row is, its first free row and how many bits rows have, and its index.
_PARTS: Mapping[int, tuple[int, int, int, str]] = {
    _NODES: (ROW, NODE_FREE, NODE_BITS, "index_nodes"),
    _KEYS: (GROUP, KEY_FREE, KEY_BITS, "index_keys"),
}


@njit
def write(s: State, ids: Any, groups: Any, firsts: Any, rows: Any, values: Any, times: Any) -> None:
    nodes, links, keys, counts, lists = s[0], s[1], s[3], s[4], s[6]
    place: Any = np.zeros(keys.shape[0], np.int32)
    at = 0
    for row in range(keys.shape[0]):
        group = np.int64(counts[row, GROUP])
        if group >= 0:
            ids[at], groups[at], place[row] = keys[row, 0], group, at
            if lists[group, KEPT] == TIMES:
                firsts[at] = keys[row, 2]
            at += 1
    at = 0
    for one in range(lists.shape[0]):
        node: Any = lists[one, POINTERS + lists[one, WINDOWS] - 1] if lists[one, WINDOWS] else -1
        while node >= 0:
            rows[at], values[at], times[at] = place[np.int64(links[node, ROW])], nodes[node, 0], nodes[node, 1]
            at += 1
            node = np.int64(links[node, AFTER])


@njit
def read(s: State, ids: Any, groups: Any, firsts: Any, rows: Any, values: Any, times: Any) -> None:
    """Everything is taken as within every window; then what is not leaves as it always does."""
    keys, counts, lists = s[3], s[4], s[6]
    place: Any = np.zeros(ids.size, np.int64)
    for at in range(ids.size):
        place[at] = new_key(s, np.int64(groups[at]), ids[at])
        if lists[groups[at], KEPT] == TIMES:
            keys[place[at], 2] = firsts[at]
    for at in range(rows.size):
        row = place[rows[at]]
        group = np.int64(counts[row, GROUP])
        keep(s, group, row, values[at], times[at])
    expire_all(s)


@kernel
def forget(s: State, account: int, by_key: Any, by_value: Any) -> int:
    """Removes the account's keys and all pairs with it as a value; returns how many nodes went.

    ``by_key``, ``by_value``: by group, whether its keys or values are accounts.
    """
    nodes, links, keys, counts, lists, meta = s[0], s[1], s[3], s[4], s[6], s[7]
    expire_all(s)
    lengths = POINTERS + (lists.shape[1] - POINTERS) // 2
    gone = 0
    for node in range(nodes.shape[0]):
        row = np.int64(links[node, ROW])
        if row < 0:
            continue
        group = np.int64(counts[row, GROUP])
        if (by_key[group] and keys[row, 0] == account) or (by_value[group] and nodes[node, 0] == account):
            for w in range(lists[group, WINDOWS] - 1):
                if nodes[node, 1] > meta[LAST_T] - lists[group, lengths + w]:
                    leave(s, group, w, node)
            free_node(s, group, node)
            gone += 1
    return gone
