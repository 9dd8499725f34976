"""The arrays of ``tables.py``: made, grown, written out in a short form, read back, and rid of one account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nightlight.detect import tables
from nightlight.detect.groups import Kept, Plan
from nightlight.detect.tables import (
    AFTER,
    CAPPED,
    CLAMPED,
    DOUBLED,
    DROPPED,
    GROUP,
    KEPT,
    KEY_FREE,
    KEYS_USED,
    LAST_NUMBER,
    LAST_T,
    META,
    NODE_FREE,
    NODES_USED,
    PAIRS,
    POINTERS,
    ROW,
    TIMES,
    WINDOWS,
    State,
    expire_all,
    free_node,
    keep,
    kernel,
    leave,
    new_key,
    place_of,
    put,
)

#: A table is made longer by this; its index is always this much longer than the table.
GROWTH, INDEX = 1.12, 1.43
#: A table of which no more than this part is used is made shorter.
SPARSE = 0.25
SMALL = 256
_COUNTED = (LAST_NUMBER, LAST_T, DOUBLED, CLAMPED, DROPPED, CAPPED)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Numbers of ``Limits`` and the salt, as they stand in ``meta``."""

    salt: int
    entries_max: int
    new_keys_max: int
    per_key_max: int


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


def new_state(plan: Plan, bounds: Bounds, nodes: int = 0, keys: int = 0) -> State:
    """Empty tables with room for so many nodes and keys, and for what one event may add."""
    windows = plan.windows_max
    lists = np.full((max(1, len(plan.groups)), POINTERS + 2 * windows), -1, np.int64)
    lists[:, KEPT:POINTERS] = 0
    lists[:, tables.DUE] = tables.NEVER
    for number, group in enumerate(plan.groups):
        lists[number, KEPT], lists[number, WINDOWS] = int(group.kept), len(group.overs)
        lists[number, POINTERS + windows : POINTERS + windows + len(group.overs)] = group.overs
    meta = np.zeros(META, np.int64)
    meta[[LAST_NUMBER, NODE_FREE, KEY_FREE]] = -1
    meta[tables.SALT :] = bounds.salt, bounds.entries_max, bounds.new_keys_max, bounds.per_key_max
    width = 2 + max((_wide(group.kept, len(group.overs)) for group in plan.groups), default=0)
    work = np.zeros((max(1, len(plan.groups), plan.searches_max), 4), np.int64)
    empty = _state(np.zeros((0, 4), np.int64), np.zeros((0, width), np.int64), lists, meta, work)
    least = max(SMALL, 2 * len(plan.groups))
    return _longer(empty, max(least, nodes), max(least, keys))


def _wide(kept: Kept, windows: int) -> int:
    return {Kept.NUMBERS: windows, Kept.TIMES: 1}.get(kept, windows // 2)


def _state(nodes: Any, keys: Any, lists: Any, meta: Any, work: Any) -> State:
    node_index = np.full(int(len(nodes) * INDEX) + 2, -1, np.int32)
    key_index = np.full(int(len(keys) * INDEX) + 2, -1, np.int32)
    return nodes, nodes.view(np.int32), node_index, keys, keys.view(np.int32), key_index, lists, meta, work


def grown(s: State) -> State:
    """The same state in tables that hold more, where they are nearly full."""
    least = 2 * len(s[6])
    nodes, keys = len(s[0]), len(s[3])
    if nodes - s[7][NODES_USED] < least:
        nodes = int(nodes * GROWTH) + least
    if keys - s[7][KEYS_USED] < least:
        keys = int(keys * GROWTH) + least
    return _longer(s, nodes, keys)


def _longer(s: State, nodes: int, keys: int) -> State:
    meta = s[7]
    more_nodes, more_keys = np.zeros((nodes, 4), np.int64), np.zeros((keys, s[3].shape[1]), np.int64)
    more_nodes[: len(s[0])], more_keys[: len(s[3])] = s[0], s[3]
    made = _state(more_nodes, more_keys, s[6], meta, s[8])
    made[1][len(s[0]) :, ROW], made[4][len(s[3]) :, GROUP] = -1, -1
    for table, before, free in ((more_nodes, len(s[0]), NODE_FREE), (more_keys, len(s[3]), KEY_FREE)):
        if len(table) > before:
            table[before:, 0] = np.arange(before + 1, len(table) + 1)
            table[-1, 0] = meta[free]
            meta[free] = before
    _index(made)
    return made


@kernel
def sparse(s: State) -> bool:
    nodes, keys, meta = s[0].shape[0], s[3].shape[0], s[7]
    least = max(2 * SMALL, 8 * s[6].shape[0])
    return (nodes > least and meta[NODES_USED] < nodes * SPARSE) or (keys > least and meta[KEYS_USED] < keys * SPARSE)


def state_bytes(s: State) -> int:
    return int(sum(s[place].nbytes for place in (0, 2, 3, 5, 6, 7, 8)))


def contents(s: State) -> Contents:
    """What is kept now; what is too old goes first."""
    expire_all(s)
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
    _write(s, made.ids, made.groups, made.firsts, made.rows, made.values, made.times)
    return made


def state_of(plan: Plan, bounds: Bounds, what: Contents) -> State:
    spare = 2 * len(plan.groups)
    s = new_state(plan, bounds, int(len(what.rows) * 1.05) + spare, int(len(what.ids) * 1.05) + spare)
    s[7][list(_COUNTED)] = what.counted
    _read(s, what.ids, what.groups, what.firsts, what.rows, what.values, what.times)
    return s


@kernel
def _index(s: State) -> None:
    nodes, links, keys, counts, lists, meta = s[0], s[1], s[3], s[4], s[6], s[7]
    for row in range(keys.shape[0]):
        if counts[row, GROUP] >= 0:
            put(s[5], place_of(meta, counts[row, GROUP], keys[row, 0], s[5].size), row)
    for node in range(nodes.shape[0]):
        key = np.int64(links[node, ROW])
        if key >= 0 and lists[counts[key, GROUP], KEPT] == PAIRS:
            put(s[2], place_of(meta, key, nodes[node, 0], s[2].size), node)


@njit
def _write(s: State, ids: Any, groups: Any, firsts: Any, rows: Any, values: Any, times: Any) -> None:
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
def _read(s: State, ids: Any, groups: Any, firsts: Any, rows: Any, values: Any, times: Any) -> None:
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
