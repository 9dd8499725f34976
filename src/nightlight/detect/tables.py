"""The state of all windows in a few arrays, and what may be done with them, compiled by numba.

The log is the queue: everything that is kept stands in one list per group, in the order in which it was last seen, and
each window length has one pointer into it that moves on as time passes. What a group keeps (``groups.Kept``) is a
*node*; a pair that is seen again moves to the end of the list, so nothing is kept twice. A key's counts stand in its
row of ``keys``; a node knows that row, so running out of a window needs no search. Nodes that no window reaches and
keys without nodes are overwritten with zeros and used again.

``s``, the state, is a tuple (``State``):

====== ============ ============================================================================================
0      nodes        int64 [node, 4]: value, t; the rest as int32 in ``links``
1      links        the same memory as int32 [node, 8]: 4 the node before, 5 the node after, 6 row of its key (-1: free)
2      node_index   int32: places of pairs by the hash of (row of the key, value), open addressing; -1: empty
3      keys         int64 [key, 2 + n]: id; from column 2 sums by window, or the first time
4      counts       the same memory as int32: 2 nodes of the key (of TIMES: the node), 3 group, 4… counts by window
5      key_index    int32: rows of keys by the hash of (group, id)
6      lists        int64 [group, 4 + 2 n]: last node, ``Kept``, windows, a time before which nothing runs out;
                    then pointers; then lengths, the longest last
7      meta         int64: the places below
8      work         int64 [group or search, 4]: what an event adds (group, key, value) or asks for (group, key; row)
====== ============ ============================================================================================

Hashes are those of splitmix64's finaliser over a secret salt: ids that were chosen to meet in one place do not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from nightlight.detect.ranges import HIGH, LOW

LAST_NUMBER, LAST_T, DOUBLED, CLAMPED, DROPPED, CAPPED = 0, 1, 2, 3, 4, 5
NODES_USED, NODE_FREE, KEYS_USED, KEY_FREE = 6, 7, 8, 9
SALT, ENTRIES_MAX, NEW_KEYS_MAX, PER_KEY_MAX = 10, 11, 12, 13
META = 14

#: In ``links`` and in ``counts`` and in ``lists``.
BEFORE, AFTER, ROW = 4, 5, 6
HAS, GROUP, SHORTER = 2, 3, 4
LAST, KEPT, WINDOWS, DUE, POINTERS = 0, 1, 2, 3, 4
PAIRS, EVENTS, NUMBERS, TIMES = 0, 1, 2, 3
NEVER = 2**62

State = Any

#: Without reference counts: nothing here makes or keeps an array, and counting took half of the time.
_UNCOUNTED: dict[str, Any] = {"_nrt": False}
kernel: Any = njit(**_UNCOUNTED)

_MIX_1, _MIX_2, _STEP = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB), np.uint64(0x9E3779B97F4A7C15)
_LOW, _HIGH = np.array(LOW, np.int64), np.array(HIGH, np.int64)
_30, _27, _31, _32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)


@kernel
def mixed(x: Any) -> Any:
    """splitmix64's finaliser (Steele, Lea, Flood 2014)."""
    x = (x ^ (x >> _30)) * _MIX_1
    x = (x ^ (x >> _27)) * _MIX_2
    return x ^ (x >> _31)


@kernel
def place_of(meta: Any, part: Any, whole: Any, size: Any) -> Any:
    """Where the search for (``part``, ``whole``) begins: a small number (group or row) and an id."""
    h = mixed(mixed(np.uint64(whole) ^ np.uint64(meta[SALT])) + np.uint64(part + 1) * _STEP)
    return np.int64(((h >> _32) * np.uint64(size)) >> _32)


@kernel
def find_key(s: State, group: int, key: int) -> int:
    keys, counts, index = s[3], s[4], s[5]
    i = place_of(s[7], group, key, index.size)
    while True:
        row: Any = np.int64(index[i])
        if row < 0 or (keys[row, 0] == key and counts[row, GROUP] == group):
            return row
        i += 1
        if i == index.size:
            i = 0


