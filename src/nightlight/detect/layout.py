"""How the state of all windows lies in a few arrays.

The log is the queue: everything that is kept stands in one list per group, in the order in which it was last seen, and
each window length has one pointer into it that moves on as time passes. What a group keeps (``groups.Kept``) is a
*node*; a pair that is seen again moves to the end of the list, so nothing is kept twice. A key's counts stand in its
row of ``keys``; a node knows that row, so running out of a window needs no search. Nodes that no window reaches and
keys without nodes are overwritten with zeros and used again.

``s``, the state, is a tuple (``State``):

====== ============ ============================================================================================
0      nodes        int64 [node, 4]: value, t; the rest as int32 in ``links``
1      links        the same memory as int32 [node, 8]: 4 the node before, 5 the node after, 6 row of its key (-1: free)
2      node_index   int32: nodes of pairs by the hash of (row of the key, value), see ``index.py``; -1: empty
3      keys         int64 [key, 2 + n]: id; from column 2 sums by window, or the first time
4      counts       the same memory as int32: 2 nodes of the key (of TIMES: the node), 3 group, 4… counts by window
5      key_index    int32: rows of keys by the hash of (group, id)
6      lists        int64 [group, 4 + 2 n]: last node, ``Kept``, windows, a time before which nothing runs out;
                    then pointers; then lengths, the longest last
7      meta         int64: the places below
8      work         int64 [search or addition, 6]: first what an event asks for (group, key; row), then what the next
                    events add (group, key, value, event; what ``index.touch`` finds on its way)
====== ============ ============================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numba import njit

LAST_NUMBER, LAST_T, DOUBLED, CLAMPED, DROPPED, CAPPED = 0, 1, 2, 3, 4, 5
NODES_USED, NODE_FREE, KEYS_USED, KEY_FREE = 6, 7, 8, 9
#: How many bits of what stands in an index are a row of its table.
NODE_BITS, KEY_BITS = 10, 11
#: Nodes of pairs: they alone stand in ``node_index``.
PAIRS_USED = 12
SALT, ENTRIES_MAX, NEW_KEYS_MAX, PER_KEY_MAX = 13, 14, 15, 16
META = 17

#: In ``links`` and in ``counts`` and in ``lists`` and in ``work``.
BEFORE, AFTER, ROW = 4, 5, 6
HAS, GROUP, SHORTER = 2, 3, 4
LAST, KEPT, WINDOWS, DUE, POINTERS = 0, 1, 2, 3, 4
OF, KEY, VALUE, EVENT, HASH, FOUND = 0, 1, 2, 3, 4, 5
WORK = 6
PAIRS, EVENTS, NUMBERS, TIMES = 0, 1, 2, 3
NEVER = 2**62

State = Any

#: Without reference counts: nothing here makes or keeps an array, and counting took half of the time. Without Python's
#: lock, too: engines of one process work at the same time, each in a thread.
UNCOUNTED: dict[str, Any] = {"_nrt": False, "nogil": True}
kernel: Any = njit(**UNCOUNTED)

Kernel = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Called:
    """What Python calls of the functions of the tables, as machine code."""

    spare: Kernel
    look: Kernel
    count: Kernel
    total: Kernel
    since: Kernel
    since_first: Kernel
    expire_all: Kernel
    takes: Kernel
    sparse: Kernel
    index_nodes: Kernel
    index_keys: Kernel
    write: Kernel
    read: Kernel
    forget: Kernel
