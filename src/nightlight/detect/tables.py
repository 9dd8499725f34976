"""The tables of ``layout.py`` and what may be done with them, compiled by numba: keys and nodes come, move and go."""

from __future__ import annotations

import numpy as np

from nightlight.detect.index import hash_of, put, take_out_key, take_out_pair
from nightlight.detect.layout import (
    AFTER,
    BEFORE,
    DUE,
    GROUP,
    HAS,
    KEPT,
    KEY_BITS,
    KEY_FREE,
    KEYS_USED,
    LAST,
    LAST_T,
    NEVER,
    NODE_BITS,
    NODE_FREE,
    NODES_USED,
    NUMBERS,
    PAIRS,
    PAIRS_USED,
    POINTERS,
    ROW,
    SHORTER,
    TIMES,
    WINDOWS,
    State,
    kernel,
)


@kernel
def new_key(s: State, group: int, key: int) -> int:
    keys, counts, index, meta = s[3], s[4], s[5], s[7]
    row = meta[KEY_FREE]
    meta[KEY_FREE] = keys[row, 0]
    meta[KEYS_USED] += 1
    keys[row, 0] = key
    counts[row, HAS] = 0
    counts[row, GROUP] = group
    put(index, hash_of(meta, group, key), row, meta[KEY_BITS])
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
        meta[PAIRS_USED] -= 1
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
def keep(s: State, group: int, row: int, value: int, t: int) -> None:
    """A new node, within every window."""
    keys, counts, lists = s[3], s[4], s[6]
    kept = lists[group, KEPT]
    node = new_node(s, group, row, value, t)
    if kept == PAIRS:
        put(s[2], hash_of(s[7], row, value), node, s[7][NODE_BITS])
        s[7][PAIRS_USED] += 1
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