@kernel
def find_pair(s: State, row: int, value: int) -> int:
    nodes, links, index = s[0], s[1], s[2]
    i = place_of(s[7], row, value, index.size)
    while True:
        node: Any = np.int64(index[i])
        if node < 0 or (nodes[node, 0] == value and links[node, ROW] == row):
            return node
        i += 1
        if i == index.size:
            i = 0


@kernel
def put(index: Any, i: int, what: int) -> None:
    while index[i] >= 0:
        i += 1
        if i == index.size:
            i = 0
    index[i] = what


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
    i = place_of(meta, counts[row, GROUP], keys[row, 0], index.size)
    while index[i] != row:
        i = i + 1 if i + 1 < index.size else 0
    j = i
    while True:
        j = j + 1 if j + 1 < index.size else 0
        other = np.int64(index[j])
        if other < 0:
            break
        if not stays(i, place_of(meta, counts[other, GROUP], keys[other, 0], index.size), j):
            index[i] = other
            i = j
    index[i] = -1


@kernel
def take_out_pair(s: State, node: int) -> None:
    nodes, links, index, meta = s[0], s[1], s[2], s[7]
    i = place_of(meta, links[node, ROW], nodes[node, 0], index.size)
    while index[i] != node:
        i = i + 1 if i + 1 < index.size else 0
    j = i
    while True:
        j = j + 1 if j + 1 < index.size else 0
        other = np.int64(index[j])
        if other < 0:
            break
        if not stays(i, place_of(meta, links[other, ROW], nodes[other, 0], index.size), j):
            index[i] = other
            i = j
    index[i] = -1


@kernel
def new_key(s: State, group: int, key: int) -> int:
    keys, counts, index, meta = s[3], s[4], s[5], s[7]
    row = meta[KEY_FREE]
    meta[KEY_FREE] = keys[row, 0]
    meta[KEYS_USED] += 1
    keys[row, 0] = key
    counts[row, HAS] = 0
    counts[row, GROUP] = group
    put(index, place_of(meta, group, key, index.size), row)
    return row


@kernel
def free_key(s: State, row: int) -> None:
    keys, counts, meta = s[3], s[4], s[7]
    take_out_key(s, row)
    for column in range(keys.shape[1]):
        keys[row, column] = 0
    counts[row, GROUP] = -1
    keys[row, 0] = meta[KEY_FREE]
    meta[KEY_FREE] = row
    meta[KEYS_USED] -= 1


@kernel
def link_last(s: State, group: int, node: int) -> None:
    links, lists = s[1], s[6]
    last = lists[group, LAST]
    links[node, BEFORE] = last
    links[node, AFTER] = -1
    if last >= 0:
        links[last, AFTER] = node
    lists[group, LAST] = node
    lengths = POINTERS + (lists.shape[1] - POINTERS) // 2
    for w in range(lists[group, WINDOWS]):
        if lists[group, POINTERS + w] < 0:
            lists[group, POINTERS + w] = node
            lists[group, DUE] = min(lists[group, DUE], s[0][node, 1] + lists[group, lengths + w])


@kernel
def unlink(s: State, group: int, node: int) -> None:
    links, lists = s[1], s[6]
    before, after = np.int64(links[node, BEFORE]), np.int64(links[node, AFTER])
    if before >= 0:
        links[before, AFTER] = after
    if after >= 0:
        links[after, BEFORE] = before
    else:
        lists[group, LAST] = before
    for w in range(lists[group, WINDOWS]):
        if lists[group, POINTERS + w] == node:
            lists[group, POINTERS + w] = after


@kernel
def new_node(s: State, group: int, row: int, value: int, t: int) -> int:
    nodes, links, meta = s[0], s[1], s[7]
    node = meta[NODE_FREE]
    meta[NODE_FREE] = nodes[node, 0]
    meta[NODES_USED] += 1
    nodes[node, 0] = value
    nodes[node, 1] = t
    links[node, ROW] = row
    link_last(s, group, node)
    return node


