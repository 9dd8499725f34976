"""What generated code may call, compiled by numba: an event is taken, keys are looked for, values are read."""

from __future__ import annotations

from typing import Any

import numpy as np

from nightlight.detect.index import find_key, find_pair, hash_of, takes, touch
from nightlight.detect.layout import (
    CAPPED,
    CLAMPED,
    DOUBLED,
    DROPPED,
    DUE,
    ENTRIES_MAX,
    EVENT,
    FOUND,
    HAS,
    HASH,
    KEPT,
    KEY,
    KEYS_USED,
    LAST_NUMBER,
    LAST_T,
    NEVER,
    NEW_KEYS_MAX,
    NODES_USED,
    OF,
    PAIRS,
    PAIRS_USED,
    PER_KEY_MAX,
    TIMES,
    VALUE,
    State,
    kernel,
)
from nightlight.detect.ranges import HIGH, LOW
from nightlight.detect.tables import expire, expire_all, keep, new_key, seen_again

_LOW, _HIGH = np.array(LOW, np.int64), np.array(HIGH, np.int64)


@kernel
def spare(s: State) -> bool:
    """Whether another event fits: it adds one node and one key to each group at most."""
    groups, meta = s[6].shape[0], s[7]
    return (
        s[0].shape[0] - meta[NODES_USED] >= groups
        and s[3].shape[0] - meta[KEYS_USED] >= groups
        and takes(s[2], meta[PAIRS_USED] + groups)
    )


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
def add(s: State, group: int, key: int, value: int, h: Any, t: int) -> None:
    keys, counts, lists, meta = s[3], s[4], s[6], s[7]
    kept = lists[group, KEPT]
    row = find_key(s, group, key, h)
    more, limit = 2, NEW_KEYS_MAX
    if row >= 0:
        node: Any = -1
        if kept == PAIRS:
            node = find_pair(s, row, value, hash_of(meta, row, value))
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
def take(s: State, at: int, todo: int, event: int, t: int) -> int:
    """Adds what one event adds: it stands in ``work`` from ``at`` on. Returns where that of the next begins.

    ``t`` below 0: the event was here already, and nothing is added.
    """
    work = s[8]
    while at < todo and work[at, EVENT] == event:
        if t >= 0:
            group = work[at, OF]
            if s[6][group, DUE] <= t:
                expire(s, group, t)
            add(s, group, work[at, KEY], work[at, VALUE], np.uint64(work[at, HASH]), t)
        at += 1
    return at


@kernel
def look(s: State, asked: int, t: int) -> None:
    """Finds the rows of the keys that stand in the first rows of ``work``, with everything too old gone."""
    work = s[8]
    for at in range(asked):
        group = work[at, OF]
        work[at, FOUND] = -1
        if group >= 0:
            if s[6][group, DUE] <= t:
                expire(s, group, t)
            work[at, FOUND] = find_key(s, group, work[at, KEY], hash_of(s[7], group, work[at, KEY]))


@kernel
def count(s: State, at: int, column: int) -> int:
    """The count in a column of ``counts`` of the key that was looked for in this row of ``work``. The same below."""
    row = s[8][at, FOUND]
    return int(s[4][row, column]) if row >= 0 else 0


@kernel
def total(s: State, at: int, window: int) -> int:
    row = s[8][at, FOUND]
    return s[3][row, 2 + window] if row >= 0 else 0


@kernel
def since(s: State, at: int, t: int) -> int:
    row = s[8][at, FOUND]
    return t - s[0][np.int64(s[4][row, HAS]), 1] if row >= 0 else NEVER


@kernel
def since_first(s: State, at: int, t: int) -> int:
    row = s[8][at, FOUND]
    return t - s[3][row, 2] if row >= 0 else NEVER


@kernel
def ratio(part: Any, whole: Any, otherwise: Any) -> Any:
    return part / whole if whole != 0 else otherwise


@kernel
def want(work: Any, at: int, group: int, key: int, value: int, event: int) -> int:
    work[at, OF] = group
    work[at, KEY] = key
    work[at, VALUE] = value
    work[at, EVENT] = event
    return at + 1


@kernel
def ask(work: Any, at: int, group: int, key: int) -> None:
    work[at, OF] = group
    work[at, KEY] = key


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


_FUNCTIONS = (
    arrive, spare, unfit, want, touch, take, ask, look, expire_all, count, total, since, since_first, ratio, hit, show,
)  # fmt: skip
#: All of it, by name.
CALLED: dict[str, Any] = {function.__name__: function for function in _FUNCTIONS}