@kernel
def free_node(s: State, group: int, node: int) -> None:
    """Out of list and index; the key goes with its last node. Shorter windows have to have lost it already."""
    nodes, links, counts, lists, meta = s[0], s[1], s[4], s[6], s[7]
    row = np.int64(links[node, ROW])
    if lists[group, KEPT] == PAIRS:
        take_out_pair(s, node)
    unlink(s, group, node)
    if lists[group, KEPT] == NUMBERS:
        s[3][row, 1 + lists[group, WINDOWS]] -= nodes[node, 0]
    for column in range(4):
        nodes[node, column] = 0
    links[node, ROW] = -1
    nodes[node, 0] = meta[NODE_FREE]
    meta[NODE_FREE] = node
    meta[NODES_USED] -= 1
    if lists[group, KEPT] == TIMES:
        free_key(s, row)
    else:
        counts[row, HAS] -= 1
        if counts[row, HAS] == 0:
            free_key(s, row)


@kernel
def leave(s: State, group: int, window: int, node: int) -> None:
    """A window that is not the longest loses a node."""
    row = np.int64(s[1][node, ROW])
    if s[6][group, KEPT] == NUMBERS:
        s[3][row, 2 + window] -= s[0][node, 0]
    else:
        s[4][row, SHORTER + window] -= 1


@kernel
def expire(s: State, group: int, now: int) -> None:
    """A window is (now - length, now]. To be called where ``DUE`` has come; otherwise it changes nothing."""
    nodes, links, lists = s[0], s[1], s[6]
    windows = lists[group, WINDOWS]
    lengths = POINTERS + (lists.shape[1] - POINTERS) // 2
    due = NEVER
    for w in range(windows):
        node = lists[group, POINTERS + w]
        edge = now - lists[group, lengths + w]
        while node >= 0 and nodes[node, 1] <= edge:
            after = np.int64(links[node, AFTER])
            if w == windows - 1:
                free_node(s, group, node)
            else:
                leave(s, group, w, node)
            node = after
        lists[group, POINTERS + w] = node
        if node >= 0:
            due = min(due, nodes[node, 1] + lists[group, lengths + w])
    lists[group, DUE] = due


@kernel
def expire_all(s: State) -> None:
    for group in range(s[6].shape[0]):
        if s[6][group, DUE] <= s[7][LAST_T]:
            expire(s, group, s[7][LAST_T])


@kernel
def spare(s: State) -> bool:
    """Whether another event fits: it adds one node and one key to each group at most."""
    groups, meta = s[6].shape[0], s[7]
    return s[0].shape[0] - meta[NODES_USED] >= groups and s[3].shape[0] - meta[KEYS_USED] >= groups


@kernel
def arrive(s: State, number: int, t: int) -> int:
    """The time that the event counts with, or -1 where it was here already."""
    meta = s[7]
    if number <= meta[LAST_NUMBER]:
        meta[DOUBLED] += 1
        return -1
    meta[LAST_NUMBER] = number
    if t < meta[LAST_T]:
        meta[CLAMPED] += 1
        return meta[LAST_T]
    meta[LAST_T] = t
    return t


@kernel
def full(s: State, more: int, limit: int) -> bool:
    """Whether ``more`` entries are too many, once everything that is too old is gone."""
    meta = s[7]
    expire_all(s)
    if meta[NODES_USED] + meta[KEYS_USED] + more <= meta[limit]:
        return False
    meta[DROPPED] += 1
    return True


@kernel
def seen_again(s: State, group: int, node: int, t: int) -> None:
    nodes, counts, lists = s[0], s[4], s[6]
    lengths = POINTERS + (lists.shape[1] - POINTERS) // 2
    row = np.int64(s[1][node, ROW])
    for w in range(lists[group, WINDOWS] - 1):
        if nodes[node, 1] <= t - lists[group, lengths + w]:
            counts[row, SHORTER + w] += 1
    unlink(s, group, node)
    nodes[node, 1] = t
    link_last(s, group, node)


@kernel
def add(s: State, group: int, key: int, value: int, t: int) -> None:
    keys, counts, lists, meta = s[3], s[4], s[6], s[7]
    kept = lists[group, KEPT]
    row = find_key(s, group, key)
    more, limit = 2, NEW_KEYS_MAX
    if row >= 0:
        node: Any = -1
        if kept == PAIRS:
            node = find_pair(s, row, value)
        elif kept == TIMES:
            node = np.int64(counts[row, HAS])
        if node >= 0:
            seen_again(s, group, node, t)
            return
        if counts[row, HAS] >= meta[PER_KEY_MAX]:
            meta[CAPPED] += 1
            return
        more, limit = 1, ENTRIES_MAX
    if meta[NODES_USED] + meta[KEYS_USED] + more > meta[limit] and full(s, more, limit):
        return
    if row < 0:
        row = new_key(s, group, key)
        if kept == TIMES:
            keys[row, 2] = t
    keep(s, group, row, value, t)


@kernel
def keep(s: State, group: int, row: int, value: int, t: int) -> None:
    """A new node, within every window."""
    keys, counts, lists = s[3], s[4], s[6]
    kept = lists[group, KEPT]
    node = new_node(s, group, row, value, t)
    if kept == PAIRS:
        put(s[2], place_of(s[7], row, value, s[2].size), node)
    if kept == TIMES:
        counts[row, HAS] = node
        return
    counts[row, HAS] += 1
    if kept == NUMBERS:
        for w in range(lists[group, WINDOWS]):
            keys[row, 2 + w] += value
    else:
        for w in range(lists[group, WINDOWS] - 1):
            counts[row, SHORTER + w] += 1


@kernel
def take(s: State, todo: int, t: int) -> None:
    """Adds what stands in the first rows of ``work``."""
    work = s[8]
    for at in range(todo):
        if s[6][work[at, 0], DUE] <= t:
            expire(s, work[at, 0], t)
        add(s, work[at, 0], work[at, 1], work[at, 2], t)


@kernel
def look(s: State, asked: int, t: int) -> None:
    """Finds the rows of the keys that stand in the first rows of ``work``, with everything too old gone: column 3."""
    work = s[8]
    for at in range(asked):
        work[at, 3] = -1
        if work[at, 0] >= 0:
            if s[6][work[at, 0], DUE] <= t:
                expire(s, work[at, 0], t)
            work[at, 3] = find_key(s, work[at, 0], work[at, 1])


@kernel
def count(s: State, at: int, column: int) -> int:
    """The count in a column of ``counts`` of the key that was looked for in this row of ``work``. The same below."""
    row = s[8][at, 3]
    return int(s[4][row, column]) if row >= 0 else 0


@kernel
def total(s: State, at: int, window: int) -> int:
    row = s[8][at, 3]
    return s[3][row, 2 + window] if row >= 0 else 0


@kernel
def since(s: State, at: int, t: int) -> int:
    row = s[8][at, 3]
    return t - s[0][np.int64(s[4][row, HAS]), 1] if row >= 0 else NEVER


@kernel
def since_first(s: State, at: int, t: int) -> int:
    row = s[8][at, 3]
    return t - s[3][row, 2] if row >= 0 else NEVER


@kernel
def ratio(part: Any, whole: Any, otherwise: Any) -> Any:
    return part / whole if whole != 0 else otherwise


@kernel
def want(work: Any, at: int, group: int, key: int, value: int) -> int:
    work[at, 0] = group
    work[at, 1] = key
    work[at, 2] = value
    return at + 1


@kernel
def hit(out: Any, at: int, event: int, rule: int, about: int, t: int) -> None:
    out[at, 0] = event
    out[at, 1] = rule
    out[at, 2] = about
    out[at, 3] = t
    out[at, 4:] = 0


@kernel
def show(out: Any, at: int, column: int, value: Any) -> None:
    out[at, column] = value


@kernel
def unfit(events: Any, start: int, stop: int) -> int:
    """The first field with a value out of its range, or -1."""
    for field in range(events.shape[0]):
        for i in range(start, stop):
            if not _LOW[field] <= events[field, i] <= _HIGH[field]:
                return field
    return -1


_FUNCTIONS = (arrive, spare, unfit, want, take, look, expire_all, count, total, since, since_first, ratio, hit, show)
#: All that generated code may call, by name.
CALLED: dict[str, Any] = {function.__name__: function for function in _FUNCTIONS}
